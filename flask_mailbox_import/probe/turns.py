"""Whose turn it is: the servers that have jobs waiting, each with its fair share; tries none."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from .job import Job
from .servers import Server

# Seconds in which a server that answers mostly has.
_GRACE = 0.3


class Turns:
    """The jobs of one run that wait, by their servers, and how many are under way.

    Each step takes as long with ten thousand servers as with ten: a file may name as many.
    """

    def __init__(self, jobs: Iterable[Job], limit: int) -> None:
        self._limit = limit
        self._servers: dict[tuple[object, ...], Server] = {}
        for job in jobs:
            self.server_of(job).waiting.append(job)
        # Who has most to do is looked at first.
        order = sorted(self._servers.values(), key=lambda each: -len(each.waiting))
        #: Those with jobs that wait, and those with jobs under way.
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

    def put(self, server: Server, job: Job) -> None:
        """Have a job wait, behind those that do already."""
        server.waiting.append(job)
        self._waiting.setdefault(server)
        if server.proven:
            self.favour(server)

    def take(self, server: Server) -> Job:
        """Take the first job of a server, which is under way from now on."""
        job = server.waiting.popleft()
        if not server.waiting:
            del self._waiting[server]
        if not server.running:
            server.begun = time.monotonic()
        server.running += 1
        self._active.setdefault(server)
        self.running += 1
        return job

    def end(self, server: Server) -> None:
        """Take in that a job of a server is not under way any longer."""
        server.running -= 1
        if not server.running:
            del self._active[server]
        self.running -= 1

    def drain(self, server: Server) -> Iterator[Job]:
        """Take all jobs that wait for a server; none of them is tried."""
        self._waiting.pop(server, None)
        while server.waiting:
            yield server.waiting.popleft()

    def favour(self, server: Server) -> None:
        """Look at a server first: it answers."""
        if server in self._waiting:
            self._waiting.move_to_end(server, last=False)

    def next(self) -> Server | None:
        """Return the server to serve next, with the fewest jobs under way; None: no one for now."""
        if self.running >= self._limit:
            return None
        idle = sum(not each.waiting for each in self._active)
        busy = len(self._waiting) + idle
        # A server that has not shown that it answers gets no more than its share, and all of
        # them half of the slots: however many hang, those that answer go on.
        share = max(1, self._limit // max(1, busy))
        unproven = sum(each.running for each in self._active if not each.proven)
        hold = unproven >= self._limit / 2 and self._holds_back(busy)
        found: Server | None = None
        for each in self._waiting:
            if (hold and not each.proven) or not each.takes_another(share):
                continue
            if found is None or each.running < found.running:
                found = each
            if not found.running:
                break
        return found

    def _holds_back(self, busy: int) -> bool:
        """Tell whether slots are kept for servers that answer: some wait, or may show it yet."""
        if time.monotonic() < self.grace_ends and busy > self._limit / 2:
            return True
        # Those that answer are at the front.
        return any(each.proven for each in islice(self._waiting, self._limit))
