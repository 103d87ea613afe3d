"""The exceptions of this package, and the removal of values from others before they leave it."""

from __future__ import annotations

import functools
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from .imports import ImportStatus, Question, Summary
from .words import Words, say


class MailboxImportError(Exception):
    """The base of all exceptions that this package raises on purpose."""


class ConfigError(MailboxImportError):
    """The app's settings are wrong. The message lists every mistake and what to do about it."""

    def __init__(self, problems: Sequence[str]) -> None:
        #: One sentence for each mistake.
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"flask_mailbox_import cannot start:{lines}")


class FileError(MailboxImportError):
    """The file cannot be read as a table of mailboxes; nothing of it was stored."""

    def __init__(
        self, reason: str, message: Words, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        #: One of the slugs that the API's README lists, for example ``missing_column``.
        self.reason = reason
        #: A sentence for the user, with what to do.
        self.message = message
        #: Facts for programs, beside the sentence.
        self.details = dict(details or {})


def file_too_large(limit: int) -> FileError:
    """Return the error of a file that is larger than ``limit`` bytes."""
    words = say(
        "The file is larger than %(limit)s bytes: split it into several files.", limit=limit
    )
    return FileError("file_too_large", words, {"maxFileSize": limit})


def empty_file() -> FileError:
    """Return the error of a file in which nothing is written."""
    return FileError("empty_file", say("The file is empty: choose the file with your mailboxes."))


class HookError(MailboxImportError):
    """A function that the host registered returned a value of a wrong type."""


class ImportNotFound(MailboxImportError):
    """The workspace has no import of this id."""


class ImportNotRunnable(MailboxImportError):
    """The import cannot be run or retried in its present ``status``."""

    def __init__(self, import_id: str, status: ImportStatus) -> None:
        super().__init__(f"the import {import_id} is {status.value}")
        self.status = status


class InvalidCursor(MailboxImportError):
    """The cursor is not the ``next_cursor`` of any page of the list."""


class NotRetryable(MailboxImportError):
    """The rows cannot be tested again, or a correction is not possible; nothing was changed."""

    def __init__(self, message: Words) -> None:
        super().__init__(message)
        #: A sentence for the user, with what to do.
        self.message = message


class WrongCorrection(NotRetryable):
    """A corrected cell is wrong; nothing was changed."""

    def __init__(self, message: Words, row: int, column: str) -> None:
        super().__init__(message)
        #: The number of the row, and our name of the column.
        self.row = row
        self.column = column


class RunLost(MailboxImportError):
    """Another run has taken the import over, or it was deleted; what was committed stays."""


class TryLater(MailboxImportError):
    """A limit was reached: an import did not begin, and nothing was stored.

    :param seconds: in how many seconds it may begin, as far as that is known.
    """

    reason: str
    #: Seconds to wait before another try.
    retry_after: int

    def __init__(self, message: Words, seconds: float | None = None) -> None:
        super().__init__(message)
        #: A sentence for the user, with what to do.
        self.message = message
        if seconds is not None:
            self.retry_after = max(1, math.ceil(seconds))


class TooManyRunning(TryLater):
    """This process already runs as many imports as ``MAILBOX_IMPORT_MAX_RUNNING`` allows."""

    reason = "too_many_running"
    retry_after = 30


class TooManyWaiting(TryLater):
    """As many imports of this workspace wait as ``MAILBOX_IMPORT_WORKSPACE_QUEUED`` allows."""

    reason = "too_many_waiting"
    retry_after = 120


class TooManyRefusedLogins(TryLater):
    """This workspace caused ``MAILBOX_IMPORT_MAX_REFUSED_LOGINS`` refused logins within an hour."""

    reason = "too_many_refused_logins"
    retry_after = 3600


class InternalFault(MailboxImportError):
    """A fault of this package or its host. The message says what and where, and holds no value."""


class ImportInterrupted(MailboxImportError):
    """A run broke down before its end. What it saved stays, and the rest can be continued."""

    def __init__(self, import_id: str, why: str, summary: Summary | None) -> None:
        super().__init__(f"the import {import_id} stopped before its end: {why}")
        self.import_id = import_id
        #: What is committed; None where the database could not be read.
        self.summary = summary


class MailboxesInUse(MailboxImportError):
    """The app's own tables refer to a mailbox that was to be removed; nothing was removed."""


class SealError(MailboxImportError):
    """A sealed value does not open: it was moved or damaged, or its key is not configured."""

    def __init__(self, message: str, key_id: str | None = None) -> None:
        super().__init__(message)
        #: The id of the key that is not configured; None where the fault is another.
        self.key_id = key_id


class UnclearFile(FileError):
    """The file cannot be read until a user answers ``question``; nothing of it was stored."""

    def __init__(
        self, reason: str, question: Question, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(reason, question.message, details)
        self.question = question


_PACKAGE = Path(__file__).parents[1]
_NOWHERE = traceback.FrameSummary("nowhere", 0, "")

P = ParamSpec("P")
T = TypeVar("T")


def shielded(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function whose frames hold passwords, so that its exceptions show none.

    Debuggers, error trackers and logs show an exception's frames, context and text. An exception
    leaves the function without frames and context. An ``Exception`` that is not our own becomes an
    ``InternalFault``, whose text holds no value.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        fault: BaseException
        try:
            return function(*args, **kwargs)
        except MailboxImportError as ours:
            fault = ours
        except Exception as unforeseen:  # noqa: BLE001 (any may hold values)
            fault = InternalFault(described(unforeseen))
        except BaseException as stop:  # noqa: BLE001 (KeyboardInterrupt and gevent.Timeout as well)
            fault = stop
        # The exception shows this frame, so it must hold no value.
        del args, kwargs
        raise bare(fault)

    return call


def bare(fault: BaseException) -> BaseException:
    """Return an exception without its frames and its context."""
    fault.__cause__ = fault.__context__ = None
    return fault.with_traceback(None)


def described(fault: BaseException) -> str:
    """Return the type of an exception and where it was raised, without any value.

    The places are where it was raised, then its callers in this package, innermost first.
    """
    kind = _name(fault)
    original = getattr(fault, "orig", None)
    if isinstance(original, BaseException):
        kind += f" ({_name(original)})"
    *frames, innermost = traceback.extract_tb(fault.__traceback__) or [_NOWHERE]
    ours = [each for each in frames if _is_ours(each)]
    places = [f"{_file(each)}:{each.lineno} in {each.name}" for each in (*ours, innermost)]
    return f"{kind} at {', '.join(reversed(places))}"


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return Path(frame.filename).is_relative_to(_PACKAGE)


def _file(frame: traceback.FrameSummary) -> str:
    """Return the path of a file inside the package: two wings may have files of the same name."""
    path = Path(frame.filename)
    return path.relative_to(_PACKAGE).as_posix() if _is_ours(frame) else path.name


def _name(fault: BaseException) -> str:
    kind = type(fault)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
