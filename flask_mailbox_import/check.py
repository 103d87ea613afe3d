"""Read a file and say what is in it, row by row: the reader's stages in order; no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

from .cells import records
from .choices import encoding_choices, question
from .codes import Code
from .columns import Matcher
from .config import Config
from .decoding import UnknownEncoding, decode, encoding_named, label_of
from .errors import FileError, file_too_large
from .kinds import is_workbook
from .labels import plain as printable
from .names import MAX_NAME
from .pitfalls import notices_of
from .records import CheckedRow, Login, Mailbox, Notice, Record, RowStatus
from .results import RowResult, Summary, Understood
from .rows import check_record, merge
from .table import Table, read_csv
from .template import is_example
from .words import reason_for
from .workbook import read_workbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be read where it does not say so itself."""

    #: One of ``decoding.ENCODINGS``.
    encoding: str | None = None
    #: Their header -> our column; None is a column that is not to be used.
    column_mapping: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is in a file, by row: which rows are ready, skipped, failed."""

    rows: tuple[CheckedRow, ...]
    notices: tuple[Notice, ...]
    understood: Understood
    #: Of the rows that are ready: mailboxes that are there already, and will be updated; None
    #: where such are skipped.
    updates: int | None = None

    def summary(self) -> Summary:
        """Return what an import of the file would do before any connection test."""
        failed = [each for each in self.rows if each.status is RowStatus.FAILED]
        warned = (notice for each in self.rows for notice in each.record.notices)
        return Summary(
            imported=sum(each.status is RowStatus.READY for each in self.rows),
            updated=self.updates or 0,
            updates=self.updates is not None,
            understood=self.understood,
            skipped=sum(each.status is RowStatus.SKIPPED for each in self.rows),
            failed=len(failed),
            errors=tuple(
                RowResult(
                    row=each.record.row,
                    email=each.record.shown_email,
                    reason=each.reason or reason_for(Code.INTERNAL),
                )
                for each in failed
            ),
            notices=(*self.notices, *warned),
        )


def reading_of(encoding: str | None, column_mapping: Mapping[str, str | None] | None) -> Reading:
    """Return how a file is to be read.

    :raises ValueError: that is no encoding that we know.
    """
    return Reading(
        encoding=encoding_named(encoding) if encoding else None,
        column_mapping=column_mapping or {},
    )


def read_file(stream: IO[bytes], config: Config) -> bytes:
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
) -> tuple[list[CheckedRow], tuple[Notice, ...], Understood]:
    """Read a file and validate each row; doubles are not looked for yet.

    :raises FileError: the file cannot be read as a table of mailboxes.
    """
    matcher = Matcher(reading.column_mapping)
    table = _table(data, config, reading, matcher)
    columns = matcher.match(table.header, table.header_row)
    found = list(records(table, columns))
    examples = [each.row for each in found if is_example(each)]
    if len(examples) == len(found):
        raise FileError(
            "no_rows", "The file holds only the template's example: put your mailboxes there."
        )
    rows = [
        check_row(each, config, test_imap=test_imap) for each in found if each.row not in examples
    ]
    understood = Understood(
        # A workbook's cells are separated by nothing.
        encoding=label_of(data, reading.encoding) if table.delimiter else "",
        delimiter=table.delimiter,
        sheet=table.sheet,
        columns=tuple(
            (printable(theirs)[:MAX_NAME], ours)
            for theirs, ours in zip(table.header, columns.names, strict=True)
            if ours
        ),
    )
    return rows, (*columns.notices, *_left_out(table, examples)), understood


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


def _left_out(table: Table, examples: Sequence[int]) -> Iterator[Notice]:
    """Say which rows of a file are no mailboxes."""
    if table.above:
        message = f"Rows above the header that are not read: {table.above}."
        yield Notice(row=0, column="", code="rows_above_header", message=message)
    if table.blank:
        message = f"Blank rows that are left out: {table.blank}."
        yield Notice(row=0, column="", code="blank_rows", message=message)
    if table.other_sheets:
        message = f"Only the sheet {table.sheet} is read, not {', '.join(table.other_sheets)}."
        yield Notice(row=0, column="", code="other_sheets", message=message)
    for row in examples:
        message = "This is the example of the template: it is left out."
        yield Notice(row=row, column="", code="example_row", message=message)


def check_row(record: Record, config: Config, *, test_imap: bool) -> CheckedRow:
    """Judge one record: ready, or failed and why."""
    if notices := tuple(notices_of(record)):
        record = replace(record, notices=record.notices + notices)
    mailbox, reasons = check_record(record, config, test_imap=test_imap)
    if mailbox is None:
        return CheckedRow(
            record=record, mailbox=None, status=RowStatus.FAILED, reason=merge(reasons)
        )
    return CheckedRow(record=record, mailbox=mailbox, status=RowStatus.READY)


def mark_doubles(
    rows: Sequence[CheckedRow], known: set[str], *, test_imap: bool = False
) -> Iterator[CheckedRow]:
    """Skip known addresses, then later rows of one address; fail later passwords of one login."""
    seen: set[str] = set()
    logins: dict[tuple[object, ...], Login] = {}
    for row in rows:
        mailbox = row.mailbox
        if mailbox is None:
            yield row
        elif mailbox.email_key in known:
            yield _marked(row, RowStatus.SKIPPED, Code.DUPLICATE)
        elif mailbox.email_key in seen:
            yield _marked(row, RowStatus.SKIPPED, Code.DUPLICATE_IN_FILE)
        elif any(_another_password(each, logins) for each in _tested(mailbox, test_imap)):
            yield _marked(row, RowStatus.FAILED, Code.DUPLICATE_LOGIN)
        else:
            seen.add(mailbox.email_key)
            logins |= {_key(each): each for each in _tested(mailbox, test_imap)}
            yield row


def _tested(mailbox: Mailbox, test_imap: bool) -> list[Login]:
    return [mailbox.smtp, *([mailbox.imap] if test_imap and mailbox.imap else [])]


def _key(login: Login) -> tuple[object, ...]:
    return login.protocol, login.host, login.port, login.security, login.username


def _another_password(login: Login, logins: Mapping[tuple[object, ...], Login]) -> bool:
    earlier = logins.get(_key(login))
    return earlier is not None and not earlier.password.same_as(login.password)


def _marked(row: CheckedRow, status: RowStatus, code: Code) -> CheckedRow:
    return replace(row, status=status, reason=reason_for(code))
