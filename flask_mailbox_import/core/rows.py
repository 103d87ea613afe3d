"""The columns of a CSV file, and one row of it as frozen values, from record to result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .codes import RETRYABLE, Code
from .failures import Failure
from .mailboxes import Mailbox, MailboxStatus, Protocol
from .secret import Secret
from .sentences import sentence, warning_key
from .validators import shown_server
from .words import Words

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
#: Those that a call may give once, for all rows whose own cell is empty.
SERVER_COLUMNS = ("smtphost", "smtpport", "smtpsecure", "imaphost", "imapport", "imapsecure")
SECRET_COLUMNS = frozenset({"password", "smtppassword", "imappassword"})
#: The column by which a file of failed rows names its rows.
ROW_NUMBER = "row"
#: What a file of failed rows has beside our columns: the number of the row, and why it failed.
OF_FAILED_ROWS = (ROW_NUMBER, "error", "hint")

#: More than any known export has (Outlook's has 92). The limit bounds the cost of hostile headers.
MAX_COLUMNS = 200

#: Longer than any valid address (RFC 5321 section 4.5.3.1): a user still recognises a wrong one.
MAX_SHOWN_EMAIL = 320

_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_LAST_PORT = 65_535


#: What joins the cells of a row that stands in one.
_JOINS = re.compile(r"[\s,;|:^~=&/\\<>\"'()\u00a6\u2192\u2013\u3001\uff0c\uff1b]")
_DELIMITER = re.compile(r"[\t;,|\u3001\uff0c\uff1b]")
#: A text of so many parts without an address may be a row.
_LEAST_PARTS = 3
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]*\w")
_FOLLOWED = re.compile(r"([\w.+-]+@[\w-]+(?:\.[\w-]+)+)[\s:;|,/=&\u2192\u3001]+\S")


def shown_address(text: str, *, is_whole: bool) -> str:
    """Return what may be shown of a cell for an address: a row in one cell holds its password too.

    :param is_whole: the row has a password and a server of its own: what is more than an address
        is shown, unless it follows one.
    """
    text = text[:MAX_SHOWN_EMAIL]
    if is_whole:
        found = _FOLLOWED.match(text)
        return found[1] if found is not None else text
    if "@" not in text:
        parts = max(len(_DELIMITER.split(text)), len(text.split()))
        return text if parts < _LEAST_PARTS else ""
    if not _JOINS.search(text):
        return text
    found = _ADDRESS.search(text)
    return found[0] if found is not None else ""


class RowStatus(str, Enum):
    """What became of a row; each row of a finished import is one of the last three."""

    READY = "ready"
    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWarning:
    """A remark about a row. The row is imported all the same."""

    #: The number that a spreadsheet shows beside the row, from 1 on. 0 stands for all rows.
    row: int
    column: str
    code: str
    #: The values that its sentence names, beside ``column``.
    values: Mapping[str, str | int] = field(default_factory=dict, hash=False)

    @property
    def message(self) -> Words:
        """The sentence."""
        return sentence(warning_key(self.code), self.said).words

    @property
    def said(self) -> Mapping[str, str | int]:
        """All values that its sentence may name."""
        return {**self.values, "column": self.column}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a file by our column names: its passwords as secrets, its other cells as text."""

    row: int
    cells: Mapping[str, str]
    secrets: Mapping[str, Secret]
    #: Set where the row has too many cells, or cells in wrong columns: they cannot be trusted.
    problem: Failure | None = None
    #: What stands in place of a password, by its column; the password is empty then.
    placeholders: Mapping[str, str] = field(default_factory=dict)
    #: What was changed in its cells.
    warnings: tuple[RowWarning, ...] = ()

    @property
    def shown_email(self) -> str:
        """The address as in the file, as far as it may be shown; see `shown_address`."""
        is_whole = any(self.secrets.values()) and bool(self.cells["smtphost"])
        return shown_address(self.cells["email"], is_whole=is_whole)

    @property
    def smtp_host(self) -> str:
        """The SMTP server that the row names, if it may be shown."""
        return shown_server(self.cells["smtphost"])

    @property
    def smtp_port(self) -> int | None:
        """The port that the row names, or the usual one; None where it names none that is one."""
        text = self.cells["smtpport"]
        if not text:
            return Protocol.SMTP.default_port if self.smtp_host else None
        port = int(text) if _PORT.fullmatch(text) else 0
        return port if 0 < port <= _LAST_PORT else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRow:
    """One row after the check: ready, skipped or failed. A valid row has a ``mailbox``."""

    record: Record
    mailbox: Mailbox | None
    status: RowStatus
    failure: Failure | None = None
    #: The row is ready, and its mailbox is already in the workspace: the run updates it.
    is_update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """A ready or failed row as the database has it, with its record if that is still kept."""

    id: int
    row: int
    email: str
    #: Why it failed; None where it is ready.
    code: Code | None
    #: The SMTP server and port that it names; "" and None where it names none.
    smtp_host: str
    smtp_port: int | None
    #: None where the record is erased or does not open.
    record: Record | None
    #: The record is there but does not open, because it was moved or damaged.
    is_broken: bool = False
    #: How many runs have died or broken down while they tested it.
    deaths: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be saved of a staged row: a mailbox or, with ``failure``, why there is none."""

    row_id: int
    row: int
    mailbox: Mailbox | None = None
    failure: Failure | None = None
    #: Why each connection test failed; None where it passed or was not made.
    smtp: Failure | None = None
    imap: Failure | None = None
    #: The warnings of the check and of the connection tests.
    warnings: tuple[RowWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """Where a row of an import stands, and what came of it."""

    row: int
    email: str
    status: RowStatus
    #: The SMTP server and port that the row names; "" and None where it names none.
    smtp_host: str = ""
    smtp_port: int | None = None
    #: Why there is no mailbox; None where there is one, or the row is still ``ready``.
    failure: Failure | None = None
    #: Why each connection test failed; None where it passed or was not made.
    smtp: Failure | None = None
    imap: Failure | None = None
    #: The status that the import gave the mailbox; None where it saved none.
    mailbox_status: MailboxStatus | None = None
    #: The row's record is kept: the row can be tested again without sending its password again.
    is_kept: bool = False
    warnings: tuple[RowWarning, ...] = ()

    @property
    def code(self) -> Code | None:
        """The code of the failure, as in JSON; None where there is none."""
        return self.failure.code if self.failure is not None else None

    @property
    def error(self) -> Words:
        """The sentence of the failure; "" where there is none."""
        return self.failure.error if self.failure is not None else Words()

    @property
    def hint(self) -> Words:
        """What to do about the failure; "" where there is none, or nothing to do."""
        return self.failure.hint if self.failure is not None else Words()

    @property
    def reply(self) -> str:
        """What the server answered, cleaned; "" where that is not known."""
        return self.failure.reply if self.failure is not None else ""

    @property
    def retryable(self) -> bool:
        """Whether the row can be tested again as it is, and may pass then."""
        return self.is_kept and self.failure is not None and self.failure.code in RETRYABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCells:
    """The cells of a row that can still be tested, without its passwords."""

    row: int
    status: RowStatus
    #: By our column names.
    cells: Mapping[str, str]
    #: Which of the password columns are filled in.
    has: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A failed row as the file of failed rows has it."""

    result: RowResult
    #: What may be shown of its cells, by the names that records have; passwords are not there.
    cells: Mapping[str, str]
    #: Its record is kept: it can be tested again without its password.
    is_kept: bool

    @property
    def row(self) -> int:
        """Its number in the file that was imported."""
        return self.result.row

    @property
    def may_pass(self) -> bool:
        """Whether it can be tested again as it is, and may pass then."""
        return self.is_kept and self.result.retryable
