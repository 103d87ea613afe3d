"""Faults leave without what they met: no frames, no context, no words of others; logs nothing."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from .errors import InternalFault, MailboxImportError

_PACKAGE = Path(__file__).parent
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
        # The last frame that is seen is this one.
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
    ours = [each for each in frames if Path(each.filename).is_relative_to(_PACKAGE)]
    places = [
        f"{Path(each.filename).name}:{each.lineno} in {each.name}" for each in (*ours, innermost)
    ]
    return f"{kind} at {', '.join(reversed(places))}"


def _name(fault: BaseException) -> str:
    kind = type(fault)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
