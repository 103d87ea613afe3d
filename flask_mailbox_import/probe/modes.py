"""Finds out, for all tests of one server together, whether its connections begin with TLS."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from ..core.mailboxes import Security
from .diagnosis import is_not_tls
from .faults import MadeWay, Silent
from .pace import Share
from .wire import Wire

# As shares of TIMEOUT: when one test of a silent server tries TLS on a second connection; when in
# place of its only one, where the server may not have two at once; and when the connection of a
# trial that is not answered yet is the only one left.
_BESIDE_AT = 0.5
_INSTEAD_AT = 0.75
_ALONE_AT = 0.85
# Seconds before each try of TLS in place of a connection.
_PAUSES = (0.0, 0.2, 0.5)


class ModeSearch:
    """What is known of a server's TLS mode, and whose turn it is to find it out.

    Nobody talks before a server's greeting, because some servers ban who does. Only where a server
    stays silent, one test at a time tries TLS. The others wait for what it finds.
    """

    def __init__(self) -> None:
        #: The mode in which TLS was up; None until then.
        self.known: Security | None = None
        #: Set when ``known`` is TLS from the first byte.
        self.is_tls = Event()
        #: The server has said something in clear, so that its silence is no sign of TLS.
        self.speaks_first = False
        #: This run's share in the server's address; None until its name is looked up.
        self.share: Share | None = None
        self._is_trying = False
        #: The connection of a trial waits, beside others, until the server serves it.
        self.is_held_up = False
        #: A trial was answered with silence, so that another one would show no more.
        self._is_tried = False
        self._was_beside = False

    def learn(self, mode: Security) -> None:
        """Note the mode in which TLS was up."""
        self.known = mode
        if mode is Security.TLS:
            self.is_tls.set()

    def begin_beside(self) -> bool:
        """Tell whether the caller is the one that tries TLS now, on a second connection.

        If it is, it calls :meth:`end_beside` when one of the two connections is closed.
        """
        if self.share is None or self._was_beside or not self.share.pace.has_place_beside:
            return False
        self._was_beside = self.is_held_up = self.begin_instead()
        if self._was_beside:
            self.share.begin_beside()
        return self._was_beside

    def end_beside(self) -> None:
        """Note that one of two connections is closed."""
        if self.share is not None:
            self.share.end_beside()

    def begin_instead(self) -> bool:
        """Tell whether the caller is the one that tries TLS now, in place of its connection."""
        if self._is_trying or self._is_tried or self.speaks_first or self.known is not None:
            return False
        self._is_trying = True
        return True

    def end_trial(self, *, shows_nothing: bool) -> None:
        """Note that the trial is over; where it has shown nothing, another test may try."""
        self._is_trying = self.is_held_up = False
        self._is_tried = not shows_nothing


class FirstWord:
    """Waits on one connection until the server speaks, or TLS turns out to be its mode.

    The connection stays open to the end: some servers greet late, and ban who talks before.

    :param try_tls: makes a connection with TLS, or returns why that failed; it does not raise.
    """

    def __init__(
        self, first: Wire, search: ModeSearch, try_tls: Callable[[], Wire | Exception]
    ) -> None:
        self._first = first
        self._search = search
        self._try_tls = try_tls
        self._greeting = gevent.spawn(first.wait_for_bytes)

    def wait(self, started: float, timeout: float) -> Wire | None:
        """Return the connection to go on with; None where another test has found TLS meanwhile.

        :param started: when the test of at most ``timeout`` seconds began (``time.monotonic``).
        :raises Silent: the server said nothing, on a connection that made way for TLS.
        :raises MadeWay: so did this one, for the trial of another test.
        :raises ssl.SSLError: the server speaks TLS, but the handshake failed.
        """
        try:
            if self._is_heard(started + timeout * _BESIDE_AT):
                return self._heard()
            instead_at = started + timeout * _INSTEAD_AT
            alone_at = started + timeout * _ALONE_AT
            secured = self._beside(alone_at) if self._search.begin_beside() else None
            if secured is not None or self._is_heard(instead_at):
                return secured or self._heard()
            if self._search.begin_instead():
                return self._instead()
            if self._search.is_held_up:
                # Perhaps the server serves few at once, and our silent connections hold it up.
                raise MadeWay
            self._is_heard()
            return self._heard()
        finally:
            self._greeting.kill()

    def _is_heard(self, until: float = math.inf) -> bool:
        """Wait; tell whether the server has spoken or hung up, or was found to speak TLS."""
        seconds = None if until == math.inf else max(0.0, until - time.monotonic())
        signs: list[Any] = [self._greeting, self._search.is_tls]
        return bool(gevent.wait(signs, seconds, count=1))

    def _heard(self) -> Wire | None:
        if self._search.is_tls.is_set():
            return None
        # A server that hangs up on a silent client may have waited for its TLS.
        if not self._first.peek() and self._search.begin_instead():
            made = self._try_tls()
            self._search.end_trial(shows_nothing=_shows_nothing(made))
            return self._judged(made) or self._first
        return self._first

    def _beside(self, until: float) -> Wire | None:
        """Try TLS on a second connection; return it, or None where TLS is not spoken on it.

        At ``until`` the first connection makes way: the server may serve one after another.
        """
        trial = gevent.spawn(self._try_tls)
        # Where the deadline ends the trial, the server was silent on it.
        shows_nothing = False
        try:
            signs: list[Any] = [self._greeting, trial]
            is_heard = gevent.wait(signs, max(0.0, until - time.monotonic()), count=1)
            if is_heard and not trial.ready() and self._first.peek():
                shows_nothing = True
                return None
            if not is_heard:
                self._give_up_first()
            made = trial.get()
            shows_nothing = _shows_nothing(made)
            secured = self._judged(made)
            if secured is None and not is_heard:
                raise Silent
            return secured
        finally:
            trial.kill()
            self._search.end_beside()
            self._search.end_trial(shows_nothing=shows_nothing)

    def _instead(self) -> Wire:
        """Try TLS in place of the first connection; the server may need time to close that."""
        self._give_up_first()
        shows_nothing = False
        try:
            for pause in _PAUSES:
                gevent.sleep(pause)
                made = self._try_tls()
                secured = self._judged(made)
                if secured is not None:
                    return secured
                shows_nothing = _shows_nothing(made)
                if not shows_nothing:
                    break
            raise Silent
        finally:
            self._search.end_trial(shows_nothing=shows_nothing)

    def _give_up_first(self) -> None:
        # The event loop may not watch a socket that is closed.
        self._greeting.kill()
        self._first.close()

    def _judged(self, made: Wire | Exception) -> Wire | None:
        """Return a connection with TLS in place of the first; None where it is not spoken."""
        if isinstance(made, Wire):
            self._give_up_first()
            return made
        if speaks_tls(made):
            raise made
        return None


def _shows_nothing(made: Wire | Exception) -> bool:
    """Tell whether a trial of TLS failed for another reason than the mode.

    The server refused or dropped the connection; in clear, perhaps, as one too many.
    """
    return not isinstance(made, TimeoutError | Silent)


def speaks_tls(fault: Exception) -> bool:
    """Tell whether the server spoke TLS in a handshake that failed."""
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError) or is_not_tls(fault):
        return False
    return isinstance(fault, ssl.SSLError)
