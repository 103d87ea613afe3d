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
from .rows import SERVER_COLUMNS, CheckedRow, RowResult, RowStatus, RowWarning
from .validators import check_workspace_id, clean_file_name, clean_tag
from .words import Words, foreign, say


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

    def __init__(self, option: str, words: Words) -> None:
        super().__init__(f"the {option} {words}" if words.startswith("is ") else words)
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
    #: Test the IMAP login too; None: as the setting ``TEST_IMAP`` says.
    test_imap: bool | None = None
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    #: The encoding of a file that is not in Unicode, by its name in ``ENCODINGS``.
    encoding: str | None = None
    #: A column name of the file -> our column name; None: the column is not used.
    column_mapping: Mapping[str, str | None] = field(default_factory=dict)
    #: By the names in ``SERVER_COLUMNS``, values for all rows whose own cell is empty.
    servers: Mapping[str, str] = field(default_factory=dict)
    #: Find the servers that a row does not name by the domain of its address.
    find_servers: bool = False
    #: The name of the file on the user's computer.
    file_name: str | None = None
    #: The id of the API key of the call; None where a page or the host made the call.
    api_key_id: int | None = None

    def __post_init__(self) -> None:
        for name, judged in _JUDGED.items():
            try:
                object.__setattr__(self, name, judged(getattr(self, name)))
            except ValueError as fault:
                words = fault.args[0]
                ours = words if isinstance(words, Words) else foreign(str(words))
                raise InvalidOption(name, ours) from None

    @property
    def tests(self) -> bool:
        """Whether the import tests logins."""
        return not self.skip_connection_test

    @property
    def tests_imap(self) -> bool:
        """Whether the import tests IMAP logins too."""
        return self.tests and bool(self.test_imap)

    @property
    def mailbox_status(self) -> MailboxStatus:
        """The status of the mailboxes that the import saves."""
        return MailboxStatus.ACTIVE if self.tests else MailboxStatus.PENDING

    @property
    def updates(self) -> bool:
        """Whether the import updates mailboxes that the workspace has already."""
        return self.on_duplicate is OnDuplicate.UPDATE

    @property
    def is_test(self) -> bool:
        """Whether the rows are mailboxes of the workspace that were pending."""
        return self.on_duplicate is OnDuplicate.TEST


def _servers(given: Mapping[str, str]) -> dict[str, str]:
    """Return the values that are not empty."""
    for name in given:
        if name not in SERVER_COLUMNS:
            known = ", ".join(SERVER_COLUMNS)
            raise ValueError(say("take one of %(known)s", known=known))
        if not isinstance(given[name], str):
            raise ValueError(say("write %(name)s as a text, such as '587'", name=name))
    return {name: text.strip() for name, text in given.items() if text.strip()}


#: For each option a function that returns the value to keep, or raises ValueError.
_JUDGED: dict[str, Callable[[Any], object]] = {
    "workspace_id": check_workspace_id,
    "tag": clean_tag,
    "on_duplicate": OnDuplicate,
    "encoding": lambda name: encoding_named(name) if name else None,
    "file_name": clean_file_name,
    "servers": _servers,
}

#: A run without a beat for this long is dead; a run beats every second or two.
STALE_AFTER = timedelta(seconds=20)

T = TypeVar("T")

#: A run must have done this many rows before its remaining time is estimated.
_ENOUGH_TO_TELL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """How a file was read."""

    #: The encoding, as a label for people; "" for a workbook.
    encoding: str = ""
    #: What separates the cells; "" in a workbook.
    delimiter: str = ""
    #: The sheet of a workbook that was read.
    sheet: str = ""
    #: Each column that is used: its name in the file, and our name.
    columns: tuple[tuple[str, str], ...] = ()


class Extent(str, Enum):
    """Which of its ready rows a run of an import takes; the others wait until a person goes on."""

    ALL = "all"
    #: One of each server.
    SAMPLE = "sample"
    #: Those that do not wait already.
    SAME = "same"


#: How many items one page of a list has.
IMPORTS_A_PAGE, ROWS_A_PAGE = 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A page of a list. ``next_cursor`` asks for the next page; None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A piece of a cell that reads differently in different encodings."""

    row: int
    column: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingChoice:
    """An encoding that a file may be in, and pieces of the file as it reads them."""

    name: str
    label: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about an unclear file: which encoding it has, or which columns are ours."""

    message: Words
    encodings: tuple[EncodingChoice, ...] = ()
    #: Our columns that were not found in the file.
    wanted: tuple[str, ...] = ()
    #: The columns of the file that may be these.
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The rows of a file after the check, each ready, skipped or failed."""

    options: ImportOptions
    rows: tuple[CheckedRow, ...]
    warnings: tuple[RowWarning, ...] = ()
    understood: FileReading = FileReading()

    def summary(self) -> Summary:
        """Return the summary that an import would have if every ready row were imported."""
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
                    smtp_host=each.record.smtp_host,
                    smtp_port=each.record.smtp_port,
                    failure=each.failure,
                )
                for each in self.rows
                if each.status is RowStatus.FAILED
            ),
            warnings=(*self.warnings, *warned),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An import that still has rows to do."""

    import_id: str
    workspace_id: str
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How many imports of one workspace wait, run, or have a run that is dead."""

    workspace_id: str
    queued: int
    #: Seconds that the oldest of them has waited; None where none waits.
    waited: float | None
    running: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """An unclear file that is kept until a user says how it is to be read."""

    options: ImportOptions
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The result of an import so far; for a check, as if every ready row were imported."""

    options: ImportOptions
    imported: int
    skipped: int
    failed: int
    #: Rows that are not tested yet.
    ready: int = 0
    #: How many of these wait until a person goes on, because one row of each server comes first.
    waiting: int = 0
    #: How many of the imported rows updated a mailbox that was already in the workspace.
    updated: int = 0
    errors: tuple[RowResult, ...] = ()
    skips: tuple[RowResult, ...] = ()
    warnings: tuple[RowWarning, ...] = ()
    status: ImportStatus | None = None
    import_id: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    understood: FileReading = FileReading()
    #: The file waits until a user says how it is to be read; the rows are not known yet.
    asks: bool = False
    #: The import runs, and was asked to stop.
    is_stopping: bool = False
    #: How many rows the last run has done, and how many of these it imported.
    done_in_run: int = 0
    imported_in_run: int = 0
    #: An earlier run has done other rows of the import.
    is_again: bool = False
    #: How long the last run took, or has taken until now.
    seconds_in_run: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each status."""
        return {
            "imported": self.imported,
            "skipped": self.skipped,
            "failed": self.failed,
            "ready": self.ready,
        }

    @property
    def rows(self) -> int:
        """How many rows the file has; blank ones do not count."""
        return sum(self.counts.values())

    @property
    def seconds_left(self) -> float | None:
        """How many seconds the current run will still take; None where that is not known yet."""
        if self.status is not ImportStatus.RUNNING:
            return None
        return seconds_left(self.done_in_run, self.seconds_in_run, self.ready - self.waiting)


def seconds_left(done: int, seconds: float, ready: int) -> float | None:
    """Return how long a run still takes that has done some rows in some seconds; None: unknown."""
    return None if done < _ENOUGH_TO_TELL else seconds / done * ready
