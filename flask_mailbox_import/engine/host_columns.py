"""Judges the columns of a host's own that files are to fill, before anything is read."""

from __future__ import annotations

from collections.abc import Iterator

from ..reading.host_columns import names_taken
from ..storage.host_columns import host_columns, problems_of
from ..storage.models import MailboxMixin


def problems_of_columns(model: type[MailboxMixin]) -> Iterator[str]:
    """Yield why files cannot fill a model's columns, and the way out."""
    problems = list(problems_of(model, MailboxMixin))
    yield from problems or (f"{model.__name__}.{each}" for each in names_taken(host_columns(model)))
