"""How many connections an address takes at once, as it shows; knows neither names nor rows."""

from __future__ import annotations

import random
import time
from collections import deque

# Successes after which one more connection than was too much is tried again.
_SUCCESSES_BEYOND = 20
# The least share of the time that a connection takes to close for which it counts.
_SLACK = 0.25
# Who was not seen to close one is not waited for.
_NEVER = 0.0
# Seconds without a new connection to a server that showed that it was too much.
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Pace:
    """How many connections an address and port takes at once: as many as it can, as we learn.

    The window halves where the server shows that it is too much, and opens by one with each
    success, but soon not again as wide as what was too much. What was begun before the last
    narrowing tells nothing new.
    """

    def __init__(self, widest: int, *, is_limit: bool) -> None:
        #: Whether more connections than that must not be there, rather than need not.
        self._is_limit = is_limit
        self.running = 0
        #: Jobs that wait for it.
        self.waiting = 0
        #: Until when connections count on that are being closed; the first is over first.
        self._closing: deque[float] = deque()
        #: For how many seconds they do; None: each is to be watched until it is closed.
        self._closing_seconds: float | None = None
        #: No connection is begun before this time (``time.monotonic``).
        self.not_before = 0.0
        self._widest = widest
        self._window = widest
        #: As wide as the window opens by single successes, and how many there were.
        self._ceiling = widest
        self._successes = 0
        self._narrowed = 0.0
        self._pause = _PAUSE

    def busy(self, now: float) -> int:
        """Return how many connections there are, with those that the server has not closed yet."""
        while self._closing and self._closing[0] <= now:
            self._closing.popleft()
        return self.running + len(self._closing)

    def is_open(self, now: float) -> bool:
        """Tell whether another connection may be begun."""
        return self.busy(now) < self._window and self.not_before <= now

    def opens_at(self, now: float) -> float | None:
        """Return when it opens by itself for a job that waits; None where it does not."""
        if not self.waiting:
            return None
        if self.busy(now) < self._window:
            return self.not_before if self.not_before > now else None
        return max(self.not_before, self._closing[0]) if self._closing else None

    @property
    def watches(self) -> bool:
        """Whether a connection is to be watched until the server has closed it."""
        return self._closing_seconds is None

    def learn_closing(self, seconds: float | None, trip: float) -> None:
        """Take in how long after QUIT a connection was seen to be closed; None: it was not.

        A round trip of that were QUIT and the news on their way, and what is begun next comes
        behind QUIT: counted for the rest, and a little more, no more than the window are open at
        the server, but for what is held up on its way. Where there is a limit, or the server has
        shown that it counts them, each is watched all the same.
        """
        if seconds is None and not self._is_limit:
            self._closing_seconds = _NEVER
        elif seconds is None or self._is_limit or self._narrowed or seconds < trip / 2:
            # Who hung up by himself had not read QUIT.
            return
        elif self._closing_seconds != _NEVER:
            self._closing_seconds = max(seconds - trip, seconds * _SLACK)

    def release(self, *, was_watched: bool) -> None:
        """Take in that a connection is closed here; it counts on while the server has it."""
        self.running -= 1
        if self._closing_seconds and not was_watched:
            self._closing.append(time.monotonic() + self._closing_seconds)

    def narrow(self, started: float, *, to_one: bool = False) -> bool:
        """Halve the window; tell whether what was ``started`` then said anything new."""
        if started <= self._narrowed:
            return False
        # That itself still counts: it was one of those that were too many.
        busy = self.busy(time.monotonic())
        self._ceiling = max(1, busy - 1)
        self._window = 1 if to_one else max(1, min(self._window, busy) // 2)
        self._closing_seconds = None
        self._successes = 0
        self._narrowed = time.monotonic()
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)
        return True

    def rest(self, seconds: float) -> None:
        """Begin no connection for a while: longer each time, if no success came between."""
        wait = max(seconds, self._pause)
        self.not_before = max(self.not_before, time.monotonic() + jittered(wait))

    def widen(self) -> None:
        """Open the window by one, up to where it was not too much, and later beyond."""
        self._pause = _PAUSE
        self._successes += 1
        if self._successes >= _SUCCESSES_BEYOND:
            self._successes = 0
            self._ceiling = min(self._widest, self._ceiling + 1)
        self._window = min(self._ceiling, self._window + 1)


def jittered(seconds: float) -> float:
    """Return up to half as much again: what was refused together does not come back together."""
    return seconds * random.uniform(1, 1.5)  # noqa: S311 (no secret)
