"""Files read as an import of the workspace ``w1`` reads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flask_mailbox_import import FileError
from flask_mailbox_import.config import Config
from flask_mailbox_import.core.errors import UnclearFile
from flask_mailbox_import.core.found_servers import DomainServers, servers_of_table
from flask_mailbox_import.core.imports import Check, ImportOptions
from flask_mailbox_import.core.mailboxes import Mailbox
from flask_mailbox_import.core.rows import CheckedRow
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.reading.reader import read_file
from flask_mailbox_import.reading.server_search import FindServers, ServerSearch


def options(**given: Any) -> ImportOptions:
    """Return the options of an import, in the workspace ``w1`` unless another is given."""
    return ImportOptions(**{"workspace_id": "w1", **given})


def nothing(_email_keys: Sequence[str]) -> set[str]:
    """Return which addresses a workspace without mailboxes has: none."""
    return set()


NO_MAILBOXES: dict[str, dict[str, str]] = {}


def of_table(domains: Sequence[str]) -> Mapping[str, DomainServers]:
    """Return what is known of the servers of domains where none has DNS records."""
    return {each: servers_of_table(each, CONFIG.allowed_ports) for each in domains}


def read(
    data: bytes,
    config: Config,
    *,
    find: FindServers = of_table,
    kept: Mapping[str, Mapping[str, str]] = NO_MAILBOXES,
    **given: Any,
) -> Check:
    """Read a file into checked rows.

    :param kept: by address key, the cells for the servers of the mailboxes that are there already.
    """
    wanted = options(**given)
    search = ServerSearch(
        find=find,
        kept=lambda keys: {each: kept[each] for each in keys if each in kept},
        ports=config.allowed_ports,
        updates=wanted.updates,
    )
    return read_file(data, config, wanted, lambda keys: kept.keys() & set(keys), search)


KEYS = {"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]}
CONFIG = Config.from_mapping(KEYS)
HEADER = "email,password,smtphost,imaphost\n"


def rows_of(data: str | bytes, config: Config = CONFIG):
    """Return the checked rows of a file."""
    return read(data.encode() if isinstance(data, str) else data, config).rows


def mailbox_of(line: str, header: str = HEADER) -> Mailbox:
    """Return the mailbox of a file's one row, which has to be right."""
    (row,) = rows_of(header + line)
    assert row.mailbox is not None, row.failure
    return row.mailbox


def fault_of(data: str | bytes) -> FileError:
    """Return what is wrong with a file."""
    with pytest.raises(FileError) as caught:
        rows_of(data)
    return caught.value


def checked_row(config: Config = CONFIG, **cells: str) -> CheckedRow:
    """Return a row that is right but for these cells, as the reader checks it."""
    cells = {
        "email": "a@x.test",
        "password": "pw",
        "smtphost": "smtp.x.test",
        "imaphost": "i.x.test",
        **cells,
    }
    text = io.StringIO(newline="")
    csv.writer(text).writerows([list(cells), list(cells.values())])
    (found,) = read(text.getvalue().encode(), config).rows
    return found


def warnings_of(found: CheckedRow) -> list[tuple[str, str]]:
    """Return column and code of each warning about a row."""
    return [(each.column, each.code) for each in found.record.warnings]


def unclear_file(data: bytes, encoding: str | None = None) -> UnclearFile:
    """Return what is asked about a file that cannot be read without an answer."""
    with pytest.raises(UnclearFile) as caught:
        read(data, CONFIG, encoding=encoding)
    return caught.value


PLAIN: dict[str, object] = {}


def fault_or_count(data: bytes, reading: Mapping[str, object] = PLAIN) -> FileError | int:
    """Return the fault of a file, or how many rows it has."""
    try:
        return len(read(data, CONFIG, **reading).rows)
    except FileError as fault:
        return fault
