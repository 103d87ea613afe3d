"""The exceptions that stop an import, with one root; the outcome of a row is never an exception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .records import ImportStatus
from .results import Summary


class MailboxImportError(Exception):
    """Root of everything that this package raises on purpose."""


class ConfigError(MailboxImportError):
    """The app's settings are wrong; lists every mistake and what to do about each."""

    def __init__(self, problems: Sequence[str]) -> None:
        #: One sentence for each mistake.
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"flask_mailbox_import cannot start:{lines}")


class FileError(MailboxImportError):
    """The uploaded file cannot be read as a table of mailboxes; nothing of it was stored."""

    def __init__(
        self, reason: str, message: str, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        #: A slug of the closed list in the README, for example ``missing_column``.
        self.reason = reason
        #: One sentence for the person who uploaded the file; says what to do.
        self.message = message
        #: What a program may want to know beside the sentence.
        self.details = dict(details or {})


def file_too_large(limit: int) -> FileError:
    """Return the fault of a file that is larger than ``limit`` bytes."""
    return FileError(
        "file_too_large",
        f"The file is larger than {limit} bytes: split it into several files.",
        {"maxFileSize": limit},
    )


class RequestError(MailboxImportError):
    """A call that cannot be answered as it was asked; a face turns it into its error response."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        #: The HTTP status (RFC 9110).
        self.status = status
        #: A slug; those of JSON answers are listed in the README.
        self.reason = reason
        #: One sentence that says what to do.
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})


class HookError(MailboxImportError):
    """A function that the host registered answered with something else than it should."""


class ImportNotFound(MailboxImportError):  # noqa: N818 (the fault is the name)
    """No import of this id in this workspace."""


class ImportNotRunnable(MailboxImportError):  # noqa: N818 (the fault is the name)
    """The import is finished, or another process is running it; ``status`` tells which."""

    def __init__(self, import_id: str, status: ImportStatus) -> None:
        super().__init__(f"the import {import_id} is {status.value}")
        self.status = status


class InvalidCursor(MailboxImportError):  # noqa: N818 (the fault is the name)
    """A cursor that no page of the list has given."""


class NotRetryable(MailboxImportError):  # noqa: N818 (the fault is the name)
    """These rows cannot be tested again, or not with these corrections; nothing was changed."""


class RunLost(MailboxImportError):  # noqa: N818 (the fault is the name)
    """Another process has taken this import over; what was committed stays."""


class TooManyRunning(MailboxImportError):  # noqa: N818 (the fault is the name)
    """This process already runs as many imports as ``MAILBOX_IMPORT_MAX_RUNNING`` allows."""

    reason = "too_many_running"
    #: Seconds after which it may be worth another try.
    retry_after = 30


class TooManyRefusedLogins(MailboxImportError):  # noqa: N818 (the fault is the name)
    """This workspace caused ``MAILBOX_IMPORT_MAX_REFUSED_LOGINS`` refused logins within an hour."""

    reason = "too_many_refused_logins"
    #: Seconds after which it may be worth another try.
    retry_after = 3600


class InternalFault(MailboxImportError):  # noqa: N818 (the fault is the name)
    """Something broke that should not have; says what and where, never a value of a row."""


class ImportInterrupted(MailboxImportError):  # noqa: N818 (the fault is the name)
    """A run broke down before its end: what it saved stays, the rest can be continued."""

    def __init__(self, import_id: str, why: str, summary: Summary | None) -> None:
        super().__init__(f"the import {import_id} stopped before its end: {why}")
        self.import_id = import_id
        #: What is committed; None where not even this could be read.
        self.summary = summary


class MailboxesInUse(MailboxImportError):  # noqa: N818 (the fault is the name)
    """The app still refers to a mailbox that was to be removed; nothing was."""


def too_many(fault: TooManyRunning | TooManyRefusedLogins) -> RequestError:
    """Return the answer to a call that a limit refused."""
    headers = {"Retry-After": str(fault.retry_after)}
    return RequestError(429, fault.reason, str(fault), headers=headers)


class SealError(MailboxImportError):
    """A sealed value does not open: moved to another row, damaged, or its key is not configured."""

    def __init__(self, message: str, key_id: str | None = None) -> None:
        super().__init__(message)
        #: The id of the key that is not configured, None where that is not the matter.
        self.key_id = key_id
