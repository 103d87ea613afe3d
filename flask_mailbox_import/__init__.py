"""Bulk import of SMTP mailboxes into a Flask app; everything public is named here."""

from .codes import Code as Code
from .errors import ConfigError as ConfigError
from .errors import FileError as FileError
from .errors import ImportInterrupted as ImportInterrupted
from .errors import ImportNotFound as ImportNotFound
from .errors import ImportNotRunnable as ImportNotRunnable
from .errors import InternalFault as InternalFault
from .errors import MailboxesInUse as MailboxesInUse
from .errors import MailboxImportError as MailboxImportError
from .errors import RunLost as RunLost
from .errors import SealError as SealError
from .errors import TooManyRefusedLogins as TooManyRefusedLogins
from .errors import TooManyRunning as TooManyRunning
from .extension import MailboxImport as MailboxImport
from .importer import Importer as Importer
from .models import MailboxMixin as MailboxMixin
from .records import ImportStatus as ImportStatus
from .records import MailboxStatus as MailboxStatus
from .results import RowResult as RowResult
from .results import Summary as Summary
