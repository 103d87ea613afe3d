"""Read a file and say what is in it, row by row: the reader's stages in order; no database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO

from .codes import Code
from .columns import match_columns, names_known, records
from .config import Config
from .errors import file_too_large
from .records import CheckedRow, Mailbox, Notice, Record, RowResult, RowStatus, Summary
from .rows import check_record, merge
from .table import read_table
from .words import reason_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is in a file, by row: which rows are ready, skipped, failed."""

    rows: tuple[CheckedRow, ...]
    notices: tuple[Notice, ...]

    def summary(self) -> Summary:
        """Return what an import of the file would do before any connection test."""
        failed = [each for each in self.rows if each.status is RowStatus.FAILED]
        return Summary(
            imported=sum(each.status is RowStatus.READY for each in self.rows),
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
            notices=self.notices,
        )


def read_rows(stream: IO[bytes], config: Config) -> tuple[list[CheckedRow], tuple[Notice, ...]]:
    """Read a CSV file and validate each row; doubles are not looked for yet.

    :raises FileError: the file cannot be read as a table of mailboxes.
    """
    limit = config.max_file_size
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise file_too_large(limit)
    table = read_table(data, max_rows=config.max_rows, names_known=names_known)
    columns = match_columns(table.header)
    return [_check_row(record, config) for record in records(table, columns)], columns.notices


def _check_row(record: Record, config: Config) -> CheckedRow:
    mailbox, reasons = check_record(record, config)
    if mailbox is None:
        return CheckedRow(
            record=record, mailbox=None, status=RowStatus.FAILED, reason=merge(reasons)
        )
    return CheckedRow(record=record, mailbox=mailbox, status=RowStatus.READY)


def mark_doubles(rows: Sequence[CheckedRow], known: set[str]) -> Iterator[CheckedRow]:
    """Skip known addresses, then later rows of one address; fail later passwords of one login."""
    seen: set[str] = set()
    logins: dict[tuple[object, ...], Mailbox] = {}
    for row in rows:
        mailbox = row.mailbox
        if mailbox is None:
            yield row
        elif mailbox.email_key in known:
            yield _marked(row, RowStatus.SKIPPED, Code.DUPLICATE)
        elif mailbox.email_key in seen:
            yield _marked(row, RowStatus.SKIPPED, Code.DUPLICATE_IN_FILE)
        else:
            smtp = mailbox.smtp
            first = logins.setdefault((smtp.host, smtp.port, smtp.security, smtp.username), mailbox)
            if first.smtp.password.same_as(smtp.password):
                seen.add(mailbox.email_key)
                yield row
            else:
                yield _marked(row, RowStatus.FAILED, Code.DUPLICATE_LOGIN)


def _marked(row: CheckedRow, status: RowStatus, code: Code) -> CheckedRow:
    return replace(row, status=status, reason=reason_for(code))
