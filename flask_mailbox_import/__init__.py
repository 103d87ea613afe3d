"""Bulk import of SMTP mailboxes into a Flask app; everything public is named here."""

from .core.codes import Code
from .core.errors import (
    ConfigError,
    FileError,
    ImportInterrupted,
    ImportNotFound,
    ImportNotRunnable,
    InternalFault,
    MailboxesInUse,
    MailboxImportError,
    RunLost,
    SealError,
    TooManyRefusedLogins,
    TooManyRunning,
)
from .core.imports import ImportStatus, Summary
from .core.mailboxes import MailboxStatus
from .core.rows import RowResult
from .core.secret import generate_encryption_key
from .engine.importer import Importer
from .extension import MailboxImport
from .storage.models import MailboxMixin

__all__ = [
    "Code",
    "ConfigError",
    "FileError",
    "ImportInterrupted",
    "ImportNotFound",
    "ImportNotRunnable",
    "ImportStatus",
    "Importer",
    "InternalFault",
    "MailboxImport",
    "MailboxImportError",
    "MailboxMixin",
    "MailboxStatus",
    "MailboxesInUse",
    "RowResult",
    "RunLost",
    "SealError",
    "Summary",
    "TooManyRefusedLogins",
    "TooManyRunning",
    "generate_encryption_key",
]
