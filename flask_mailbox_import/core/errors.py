"""The exceptions of this package, and how secrets are stripped off a fault before it leaves."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from .imports import ImportStatus, Question, Summary


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


class HookError(MailboxImportError):
    """A function that the host registered answered with something else than it should."""


class ImportNotFound(MailboxImportError):
    """No import of this id in this workspace."""


class ImportNotRunnable(MailboxImportError):
    """The import is finished, or another process is running it; ``status`` tells which."""

    def __init__(self, import_id: str, status: ImportStatus) -> None:
        super().__init__(f"the import {import_id} is {status.value}")
        self.status = status


class InvalidCursor(MailboxImportError):
    """A cursor that no page of the list has given."""


class NotRetryable(MailboxImportError):
    """These rows cannot be tested again, or not with these corrections; nothing was changed."""


class RunLost(MailboxImportError):
    """Another process has taken this import over; what was committed stays."""


class TooManyRunning(MailboxImportError):
    """This process already runs as many imports as ``MAILBOX_IMPORT_MAX_RUNNING`` allows."""

    reason = "too_many_running"
    #: Seconds after which it may be worth another try.
    retry_after = 30


class TooManyRefusedLogins(MailboxImportError):
    """This workspace caused ``MAILBOX_IMPORT_MAX_REFUSED_LOGINS`` refused logins within an hour."""

    reason = "too_many_refused_logins"
    #: Seconds after which it may be worth another try.
    retry_after = 3600


class InternalFault(MailboxImportError):
    """Something broke that should not have; says what and where, never a value of a row."""


class ImportInterrupted(MailboxImportError):
    """A run broke down before its end: what it saved stays, the rest can be continued."""

    def __init__(self, import_id: str, why: str, summary: Summary | None) -> None:
        super().__init__(f"the import {import_id} stopped before its end: {why}")
        self.import_id = import_id
        #: What is committed; None where not even this could be read.
        self.summary = summary


class MailboxesInUse(MailboxImportError):
    """The app still refers to a mailbox that was to be removed; nothing was."""


class SealError(MailboxImportError):
    """A sealed value does not open: moved to another row, damaged, or its key is not configured."""

    def __init__(self, message: str, key_id: str | None = None) -> None:
        super().__init__(message)
        #: The id of the key that is not configured, None where that is not the matter.
        self.key_id = key_id


class UnclearFile(FileError):
    """The file cannot be read as it is, but somebody can say how; nothing of it was stored."""

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
    """Let no fault of a function out with the values in its frames, its context or its text.

    Debuggers, error trackers and logs show all three, and what is inside holds clear passwords.
    Our own faults say what they may; any other ``Exception`` becomes an ``InternalFault``.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        fault: BaseException
        try:
            return function(*args, **kwargs)
        except MailboxImportError as ours:
            fault = ours
        except Exception as unforeseen:  # noqa: BLE001 (whatever it is, it holds values)
            fault = InternalFault(described(unforeseen))
        except BaseException as stop:  # noqa: BLE001 (KeyboardInterrupt, gevent.Timeout: as above)
            fault = stop
        # This frame is the last that is shown: it must hold no value.
        del args, kwargs
        raise bare(fault)

    return call


def bare(fault: BaseException) -> BaseException:
    """Take the frames and the context off a fault; return it."""
    fault.__cause__ = fault.__context__ = None
    return fault.with_traceback(None)


def described(fault: BaseException) -> str:
    """Return what a fault is and where it came from, without any value.

    The place where it was raised, and the way there through this package, innermost first.
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
    """Return a file by its path inside the package: two wings may have files of one name."""
    path = Path(frame.filename)
    return path.relative_to(_PACKAGE).as_posix() if _is_ours(frame) else path.name


def _name(fault: BaseException) -> str:
    kind = type(fault)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
