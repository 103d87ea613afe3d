"""Fills empty cells with what a call says of the servers of all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..config import Config
from ..core.errors import FileError
from ..core.rows import Record
from ..core.words import say
from .cells import to_record
from .validation import faults_of_servers


def server_record(servers: Mapping[str, str], config: Config) -> Record:
    """Return a record (row 0) with the given cells, cleaned and checked as those of a row.

    :param servers: by the names in ``SERVER_COLUMNS``.
    :raises FileError: ``invalid_field``.
    """
    record = to_record(0, servers)
    for fault in faults_of_servers(record, config):
        words = say("What is given for all rows is wrong. %(why)s", why=fault.text)
        raise FileError("invalid_field", words, {"field": fault.what.values.get("column", "")})
    return record


def filled(record: Record, for_all: Record) -> Record:
    """Return a record with the cells for all rows in place of its own empty ones."""
    if record.problem is not None or not any(for_all.cells.values()):
        return record
    cells = {name: text or for_all.cells.get(name, "") for name, text in record.cells.items()}
    return replace(record, cells=cells)
