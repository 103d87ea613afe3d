"""Files read as an import of the workspace ``w1`` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_mailbox_import.config import Config
from flask_mailbox_import.core.imports import Check, ImportOptions
from flask_mailbox_import.reading.reader import read_file


def options(**given: Any) -> ImportOptions:
    return ImportOptions(**{"workspace_id": "w1", **given})


def nothing(_email_keys: Sequence[str]) -> set[str]:
    """Return which addresses a workspace without mailboxes has: none."""
    return set()


def read(data: bytes, config: Config, **given: Any) -> Check:
    return read_file(data, config, options(**given), nothing)
