"""Knows the columns of a host's own by their names, and reads their cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..core.codes import Code
from ..core.explanations import Variant
from ..core.failures import Failure, failure_for, failure_of
from ..core.host_columns import ColumnKind, HostColumn
from ..core.rows import COLUMNS, OF_FAILED_ROWS, ROW_NUMBER, Record
from .encryption_words import said_of_security
from .header_names import (
    MAX_NAME,
    NAMES,
    alternatives_of,
    folded,
    without_number,
    without_remark,
    words_of,
)
from .spelling import control_character

#: Characters of all cells of a host's columns in one row: more may not fit into a sealed record.
MAX_TEXTS = 800

_WHOLE = re.compile(rf"[+-]?[0-9]{{1,{MAX_TEXTS}}}", re.ASCII)
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


def names_in_files(columns: Iterable[HostColumn]) -> dict[str, str]:
    """Return the attributes of these columns by what files call them, as `folded`."""
    return {folded(name): each.attribute for each in columns for name in each.names}


def names_in_calls(columns: Iterable[HostColumn]) -> dict[str, str]:
    """Return the same for calls, which may say the attribute, too."""
    columns = tuple(columns)
    return {folded(each.attribute): each.attribute for each in columns} | names_in_files(columns)


def attribute_in_header(cell: str, attributes: Mapping[str, str]) -> str | None:
    """Return the attribute of the column that a header cell names; None where it names none.

    :param attributes: see `names_in_files`.
    """
    if len(cell) > MAX_NAME:
        return None
    bare = without_number(cell)
    for each in (cell, bare, without_remark(bare)):
        if found := _attribute(each, attributes):
            return found
        several = {_attribute(name, attributes) for name in alternatives_of(each)}
        if len(several) == 1 and (found := several.pop()):
            return found
    return None


def _attribute(name: str, attributes: Mapping[str, str]) -> str | None:
    """Return the attribute of a name; words without a meaning may stand around it."""
    words = words_of(name)
    first = next((place for place, each in enumerate(words) if each not in NAMES.fillers), 0)
    last = next((n for n, each in enumerate(reversed(words)) if each not in NAMES.fillers), 0)
    keys = (
        "".join(words[start : len(words) - end])
        for start in range(first + 1)
        for end in range(last + 1)
    )
    found = (attributes.get(each) for each in (folded(name), *keys) if each)
    return next((each for each in found if each is not None), None)


def endless_cells(record: Record, columns: Sequence[HostColumn]) -> Iterator[Failure]:
    """Yield why a record's cells of these columns are too long to be kept."""
    lengths = {each.title: len(record.cells.get(each.attribute, "")) for each in columns}
    if sum(lengths.values()) > MAX_TEXTS:
        longest = max(lengths, key=lengths.__getitem__)
        yield failure_of(Variant.OWN_CELLS_TOO_LONG, column=longest, limit=MAX_TEXTS)


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
    is_whole = _WHOLE.fullmatch(text) is not None
    if is_whole and column.least <= int(text) <= column.most:
        return int(text)
    # As texts: a client may not know so large a number.
    limits = {"least": str(column.least), "most": str(column.most)}
    variant = Variant.OUT_OF_BOUNDS if is_whole else Variant.NOT_WHOLE
    return failure_of(variant, column=column.title, **limits)


def missing_values(record: Record, columns: Sequence[HostColumn]) -> list[Failure]:
    """Return a failure for each empty cell that the row of a new mailbox needs."""
    return [
        failure_of(Variant.NO_VALUE, column=each.title)
        for each in columns
        if each.is_required and not record.cells.get(each.attribute)
    ]
