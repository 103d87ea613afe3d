"""Replies of mail servers that hold logins up until a test lets them go."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from flask_mailbox_import.testing import CLOSE, Session
from flask_mailbox_import.testing.smtp import OK_235, REFUSED_535


class Gate:
    """What a server says to AUTH, once it is let: yes, but for the passwords called ``no``."""

    def __init__(self) -> None:
        self._open = threading.Event()
        #: Logins that wait, or have waited, at the gate.
        self.came = 0

    def __call__(self, session: Any) -> bytes:
        self.came += 1
        self._open.wait(20)
        refused = session.logins[-1][1] == "no"
        return b"535 5.7.8 no\r\n" if refused else b"235 2.7.0 ok\r\n"

    def open(self) -> None:
        self._open.set()


class CountingGate:
    """Lets logins of a mail server pass, in the order of their coming; as its reply to AUTH.

    Only those of one domain wait, if one is named: no other test's.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._left = 0
        self._domain = ""

    def let(self, count: int = 10**9) -> None:
        with self._changed:
            self._left += count
            self._changed.notify_all()

    def close(self, domain: str = "") -> None:
        with self._changed:
            self._left = 0
            self._domain = domain
            self._changed.notify_all()

    def __call__(self, session: Session) -> bytes:
        user, password = session.logins[-1]
        with self._changed:
            self._changed.wait_for(lambda: self._left > 0 or not self._holds(user), timeout=50)
            if self._holds(user):
                self._left -= 1
        return OK_235 if password == "pw" else REFUSED_535

    def _holds(self, user: str) -> bool:
        return user.endswith(self._domain)


def last_line(session) -> bytes:
    """Return the last line that a client has sent."""
    return session.lines[-1]


def silent(stop: threading.Event):
    """Return a reply that does not come until the test stops it."""

    def wait(_session):
        stop.wait(60)
        return CLOSE

    return wait


def held(began: queue.Queue[None], released: threading.Event) -> dict[str, Callable[..., bytes]]:
    """Return what a mail server says to a login: that somebody waits, and, much later, yes."""

    def answer(_session: object) -> bytes:
        began.put(None)
        assert released.wait(60)
        return OK_235

    return {"AUTH": answer}
