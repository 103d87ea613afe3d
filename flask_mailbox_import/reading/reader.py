"""The door of this wing: reads a file from its bytes to checked rows, one stage after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from ..config import Config
from ..core.encodings import encoding_named
from ..core.errors import FileError, UnknownEncoding, file_too_large
from ..core.imports import FileReading
from ..core.rows import CheckedRow, RowWarning
from ..core.validators import one_line
from .cells import to_records
from .decoding import decode, label_of
from .header import MAX_NAME, Matcher
from .question import encoding_choices, question
from .table import Table, read_csv
from .template import is_example
from .validation import check_row
from .workbook import is_workbook, read_workbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be read where it does not say so itself."""

    #: One of ``decoding.ENCODINGS``.
    encoding: str | None = None
    #: Their header -> our column; None is a column that is not to be used.
    column_mapping: Mapping[str, str | None] = field(default_factory=dict)


def reading_of(encoding: str | None, column_mapping: Mapping[str, str | None] | None) -> Reading:
    """Return how a file is to be read.

    :raises ValueError: that is no encoding that we know.
    """
    return Reading(
        encoding=encoding_named(encoding) if encoding else None,
        column_mapping=column_mapping or {},
    )


def read_bytes(stream: IO[bytes], config: Config) -> bytes:
    """Return the bytes of a file.

    :raises FileError: ``file_too_large``.
    """
    limit = config.max_file_size
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise file_too_large(limit)
    return data


def read_rows(
    data: bytes, config: Config, reading: Reading = Reading(), *, test_imap: bool = False
) -> tuple[list[CheckedRow], tuple[RowWarning, ...], FileReading]:
    """Read a file and validate each row; doubles are not looked for yet.

    :raises FileError: the file cannot be read as a table of mailboxes.
    """
    matcher = Matcher(reading.column_mapping)
    table = _table(data, config, reading, matcher)
    columns = matcher.match(table.header, table.header_row)
    found = list(to_records(table, columns))
    examples = [each.row for each in found if is_example(each)]
    if len(examples) == len(found):
        raise FileError(
            "no_rows", "The file holds only the template's example: put your mailboxes there."
        )
    rows = [
        check_row(each, config, test_imap=test_imap) for each in found if each.row not in examples
    ]
    understood = FileReading(
        # A workbook's cells are separated by nothing.
        encoding=label_of(data, reading.encoding) if table.delimiter else "",
        delimiter=table.delimiter,
        sheet=table.sheet,
        columns=tuple(
            (one_line(theirs)[:MAX_NAME], ours)
            for theirs, ours in zip(table.header, columns.names, strict=True)
            if ours
        ),
    )
    return rows, (*columns.warnings, *_left_out(table, examples)), understood


def _table(data: bytes, config: Config, reading: Reading, matcher: Matcher) -> Table:
    if is_workbook(data):
        return read_workbook(data, max_rows=config.max_rows, names_known=matcher.known)
    text = _text(data, config, reading)
    return read_csv(text, max_rows=config.max_rows, names_known=matcher.known)


def _text(data: bytes, config: Config, reading: Reading) -> str:
    try:
        return decode(data, reading.encoding)
    except UnknownEncoding as fault:
        line = fault.line
    raise question(line, encoding_choices(data, config, reading.column_mapping))


def _left_out(table: Table, examples: Sequence[int]) -> Iterator[RowWarning]:
    """Say which rows of a file are no mailboxes."""
    if table.above:
        message = f"Rows above the header that are not read: {table.above}."
        yield RowWarning(row=0, column="", code="rows_above_header", message=message)
    if table.blank:
        message = f"Blank rows that are left out: {table.blank}."
        yield RowWarning(row=0, column="", code="blank_rows", message=message)
    if table.other_sheets:
        message = f"Only the sheet {table.sheet} is read, not {', '.join(table.other_sheets)}."
        yield RowWarning(row=0, column="", code="other_sheets", message=message)
    for row in examples:
        message = "This is the example of the template: it is left out."
        yield RowWarning(row=row, column="", code="example_row", message=message)
