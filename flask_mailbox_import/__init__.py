"""Bulk import of SMTP mailboxes into a Flask app; everything public is named here."""

from .core.causes import Where
from .core.codes import Code
from .core.errors import (
    ConfigError,
    FileError,
    ImportInterrupted,
    ImportNotFound,
    ImportNotRunnable,
    InternalFault,
    InvalidCursor,
    MailboxesInUse,
    MailboxImportError,
    NotRetryable,
    RunLost,
    SealError,
    TooManyRefusedLogins,
    TooManyRunning,
    TooManyWaiting,
    TryLater,
    UnclearFile,
    WrongCorrection,
)
from .core.failures import Failure
from .core.host_columns import ColumnKind, HostColumn, import_column
from .core.imports import (
    Check,
    EncodingChoice,
    FileReading,
    ImportOptions,
    ImportStatus,
    InvalidOption,
    OnDuplicate,
    Page,
    Question,
    Sample,
    Summary,
    Unfinished,
    Workload,
)
from .core.mailboxes import Login, Mailbox, MailboxStatus, Protocol, Security
from .core.rows import CheckedRow, FailedRow, KeptCells, Record, RowResult, RowStatus, RowWarning
from .core.secret import Secret, generate_encryption_key
from .core.sentences import Sentence
from .core.words import Part, Words
from .engine.batches import Progress
from .engine.corrections import Change, Corrections
from .engine.importer import Importer
from .extension import MailboxImport
from .storage.models import ApiKeyMixin, ImportMixin, ImportRowMixin, MailboxMixin, Models

__all__ = [
    "ApiKeyMixin",
    "Change",
    "Check",
    "CheckedRow",
    "Code",
    "ColumnKind",
    "ConfigError",
    "Corrections",
    "EncodingChoice",
    "FailedRow",
    "Failure",
    "FileError",
    "FileReading",
    "HostColumn",
    "ImportInterrupted",
    "ImportMixin",
    "ImportNotFound",
    "ImportNotRunnable",
    "ImportOptions",
    "ImportRowMixin",
    "ImportStatus",
    "Importer",
    "InternalFault",
    "InvalidCursor",
    "InvalidOption",
    "KeptCells",
    "Login",
    "Mailbox",
    "MailboxImport",
    "MailboxImportError",
    "MailboxMixin",
    "MailboxStatus",
    "MailboxesInUse",
    "Models",
    "NotRetryable",
    "OnDuplicate",
    "Page",
    "Part",
    "Progress",
    "Protocol",
    "Question",
    "Record",
    "RowResult",
    "RowStatus",
    "RowWarning",
    "RunLost",
    "Sample",
    "SealError",
    "Secret",
    "Security",
    "Sentence",
    "Summary",
    "TooManyRefusedLogins",
    "TooManyRunning",
    "TooManyWaiting",
    "TryLater",
    "UnclearFile",
    "Unfinished",
    "Where",
    "Words",
    "Workload",
    "WrongCorrection",
    "generate_encryption_key",
    "import_column",
]
