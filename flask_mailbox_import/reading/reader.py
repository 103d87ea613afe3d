"""The door of this wing: reads a file from its bytes to checked rows, one stage after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

from ..config import Config
from ..core.errors import FileError, file_too_large
from ..core.host_columns import HostColumn
from ..core.imports import Check, FileReading, ImportOptions
from ..core.rows import REQUIRED, CheckedRow, RowWarning
from ..core.validators import one_line
from ..core.words import say
from .cells import to_records
from .decoding import NotUnicode, decode, label_of
from .foresight import with_foresight
from .header import Columns, Matcher
from .header_names import MAX_NAME
from .question import encoding_choices, unclear_encoding
from .server_fields import filled, server_record
from .server_search import ServerSearch, with_found_servers
from .table import Table, read_csv
from .template import is_example
from .validation import Existing, check_rows
from .workbook import is_workbook, read_workbook

#: The columns that a file must have where a call gives or asks for the servers of its rows.
_WITHOUT_SERVERS = ("email", "password")


def read_bytes(stream: IO[bytes], config: Config) -> bytes:
    """Return the bytes of a file.

    :raises FileError: ``file_too_large``.
    """
    limit = config.max_file_size
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise file_too_large(limit)
    return data


def read_file(
    data: bytes,
    config: Config,
    options: ImportOptions,
    existing: Existing,
    search: ServerSearch | None = None,
    host_columns: Sequence[HostColumn] = (),
) -> Check:
    """Read a file, and check each of its rows: ready, skipped or failed.

    :param existing: returns those of the given address keys that the workspace has already.
    :param search: where servers are looked for, if the options ask for that; None: nowhere.
    :param host_columns: the columns of the host's own that files may fill.
    :raises UnclearFile: the file can be read after a user has answered the ``question``.
    :raises FileError: the file cannot be read as a table of mailboxes.
    """
    for_all = server_record(options.servers, config)
    is_enough = options.servers or options.find_servers
    required = _WITHOUT_SERVERS if is_enough else REQUIRED
    matcher = Matcher(options.column_mapping, required=required, host_columns=host_columns)
    table = read_table(data, config, options, matcher)
    columns = matcher.match(table.header, table.header_row, table.records)
    found = list(to_records(table, columns))
    examples = [each.row for each in found if is_example(each)]
    if len(examples) == len(found):
        raise FileError(
            "no_rows", say("The file holds only the template's example: put your mailboxes there.")
        )
    records = [filled(each, for_all) for each in found if each.row not in examples]
    if options.find_servers and search is not None:
        records = with_found_servers(records, search)
    checked = check_rows(
        records,
        config,
        with_imap=options.tests_imap,
        updates=options.updates,
        existing=existing,
        host_columns=host_columns,
    )
    rows = with_foresight(checked)
    return Check(
        options=options,
        rows=rows,
        warnings=(
            *for_all.warnings,
            *columns.warnings,
            *_left_out(table, examples),
            *_updates(rows),
        ),
        understood=_understood(data, options, table, columns),
    )


def _understood(data: bytes, options: ImportOptions, table: Table, columns: Columns) -> FileReading:
    used = zip(table.header, columns.names, strict=True)
    return FileReading(
        # A workbook has no delimiter, and no encoding to tell.
        encoding=label_of(data, options.encoding) if table.delimiter else "",
        delimiter=table.delimiter,
        sheet=table.sheet,
        columns=tuple((one_line(theirs)[:MAX_NAME], ours) for theirs, ours in used if ours),
    )


def read_table(data: bytes, config: Config, options: ImportOptions, matcher: Matcher) -> Table:
    """Return the table in a file; of the options only the encoding counts.

    :raises UnclearFile, FileError: see :func:`read_file`.
    """
    if is_workbook(data):
        return read_workbook(data, max_rows=config.max_rows, matcher=matcher)
    text = _text(data, config, options, matcher)
    return read_csv(text, max_rows=config.max_rows, matcher=matcher)


def _text(data: bytes, config: Config, options: ImportOptions, matcher: Matcher) -> str:
    try:
        return decode(data, options.encoding)
    except NotUnicode as fault:
        line = fault.line
    raise unclear_encoding(line, encoding_choices(data, config, matcher))


def _left_out(table: Table, examples: Sequence[int]) -> Iterator[RowWarning]:
    """Warn of the rows of a file that are not read as mailboxes."""
    if table.above:
        yield _of_file("rows_above_header", rows=table.above)
    if table.is_double:
        yield _of_file("two_headers")
    for column in table.padded:
        yield RowWarning(row=0, column=column, code="padding")
    if table.remarks:
        yield _of_file("remark_rows", rows=table.remarks)
    if table.opened:
        yield _of_file("quoted_cells", rows=table.opened)
    if table.blank:
        yield _of_file("blank_rows", rows=table.blank)
    if table.other_sheets:
        yield _of_file("other_sheets", sheet=table.sheet, others=", ".join(table.other_sheets))
    for row in examples:
        yield RowWarning(row=row, column="", code="example_row")


def _updates(rows: Sequence[CheckedRow]) -> Iterator[RowWarning]:
    if count := sum(each.is_update for each in rows):
        yield _of_file("updates", mailboxes=count)


def _of_file(code: str, **values: str | int) -> RowWarning:
    return RowWarning(row=0, column="", code=code, values=values)
