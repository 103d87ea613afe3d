"""Whose turn it is: the servers that have jobs waiting, each with its fair share; tries none."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from .job import Job
from .pace import Pace
from .servers import Server

# Seconds in which a server that answers mostly has.
_GRACE = 0.3


class Turns:
    """The jobs of one run that wait, by their servers, and how many are under way.

    A file may name as many servers as it has rows: where they can be begun, finding one takes no
    longer among ten thousand than among ten.
    """

    def __init__(self, jobs: Iterable[Job], limit: int) -> None:
        self._limit = limit
        self._servers: dict[tuple[object, ...], Server] = {}
        for job in jobs:
            self.server_of(job).waiting.append(job)
        # Who has most to do is looked at first.
        order = sorted(self._servers.values(), key=lambda each: -len(each.waiting))
        #: Those with jobs that wait, who is known to answer last, and those with jobs under way.
        self._waiting = OrderedDict[Server, None].fromkeys(order)
        self._active: dict[Server, None] = {}
        #: Jobs under way.
        self.running = 0
        #: Until then, of many servers not all slots are filled with those not known to answer.
        self.grace_ends = 0.0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def begin(self) -> None:
        """Take in that the names of the servers are being looked up."""
        self.grace_ends = time.monotonic() + _GRACE

    def by_name(self) -> dict[str, list[Server]]:
        """Return the servers by their names."""
        found = defaultdict(list)
        for each in self._servers.values():
            found[each.host].append(each)
        return found

    def server_of(self, job: Job) -> Server:
        """Return the server of a job."""
        login = job.login
        key = (login.host, login.port, login.protocol)
        return self._servers.setdefault(key, Server(*key))

    def locate(self, server: Server, pace: Pace) -> None:
        """Take in to which address a server's name leads."""
        server.pace = pace
        pace.waiting += len(server.waiting)

    def put(self, server: Server, job: Job) -> None:
        """Have a job wait, behind those that do already."""
        server.waiting.append(job)
        if server.pace is not None:
            server.pace.waiting += 1
        self._waiting[server] = None
        self._waiting.move_to_end(server, last=server.proven)

    def take(self, server: Server) -> Job:
        """Take the first job of a server, which is under way from now on."""
        job = self._taken(server)
        if not server.waiting:
            del self._waiting[server]
        if not server.running:
            server.heard = time.monotonic()
        server.running += 1
        self._active[server] = None
        self.running += 1
        return job

    def end(self, server: Server) -> None:
        """Take in that a job of a server is not under way any longer."""
        server.heard = time.monotonic()
        server.running -= 1
        if not server.running:
            del self._active[server]
        self.running -= 1

    def drain(self, server: Server) -> Iterator[Job]:
        """Take all jobs that wait for a server; none of them is tried."""
        self._waiting.pop(server, None)
        while server.waiting:
            yield self._taken(server)

    def _taken(self, server: Server) -> Job:
        if server.pace is not None:
            server.pace.waiting -= 1
        return server.waiting.popleft()

    def learn_answer(self, server: Server) -> None:
        """Take in that a server answers: others are to show it before it gets more."""
        if server in self._waiting:
            self._waiting.move_to_end(server)

    def next(self, now: float) -> Server | None:
        """Return the server to serve next, with the fewest jobs under way; None: no one for now."""
        if self.running >= self._limit:
            return None
        idle = sum(not each.waiting for each in self._active)
        busy = len(self._waiting) + idle
        # A server that has not shown that it answers gets no more than its share, and all of
        # them half of the slots: however many hang, those that answer go on.
        share = max(1, self._limit // max(1, busy))
        unproven = sum(each.running for each in self._active if not each.proven)
        hold = unproven >= self._limit / 2 and self._holds_back(busy, now)
        found: Server | None = None
        for each in reversed(self._waiting) if hold else self._waiting:
            if (hold and not each.proven) or not each.takes_another(share, now):
                continue
            if found is None or each.running < found.running:
                found = each
            if not found.running:
                break
        return found

    def _holds_back(self, busy: int, now: float) -> bool:
        """Tell whether slots are kept for servers that answer: some wait, or may show it yet."""
        if now < self.grace_ends and busy > self._limit / 2:
            return True
        return any(each.proven for each in islice(reversed(self._waiting), self._limit))
