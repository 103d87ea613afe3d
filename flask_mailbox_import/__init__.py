"""Bulk import of SMTP mailboxes into a Flask app; everything public is named here."""

from .core.codes import Code, Failure
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
    UnclearFile,
)
from .core.imports import ImportOptions, ImportStatus, InvalidOption, OnDuplicate, Summary
from .core.mailboxes import MailboxStatus
from .core.rows import RowResult, RowWarning
from .core.secret import generate_encryption_key
from .engine.importer import Importer
from .extension import MailboxImport
from .storage.models import MailboxMixin

__all__ = [
    "Code",
    "ConfigError",
    "Failure",
    "FileError",
    "ImportInterrupted",
    "ImportNotFound",
    "ImportNotRunnable",
    "ImportOptions",
    "ImportStatus",
    "Importer",
    "InternalFault",
    "InvalidCursor",
    "InvalidOption",
    "MailboxImport",
    "MailboxImportError",
    "MailboxMixin",
    "MailboxStatus",
    "MailboxesInUse",
    "NotRetryable",
    "OnDuplicate",
    "RowResult",
    "RowWarning",
    "RunLost",
    "SealError",
    "Summary",
    "TooManyRefusedLogins",
    "TooManyRunning",
    "TooManyWaiting",
    "UnclearFile",
    "generate_encryption_key",
]
