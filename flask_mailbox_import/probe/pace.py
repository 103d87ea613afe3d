"""How many connections an address takes at once, as it shows; knows neither names nor rows."""

from __future__ import annotations

import random
import time

from .job import Job

# Successes after which one more connection than was too much is tried again.
_SUCCESSES_BEYOND = 20
# Seconds without a new connection to a server that showed that it was too much.
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Pace:
    """How many connections an address and port takes at once: as many as it can, as we learn.

    The window halves where the server shows that it is too much, and opens by one with each
    success, but soon not again as wide as what was too much. What was begun before the last
    narrowing tells nothing new.
    """

    def __init__(self, widest: int) -> None:
        self.running = 0
        #: No connection is begun before this time (``time.monotonic``).
        self.not_before = 0.0
        self._widest = widest
        self._window = widest
        #: As wide as the window opens by single successes, and how many there were.
        self._ceiling = widest
        self._successes = 0
        self._narrowed = 0.0
        self._pause = _PAUSE

    @property
    def open(self) -> bool:
        """Whether another connection may be begun now."""
        return self.running < self._window and self.not_before <= time.monotonic()

    def narrow(self, job: Job, *, to_one: bool = False) -> bool:
        """Halve the window; tell whether ``job`` said anything new."""
        if job.started <= self._narrowed:
            return False
        # The job itself still counts: it was one of those that were too many.
        self._ceiling = max(1, self.running - 1)
        self._window = 1 if to_one else max(1, min(self._window, self.running) // 2)
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
