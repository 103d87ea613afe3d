"""What came of imports, frozen, as every face shows it; nothing is looked up here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from .codes import Code
from .records import ImportStatus, MailboxStatus, Notice, Reason, RowStatus

#: What may be another way in a while, with nothing changed: one click tests it again.
RETRYABLE = frozenset(
    Code(each)
    for each in (
        *("connection_refused", "connection_timeout", "connection_closed", "network_unreachable"),
        *("dns_failure", "too_many_connections", "rate_limited", "temporary_failure"),
        *("greylisted", "too_many_attempts", "not_tested", "cancelled", "internal"),
    )
)
T = TypeVar("T")

#: Rows in this run from which on the time that the rest takes can be told.
_ENOUGH_TO_TELL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """One row that was not imported, as every face shows it."""

    row: int
    email: str
    reason: Reason
    #: What each connection test found; None where it passed or was not made.
    smtp: Reason | None = None
    imap: Reason | None = None
    #: What the row holds is kept, so that it can be tested again without its password.
    is_kept: bool = False

    @property
    def retryable(self) -> bool:
        """Tell whether testing it again as it is makes sense, and can be done."""
        return self.is_kept and self.reason.code in RETRYABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class RowState:
    """Where any row of an import stands."""

    row: int
    email: str
    status: RowStatus
    #: As the import saved it; None where it saved none.
    mailbox_status: MailboxStatus | None
    #: Why there is no mailbox.
    result: RowResult | None
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a file was taken for."""

    #: For people; "" for a workbook.
    encoding: str = ""
    #: What separates the cells; "" in a workbook.
    delimiter: str = ""
    #: The sheet of a workbook that was read.
    sheet: str = ""
    #: Each column that is used: as the file has it, and ours.
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCells:
    """What is kept of a row that can still be tested; no password among it."""

    row: int
    status: RowStatus
    #: By our column names.
    cells: Mapping[str, str]
    #: The columns of passwords that are filled in.
    has: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list; ``next_cursor`` asks for the next, None where there is none."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of an import (or, with ``dry_run``, what would)."""

    imported: int
    skipped: int
    failed: int
    #: Rows not tested yet: only after a cancel or while it runs.
    ready: int = 0
    #: Of those imported: mailboxes that were there already.
    updated: int = 0
    errors: tuple[RowResult, ...] = ()
    skips: tuple[RowResult, ...] = ()
    notices: tuple[Notice, ...] = ()
    status: ImportStatus | None = None
    import_id: str | None = None
    workspace_id: str | None = None
    tag: str | None = None
    file_name: str | None = None
    skip_connection_test: bool = False
    test_imap: bool = False
    updates: bool = False
    #: Its rows are mailboxes of the workspace that were pending.
    is_test: bool = False
    created_at: datetime | None = None
    finished_at: datetime | None = None
    understood: Understood = Understood()
    #: Somebody is to say how the file is to be read; its rows are not read yet.
    asks: bool = False
    #: It runs, and somebody wants it to end.
    is_stopping: bool = False
    #: Rows that the last run has done, what it imported of them, and how long it runs or ran.
    done_in_run: int = 0
    imported_in_run: int = 0
    #: An earlier run has done others.
    is_again: bool = False
    seconds_in_run: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what became of them."""
        return {
            "imported": self.imported,
            "skipped": self.skipped,
            "failed": self.failed,
            "ready": self.ready,
        }

    @property
    def rows(self) -> int:
        """All rows of the file; blank ones do not count."""
        return sum(self.counts.values())

    @property
    def seconds_left(self) -> float | None:
        """How long the run under way will still take, None where that cannot be told yet."""
        if self.status is not ImportStatus.RUNNING or self.done_in_run < _ENOUGH_TO_TELL:
            return None
        return self.seconds_in_run / self.done_in_run * self.ready
