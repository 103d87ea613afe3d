"""An import as frozen values: its options, its status, what its file holds, what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, TypeVar

from .encodings import encoding_named
from .mailboxes import MailboxStatus
from .rows import CheckedRow, RowResult, RowStatus, RowWarning
from .validators import check_workspace_id, clean_file_name, clean_tag


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


class InvalidOption(ValueError):
    """The value of an option is wrong.

    :param option: its name in :class:`ImportOptions`.
    :param words: what is wrong with it.
    """

    def __init__(self, option: str, words: str) -> None:
        super().__init__(f"{option} {words}" if words.startswith("is ") else words)
        self.option = option
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What an import is asked to do.

    :raises InvalidOption: a value is wrong, as its text alone shows.
    """

    workspace_id: str
    #: For every mailbox of the file; cleaned, at most 64 characters.
    tag: str | None = None
    #: Store mailboxes as ``pending`` and test none.
    skip_connection_test: bool = False
    #: Log in for reading (IMAP), too; None: as the setting ``TEST_IMAP`` says.
    test_imap: bool | None = None
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    #: The encoding of a file that is not in Unicode, by our name of it.
    encoding: str | None = None
    #: The file's header -> our column; None: a column that is not to be used.
    column_mapping: Mapping[str, str | None] = field(default_factory=dict)
    #: What the file is called where it comes from.
    file_name: str | None = None
    #: The API key that asks; None where a page or the host does.
    api_key_id: int | None = None

    def __post_init__(self) -> None:
        for name, judged in _JUDGED.items():
            try:
                object.__setattr__(self, name, judged(getattr(self, name)))
            except ValueError as fault:
                raise InvalidOption(name, str(fault)) from None

    @property
    def tests(self) -> bool:
        """Whether logins are tested."""
        return not self.skip_connection_test

    @property
    def tests_imap(self) -> bool:
        """Whether logins for reading are tested, too."""
        return self.tests and bool(self.test_imap)

    @property
    def mailbox_status(self) -> MailboxStatus:
        """What the mailboxes are that the import saves."""
        return MailboxStatus.ACTIVE if self.tests else MailboxStatus.PENDING

    @property
    def updates(self) -> bool:
        """Whether mailboxes that are there already are tested and updated."""
        return self.on_duplicate is OnDuplicate.UPDATE

    @property
    def is_test(self) -> bool:
        """Whether the rows are mailboxes of the workspace that were pending."""
        return self.on_duplicate is OnDuplicate.TEST


#: What the text alone of an option shows: each returns the value as it is kept, or a ValueError.
_JUDGED: dict[str, Callable[[Any], object]] = {
    "workspace_id": check_workspace_id,
    "tag": clean_tag,
    "on_duplicate": OnDuplicate,
    "encoding": lambda name: encoding_named(name) if name else None,
    "file_name": clean_file_name,
}

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
class Sample:
    """A piece of a cell that holds letters which tell encodings apart."""

    row: int
    column: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingChoice:
    """An encoding that a file may be in, and what it makes of the file."""

    name: str
    label: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person is asked about an unclear file: its encoding, or which columns are ours."""

    message: str
    encodings: tuple[EncodingChoice, ...] = ()
    #: Our columns that are not found.
    wanted: tuple[str, ...] = ()
    #: The columns of the file that they may be.
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is in a file, by row: which rows are ready, skipped, failed."""

    options: ImportOptions
    rows: tuple[CheckedRow, ...]
    warnings: tuple[RowWarning, ...] = ()
    understood: FileReading = FileReading()

    def summary(self) -> Summary:
        """Return what an import of the file would do before any connection test."""
        statuses = Counter(each.status for each in self.rows)
        warned = (warning for each in self.rows for warning in each.record.warnings)
        return Summary(
            options=self.options,
            imported=statuses[RowStatus.READY],
            updated=sum(each.is_update for each in self.rows),
            understood=self.understood,
            skipped=statuses[RowStatus.SKIPPED],
            failed=statuses[RowStatus.FAILED],
            errors=tuple(
                RowResult(
                    row=each.record.row,
                    email=each.record.shown_email,
                    status=each.status,
                    failure=each.failure,
                )
                for each in self.rows
                if each.status is RowStatus.FAILED
            ),
            warnings=(*self.warnings, *warned),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An import with rows to do."""

    import_id: str
    workspace_id: str
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """A file that waits for somebody to say how it is to be read."""

    options: ImportOptions
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of an import (or, with ``dry_run``, what would)."""

    options: ImportOptions
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
