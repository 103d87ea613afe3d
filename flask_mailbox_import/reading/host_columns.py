"""Knows the columns of a host's own by their names, and reads their cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..core.codes import Code
from ..core.explanations import Variant
from ..core.failures import Failure, failure_for, failure_of
from ..core.host_columns import ColumnKind, HostColumn
from ..core.rows import COLUMNS, OF_FAILED_ROWS, ROW_NUMBER, CheckedRow, Record, RowStatus
from .encryption_words import said_of_security
from .header_names import MAX_NAME, NAMES, folded
from .spelling import control_character

#: Characters of all cells of a host's columns in one row: more may not fit into a sealed record.
MAX_TEXTS = 800

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_BOOLEANS = {"yes": True, "no": False}
#: The names by which a row has its cells, beside ``COLUMNS``.
_INNER = frozenset(
    {
        *NAMES.of_mailbox.values(),
        *(f"{side}{kind}" for side in ("smtp", "imap") for kind in NAMES.of_protocol.values()),
    }
)


def names_taken(columns: Sequence[HostColumn]) -> Iterator[str]:
    """Yield why columns of a host cannot have the names that they have, and the way out."""
    taken: dict[str, str] = {}
    for column in columns:
        attribute = column.attribute
        if attribute in _INNER or folded(attribute) in (*COLUMNS, ROW_NUMBER):
            yield f"{attribute}: files have a column of ours by this name: rename the attribute"
        for name in dict.fromkeys((attribute, *column.names)):
            key = folded(name)
            if not key or len(name) > MAX_NAME or "@" in name:
                yield (
                    f"{attribute}: import_column({name[:MAX_NAME]!r}) is no name of a column: use "
                    f"letters and digits, at most {MAX_NAME} characters, and no @"
                )
            elif name in column.names and (any(NAMES.of(name)) or key in OF_FAILED_ROWS):
                yield (
                    f"{attribute}: import_column({name!r}) is how files call a column of ours: "
                    "choose another name"
                )
            elif taken.setdefault(key, attribute) != attribute:
                yield (
                    f"{attribute}: {name!r} is a name of the column {taken[key]} too: choose "
                    "another name"
                )


def attribute_of(name: str, columns: Sequence[HostColumn]) -> str | None:
    """Return the attribute of the column that somebody names; None where it is none of these."""
    key = folded(name)
    return next(
        (
            each.attribute
            for each in columns
            if key and key in map(folded, (each.attribute, *each.names))
        ),
        None,
    )


def endless_cells(record: Record, columns: Sequence[HostColumn]) -> Iterator[Failure]:
    """Yield why a record's cells of these columns are too long to be kept."""
    lengths = {each.title: len(record.cells.get(each.attribute, "")) for each in columns}
    if sum(lengths.values()) > MAX_TEXTS:
        longest = max(lengths, key=lengths.__getitem__)
        yield failure_for(Code.FIELD_TOO_LONG, column=longest, limit=MAX_TEXTS)


def values_of(
    record: Record, columns: Sequence[HostColumn], failures: list[Failure]
) -> dict[str, str | int | bool]:
    """Return the values of a record's filled cells by attribute; add a failure for a wrong one."""
    found = {}
    for column in columns:
        text = record.cells.get(column.attribute)
        value = _read(column, text) if text else None
        if isinstance(value, Failure):
            failures.append(value)
        elif value is not None:
            found[column.attribute] = value
    return found


def _read(column: HostColumn, text: str) -> str | int | bool | Failure:
    if character := control_character(text):
        return failure_for(Code.CONTROL_CHARACTER, column=column.title, character=character)
    if column.kind is ColumnKind.BOOLEAN:
        said = _BOOLEANS.get(said_of_security(text))
        return failure_for(Code.INVALID_VALUE, column=column.title) if said is None else said
    if column.kind is ColumnKind.INTEGER:
        return _whole(column, text)
    if column.max_length is not None and len(text) > column.max_length:
        limit = column.max_length
        return failure_of(Variant.TEXT_TOO_LONG, column=column.title, limit=limit)
    return text


def _whole(column: HostColumn, text: str) -> int | Failure:
    most = 2 ** (column.bits - 1) - 1
    value = int(text) if _WHOLE.fullmatch(text) else most + 1
    if -most - 1 <= value <= most:
        return value
    # As texts: a client may not know so large a number.
    limits = {"least": str(-most - 1), "most": str(most)}
    return failure_of(Variant.NOT_WHOLE, column=column.title, **limits)


def with_required(row: CheckedRow, columns: Sequence[HostColumn]) -> CheckedRow:
    """Return the row of a new mailbox: failed where a cell that it needs is empty."""
    if row.mailbox is None:
        return row
    for each in columns:
        if each.is_required and each.attribute not in row.mailbox.host_values:
            failure = failure_of(Variant.NO_VALUE, column=each.title)
            return replace(row, mailbox=None, status=RowStatus.FAILED, failure=failure)
    return row
