"""Read a file and say what is in it, row by row: the reader's stages in order; no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from .codes import Code
from .columns import match_columns, names_known, records
from .config import Config
from .errors import file_too_large
from .records import CheckedRow, Login, Mailbox, Notice, Record, RowResult, RowStatus, Summary
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


def read_rows(
    stream: IO[bytes], config: Config, *, test_imap: bool = False
) -> tuple[list[CheckedRow], tuple[Notice, ...]]:
    """Read a CSV file and validate each row; doubles are not looked for yet.

    :raises FileError: the file cannot be read as a table of mailboxes.
    """
    limit = config.max_file_size
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise file_too_large(limit)
    table = read_table(data, max_rows=config.max_rows, names_known=names_known)
    columns = match_columns(table.header)
    rows = [_check_row(each, config, test_imap=test_imap) for each in records(table, columns)]
    return rows, columns.notices


def _check_row(record: Record, config: Config, *, test_imap: bool) -> CheckedRow:
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
