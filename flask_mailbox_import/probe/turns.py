"""Chooses the server whose login is tested next; keeps the logins that are tried again later."""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from .pace import Share, jittered
from .servers import LoginTest, Server

# Most servers that work answer within so many seconds.
_GRACE = 0.3


class Turns:
    """The waiting tests of one run, by server.

    Each row of a file may name another server. Finding the next server takes as long among ten
    thousand servers as among ten.

    :param places: how many tests may run at once; servers get shares of these places.
    """

    def __init__(self, tests: Iterable[LoginTest], places: int) -> None:
        self._places = places
        self._servers: dict[tuple[object, ...], Server] = {}
        for test in tests:
            self.server_of(test).waiting.append(test)
        # The server with the most tests comes first.
        order = sorted(self._servers.values(), key=lambda each: -len(each.waiting))
        #: The servers with waiting tests; those that have answered come last.
        self._waiting = OrderedDict[Server, None].fromkeys(order)
        #: The servers at each address.
        self._at = defaultdict[Share, list[Server]](list)
        #: The servers with running tests.
        self._active: dict[Server, None] = {}
        #: Until this time (``time.monotonic``) half of the places are kept for servers that answer.
        self.grace_ends = 0.0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def begin(self) -> None:
        """Note that the look-ups of the servers' names begin."""
        self.grace_ends = time.monotonic() + _GRACE

    def by_name(self) -> dict[str, list[Server]]:
        """Return the servers, grouped by their names."""
        found = defaultdict(list)
        for each in self._servers.values():
            found[each.host].append(each)
        return found

    def server_of(self, test: LoginTest) -> Server:
        """Return the server of a test."""
        login = test.login
        key = (login.host, login.port, login.protocol)
        return self._servers.setdefault(key, Server(*key))

    def locate(self, server: Server, share: Share) -> None:
        """Set the run's share in the address to which a server's name resolves."""
        server.share = server.search.share = share
        share.waiting += len(server.waiting)
        self._at[share].append(server)

    def servers_beside(self, server: Server) -> list[Server]:
        """Return the servers at the address of this one, itself among them."""
        return self._at[server.share] if server.share is not None else [server]

    def put(self, server: Server, test: LoginTest) -> None:
        """Add a test behind those that wait already."""
        server.waiting.append(test)
        if server.share is not None:
            server.share.waiting += 1
        self._waiting[server] = None
        self._waiting.move_to_end(server, last=server.proven)

    def take(self, server: Server) -> LoginTest:
        """Take the first waiting test of a server; from now on it counts as running."""
        test = self._taken(server)
        if not server.waiting:
            del self._waiting[server]
        if not server.running:
            server.heard = time.monotonic()
        server.running += 1
        self._active[server] = None
        return test

    def end(self, server: Server) -> None:
        """Note that a running test of a server has ended."""
        server.heard = time.monotonic()
        server.running -= 1
        if not server.running:
            del self._active[server]

    def drain(self, server: Server) -> Iterator[LoginTest]:
        """Take all waiting tests of a server; they do not count as running."""
        self._waiting.pop(server, None)
        while server.waiting:
            yield self._taken(server)

    def _taken(self, server: Server) -> LoginTest:
        if server.share is not None:
            server.share.waiting -= 1
        return server.waiting.popleft()

    def learn_answer(self, server: Server) -> None:
        """Note that a server answers: servers that have not answered yet go before it."""
        if server in self._waiting:
            self._waiting.move_to_end(server)

    def next(self, now: float) -> Server | None:
        """Return the server whose test begins next, the one with the fewest running; or None."""
        idle = sum(not each.waiting for each in self._active)
        busy = len(self._waiting) + idle
        # A server that has not answered yet gets its share at most, and all such servers together
        # get half of the places. So however many servers hang, the others go on.
        most = max(1, self._places // max(1, busy))
        unproven = sum(each.running for each in self._active if not each.proven)
        hold = unproven >= self._places / 2 and self._holds_back(busy, now)
        found: Server | None = None
        for each in reversed(self._waiting) if hold else self._waiting:
            if (hold and not each.proven) or not each.takes_another(most, now):
                continue
            if found is None or each.running < found.running:
                found = each
            if not found.running:
                break
        return found

    def _holds_back(self, busy: int, now: float) -> bool:
        """Tell whether places are kept for servers that answer: some wait, or may answer soon."""
        if now < self.grace_ends and busy > self._places / 2:
            return True
        return any(each.proven for each in islice(reversed(self._waiting), self._places))


#: Seconds before the first and before each further retry of a temporary refusal, without jitter.
RETRY_WAITS = (1.0, 4.0)


class Retries:
    """The tests of one run that are tried again later."""

    def __init__(self) -> None:
        self._tests: list[tuple[float, int, LoginTest]] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._tests)

    def add(self, test: LoginTest, wait: float | None) -> None:
        """Keep a test for its next try.

        :param wait: the seconds that the server said to wait; None where it named no time.
        """
        test.tries += 1
        seconds = max(wait or 0, RETRY_WAITS[min(test.tries, len(RETRY_WAITS)) - 1])
        self._count += 1
        # The second item is unique, so that heapq never compares two tests.
        heapq.heappush(self._tests, (time.monotonic() + jittered(seconds), self._count, test))

    def due(self) -> Iterator[LoginTest]:
        """Take the tests that are due."""
        while self._tests and self._tests[0][0] <= time.monotonic():
            yield heapq.heappop(self._tests)[2]

    @property
    def next_due(self) -> list[float]:
        """The time (``time.monotonic``) when the next test is due; empty where none waits."""
        return [due for due, _, _ in self._tests[:1]]
