"""The columns of a CSV file, and one row of it as frozen values, from record to result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from .codes import RETRYABLE, Code, Failure
from .mailboxes import Mailbox, MailboxStatus
from .secret import Secret

REQUIRED = ("email", "password", "smtphost", "imaphost")
OPTIONAL = (
    "smtpport",
    "imapport",
    "smtpsecure",
    "imapsecure",
    "displayname",
    "smtpusername",
    "smtppassword",
    "imapusername",
    "imappassword",
)
COLUMNS = REQUIRED + OPTIONAL
SECRET_COLUMNS = frozenset({"password", "smtppassword", "imappassword"})

#: Wider than any export that was seen (Outlook's has 92); a hostile header stops here.
MAX_COLUMNS = 200

#: Longer than any address (RFC 5321 section 4.5.3.1), so that a mistake stays recognisable.
MAX_SHOWN_EMAIL = 320


class RowStatus(str, Enum):
    """What became of a row; each row of a finished import is one of the last three."""

    READY = "ready"
    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWarning:
    """Something worth saying that keeps nothing from being imported."""

    #: The number that a spreadsheet shows beside the row; the header is 1, and 0 is all rows.
    row: int
    column: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a file by our column names: passwords apart, everything else as text."""

    row: int
    cells: Mapping[str, str]
    secrets: Mapping[str, Secret]
    #: Set where the row's shape is wrong, so that its cells cannot be trusted.
    problem: Failure | None = None
    #: What was changed in its cells.
    warnings: tuple[RowWarning, ...] = ()

    @property
    def shown_email(self) -> str:
        """The address as in the file; what is far too long for one is cut."""
        return self.cells["email"][:MAX_SHOWN_EMAIL]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRow:
    """One row after the check: ready, skipped or failed; ``mailbox`` is there when it is valid."""

    record: Record
    mailbox: Mailbox | None
    status: RowStatus
    failure: Failure | None = None
    #: It is ready, and its mailbox, which is there already, is to be updated.
    is_update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """A row out of the database, ready or failed, with what is kept of it."""

    id: int
    row: int
    email: str
    #: Why it failed; None where it is ready.
    code: Code | None
    #: None where it is erased, or does not open.
    record: Record | None
    #: It is there, but does not open: somebody has changed it.
    is_broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be saved of a staged row: a mailbox or, with ``failure``, why there is none."""

    row_id: int
    row: int
    mailbox: Mailbox | None = None
    failure: Failure | None = None
    #: What each connection test failed of; None where it passed or was not made.
    smtp: Failure | None = None
    imap: Failure | None = None
    #: What the check said about the row, and what the tests showed.
    warnings: tuple[RowWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """Where a row of an import stands, and what came of it."""

    row: int
    email: str
    status: RowStatus
    #: Why there is no mailbox; None where there is one, or the row is still to be done.
    failure: Failure | None = None
    #: What each connection test failed of; None where it passed or was not made.
    smtp: Failure | None = None
    imap: Failure | None = None
    #: As the import saved the mailbox; None where it saved none.
    mailbox_status: MailboxStatus | None = None
    #: What the row holds is kept, so that it can be tested again without its password.
    is_kept: bool = False
    warnings: tuple[RowWarning, ...] = ()

    @property
    def retryable(self) -> bool:
        """Whether testing the row again as it is makes sense, and can be done."""
        return self.is_kept and self.failure is not None and self.failure.code in RETRYABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCells:
    """What is kept of a row that can still be tested; no password among it."""

    row: int
    status: RowStatus
    #: By our column names.
    cells: Mapping[str, str]
    #: The columns of passwords that are filled in.
    has: frozenset[str]
