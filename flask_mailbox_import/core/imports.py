"""An import as frozen values: its options, its status, what its file holds, what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Generic, TypeVar

from .rows import CheckedRow, RowResult, RowStatus, RowWarning


class ImportStatus(str, Enum):
    """Where an import stands; cancelled and interrupted ones can be continued."""

    CHECKED = "checked"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class OnDuplicate(str, Enum):
    """What becomes of a row whose mailbox the workspace has already."""

    SKIP = "skip"
    UPDATE = "update"
    #: The rows are the workspace's own mailboxes: a test that passes makes them active.
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an import is asked to do."""

    workspace_id: str
    tag: str | None = None
    skip_connection_test: bool = False
    test_imap: bool = False
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    #: What the file is called where it comes from.
    file_name: str | None = None
    #: The API key that asks; None where a page or the host does.
    api_key_id: int | None = None


#: A run that gave no sign of life for this long is dead; runs give one each second.
STALE_AFTER = timedelta(seconds=20)

T = TypeVar("T")

#: Rows in this run from which on the time that the rest takes can be told.
_ENOUGH_TO_TELL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """What a file was taken for."""

    #: For people; "" for a workbook.
    encoding: str = ""
    #: What separates the cells; "" in a workbook.
    delimiter: str = ""
    #: The sheet of a workbook that was read.
    sheet: str = ""
    #: Each column that is used: as the file has it, and ours.
    columns: tuple[tuple[str, str], ...] = ()


#: Of a list: how many are on one page of it.
IMPORTS_A_PAGE, ROWS_A_PAGE = 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list; ``next_cursor`` asks for the next, None where there is none."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is in a file, by row: which rows are ready, skipped, failed."""

    rows: tuple[CheckedRow, ...]
    warnings: tuple[RowWarning, ...]
    understood: FileReading
    #: Of the rows that are ready: mailboxes that are there already, and will be updated; None
    #: where such are skipped.
    updates: int | None = None

    def summary(self) -> Summary:
        """Return what an import of the file would do before any connection test."""
        statuses = Counter(each.status for each in self.rows)
        warned = (warning for each in self.rows for warning in each.record.warnings)
        return Summary(
            imported=statuses[RowStatus.READY],
            updated=self.updates or 0,
            updates=self.updates is not None,
            understood=self.understood,
            skipped=statuses[RowStatus.SKIPPED],
            failed=statuses[RowStatus.FAILED],
            errors=tuple(
                RowResult(row=each.record.row, email=each.record.shown_email, failure=each.failure)
                for each in self.rows
                if each.status is RowStatus.FAILED and each.failure is not None
            ),
            warnings=(*self.warnings, *warned),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The right to work on an import, until somebody else takes it over."""

    import_id: str
    workspace_id: str
    token: str
    tag: str | None
    skip_connection_test: bool
    test_imap: bool
    api_key_id: int | None
    on_duplicate: OnDuplicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An import with rows to do."""

    import_id: str
    workspace_id: str
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """A file that waits for somebody to say how it is to be read."""

    options: Options
    data: bytes
    encoding: str | None
    column_mapping: Mapping[str, str | None]


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
    warnings: tuple[RowWarning, ...] = ()
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
    understood: FileReading = FileReading()
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
