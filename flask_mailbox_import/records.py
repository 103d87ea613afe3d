"""The frozen values that flow between the stages, and their enums; no I/O happens here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from .codes import Code
from .secret import Secret

#: Longer than any address (RFC 5321 section 4.5.3.1), so that a mistake stays recognisable.
MAX_SHOWN_EMAIL = 320


class Security(str, Enum):
    """How a connection is encrypted (RFC 8314): TLS from the first byte, or after STARTTLS."""

    TLS = "tls"
    STARTTLS = "starttls"
    #: Only where the host allows it with ``MAILBOX_IMPORT_ALLOW_PLAINTEXT``; never from a file.
    PLAIN = "plain"


class Protocol(str, Enum):
    """What a login is for: SMTP submission sends mail (RFC 6409), IMAP reads it (RFC 3501)."""

    SMTP = "smtp"
    IMAP = "imap"


class Stage(str, Enum):
    """How far a connection test came."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    #: IMAP only: a mailbox is opened after the login.
    SELECT = "select"


class RowStatus(str, Enum):
    """What became of a row; each row of a finished import is one of the last three."""

    READY = "ready"
    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"


class ImportStatus(str, Enum):
    """Where an import stands; cancelled and interrupted ones can be continued."""

    CHECKED = "checked"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class MailboxStatus(str, Enum):
    """``active``: the connection test passed; ``pending``: not tested."""

    ACTIVE = "active"
    PENDING = "pending"


class OnDuplicate(str, Enum):
    """What becomes of a row whose mailbox the workspace has already."""

    SKIP = "skip"
    UPDATE = "update"
    #: The rows are the workspace's own mailboxes: a test that passes makes them active.
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One server to log in to, and as whom. ``host`` is the ASCII form (A-label, RFC 5890)."""

    protocol: Protocol
    host: str
    port: int
    security: Security
    username: str
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A mailbox as one valid row of a file describes it."""

    #: The address, its domain in lower case.
    email: str
    #: The address by which two mailboxes are the same: ASCII, all in lower case.
    email_key: str
    display_name: str
    smtp: Login
    #: None where the file names no IMAP host.
    imap: Login | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a row did not become a mailbox: a code, a sentence for a person, and the next step."""

    code: Code
    error: str
    hint: str = ""
    #: What the server answered, cleaned: its numbers and, from the login on, its words.
    reply: str = ""

    @property
    def text(self) -> str:
        """Both on one line; the contract's fixed sentences do not all end with a full stop."""
        return f"{self.error.rstrip('.')}. {self.hint}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something worth saying that keeps nothing from being imported."""

    #: The number that a spreadsheet shows beside the row; the header is 1, and 0 is all rows.
    row: int
    column: str
    code: str
    message: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a file by our column names: passwords apart, everything else as text."""

    row: int
    cells: Mapping[str, str]
    secrets: Mapping[str, Secret]
    #: Set where the row's shape is wrong, so that its cells cannot be trusted.
    fault: Reason | None = None
    #: What was changed in its cells.
    notices: tuple[Notice, ...] = ()

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
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a connection test of one login found; ``reason`` is None when the login worked."""

    reason: Reason | None = None
    #: How the connection was secured, where the login worked.
    security: Security | None = None
    #: What else is to be said where it did not.
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What the tests of one mailbox found; ``imap`` is None where it was not tested."""

    smtp: Verdict
    imap: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedTargets:
    """How many servers of an import had names that lead where nothing may be contacted."""

    count: int
