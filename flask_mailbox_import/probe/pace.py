"""How many connections one address takes at once, learnt from what it accepts and refuses."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable

from ..config import Config

# After this many successes the ceiling of the window rises by one.
_SUCCESSES_BEYOND = 20
# A closing connection counts for at least this share of the time that it takes to close.
_LEAST_SHARE = 0.25
# Closing connections do not count, because the server was not seen to close one.
_NOT_COUNTED = 0.0
# Seconds without a new connection after the server has shown that there are too many.
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
#: How many seconds to wait for the server to close a connection, and so to count it no longer.
LINGER = 1.0
#: For so many seconds it is remembered what an unused address has shown.
REMEMBERED = 600.0


class Pace:
    """How many connections an address and port takes at once, from all runs of this process.

    The window is the number of connections that may be open. It halves when the server shows that
    there are too many. It opens by one with each success, up to a ceiling below the number that was
    too many. Many successes raise the ceiling. A connection that began before the window was last
    narrowed does not narrow it again.

    :param widest: the window at the start and at most.
    :param is_limit: the server must never have more connections, so closing ones are watched.
    """

    def __init__(self, widest: int, *, is_limit: bool) -> None:
        self._is_limit = is_limit
        #: The runs that use the address.
        self._shares: list[Share] = []
        #: When the last of them left it (``time.monotonic``).
        self._left = 0.0
        #: How many connections are open on our side.
        self._running = 0
        #: A run found that the server has locked us out, and no login was answered since.
        self.is_shut = False
        self._is_beside = False
        #: For each closing connection the time (``time.monotonic``) until which it counts.
        self._closing: deque[float] = deque()
        #: For how many seconds a closing connection counts; None: each is watched to its end.
        self._closing_seconds: float | None = None
        #: No connection begins before this time (``time.monotonic``).
        self.not_before = 0.0
        self._widest = widest
        self._window = widest
        #: The widest window that single successes may reach.
        self._ceiling = widest
        self._successes = 0
        self._narrowed = 0.0
        self._pause = _PAUSE

    def busy(self, now: float) -> int:
        """Return how many connections the server has; those that it has yet to close count."""
        while self._closing and self._closing[0] <= now:
            self._closing.popleft()
        return self._running + len(self._closing)

    def is_open(self, now: float) -> bool:
        """Tell whether another connection may begin."""
        return self.busy(now) < self._window and self.not_before <= now

    def begin(self) -> None:
        """Note a connection that we open."""
        self._running += 1

    def end(self, *, was_watched: bool) -> None:
        """Note that we closed a connection; it counts until the server has closed it too."""
        self._running -= 1
        if not was_watched:
            self._count_closing(1)
        self._wake()

    @property
    def has_place_beside(self) -> bool:
        """Whether a running test may have a second connection for a while; one test at a time."""
        is_wide = not self._is_limit and self._window == self._widest
        return not self._is_beside and (is_wide or self.busy(time.monotonic()) < self._window)

    def begin_beside(self) -> None:
        """Note that a running test has a second connection."""
        self._is_beside = True
        self.begin()

    def end_beside(self) -> None:
        """Note that it has only one again."""
        self._is_beside = False
        self.end(was_watched=False)

    def join(self, share: Share) -> None:
        """Note a run that uses the address."""
        self._shares.append(share)

    def leave(self, share: Share) -> None:
        """Note that a run is over: nothing of it is open here or waits."""
        self._shares.remove(share)
        self._running -= share.running
        self._count_closing(share.running)
        self._left = time.monotonic()
        self._wake()

    def opens_at(self, now: float) -> float | None:
        """Return the time at which the window opens by itself; None: it does not, or is open."""
        if self.busy(now) < self._window:
            return self.not_before if self.not_before > now else None
        return max(self.not_before, self._closing[0]) if self._closing else None

    @property
    def is_awaited(self) -> bool:
        """Whether a test of any run waits for the address."""
        return any(each.waiting for each in self._shares)

    def is_forgotten(self, now: float) -> bool:
        """Tell whether the address has not been used for ``REMEMBERED`` seconds."""
        return not self._shares and self._left < now - REMEMBERED

    @property
    def watches(self) -> bool:
        """Whether each closing connection is watched until the server has closed it."""
        return self._closing_seconds is None

    def learn_closing(self, seconds: float | None, trip: float) -> None:
        """Learn for how long a closing connection counts, from one that was watched.

        A new connection reaches the server after the QUIT of the old one. So the old one counts
        only for the time that the server needs to close it: what was measured, less one round
        trip. No time is learnt where there is a limit or the window was narrowed. Without a
        limit, closing connections do not count once the server was not seen to close one.

        :param seconds: from QUIT until the server was seen to close; None: it was not seen.
        :param trip: the seconds of one round trip.
        """
        if seconds is None and not self._is_limit:
            self._closing_seconds = _NOT_COUNTED
        elif seconds is None or self._is_limit or self._narrowed or seconds < trip / 2:
            # Less than half a round trip: the server closed before it had read QUIT.
            return
        elif self._closing_seconds != _NOT_COUNTED:
            self._closing_seconds = max(seconds - trip, seconds * _LEAST_SHARE)

    def narrow(self, started: float, *, to_one: bool = False) -> bool:
        """Halve the window and return True; return False if it was halved since ``started``."""
        if started <= self._narrowed:
            return False
        # The refused connection is still among these.
        busy = self.busy(time.monotonic())
        self._ceiling = max(1, busy - 1)
        self._window = 1 if to_one else max(1, min(self._window, busy) // 2)
        self._closing_seconds = None
        self._successes = 0
        self._narrowed = time.monotonic()
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)
        return True

    def rest(self, seconds: float) -> None:
        """Begin no connection for a while; each narrowing doubles the pause until a success."""
        wait = max(seconds, self._pause)
        self.not_before = max(self.not_before, time.monotonic() + jittered(wait))

    def widen(self) -> None:
        """Note a success: open the window by one, up to the ceiling, which many successes raise."""
        self.is_shut = False
        self._pause = _PAUSE
        self._successes += 1
        if self._successes >= _SUCCESSES_BEYOND:
            self._successes = 0
            self._ceiling = min(self._widest, self._ceiling + 1)
        self._window = min(self._ceiling, self._window + 1)
        self._wake()

    def _count_closing(self, connections: int) -> None:
        """Count connections that we closed until the server has had its time to close them too."""
        seconds = LINGER if self._is_limit else self._closing_seconds
        if seconds:
            self._closing.extend([time.monotonic() + seconds] * connections)

    def _wake(self) -> None:
        """Wake the runs that wait: first those with the fewest connections here, then by turns."""
        for share in sorted(self._shares, key=lambda each: (each.running, each.begun)):
            if share.waiting:
                share.wake(share)


class Share:
    """The share of one run in an address: its connections there, and its tests that wait.

    :param wake: called with this share when the address may take another connection.
    """

    def __init__(self, pace: Pace, wake: Callable[[Share], None]) -> None:
        self.pace = pace
        self.wake = wake
        #: How many connections of this run are open on our side.
        self.running = 0
        #: When the last of them began (``time.monotonic``).
        self.begun = 0.0
        #: How many of its tests wait for the address.
        self.waiting = 0
        pace.join(self)

    def opens_at(self, now: float) -> float | None:
        """Return the time at which a waiting test may begin by itself; None: it may not."""
        return self.pace.opens_at(now) if self.waiting else None

    def begin(self) -> None:
        """Note a connection that we open."""
        self.running += 1
        self.begun = time.monotonic()
        self.pace.begin()

    def end(self, *, was_watched: bool) -> None:
        """Note that we closed a connection.

        :param was_watched: the server was seen to close it too, or had its time for that.
        """
        self.running -= 1
        self.pace.end(was_watched=was_watched)

    def begin_beside(self) -> None:
        """Note that a running test has a second connection."""
        self.running += 1
        self.pace.begin_beside()

    def end_beside(self) -> None:
        """Note that it has only one again."""
        self.running -= 1
        self.pace.end_beside()


class Paces:
    """The paces of all addresses that one app uses in this process, for all its runs.

    They are used in the hub only, and so need no lock.
    """

    def __init__(self, config: Config) -> None:
        self._widest = config.per_host
        self._is_limit = config.per_host < config.concurrency or config.per_host == 1
        self._paces: dict[tuple[str, int], Pace] = {}

    def share(self, address: str, port: int, wake: Callable[[Share], None]) -> Share:
        """Return a new share in an address, for one run."""
        new = Pace(self._widest, is_limit=self._is_limit)
        return Share(self._paces.setdefault((address, port), new), wake)

    def forget(self) -> None:
        """Forget the addresses that have not been used for long."""
        now = time.monotonic()
        self._paces = {key: each for key, each in self._paces.items() if not each.is_forgotten(now)}


def jittered(seconds: float) -> float:
    """Return the seconds and up to half as many more: it spreads tests refused together."""
    return seconds * random.uniform(1, 1.5)  # noqa: S311 (no secret)
