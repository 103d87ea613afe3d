"""Which login is tried when: so many at a time, shared fairly by servers, each at its own pace."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import gevent
from gevent.event import Event
from gevent.pool import Group, Pool
from gevent.ssl import SSLContext

from ..config import Config
from ..policy import NoAddress
from ..records import Stage
from .attempt import Attempt, Tried, log_unforeseen
from .diagnosis import Finding, diagnose
from .guard import Guard
from .retries import Retries
from .servers import LONGEST_WAIT, Job, Pace, Server
from .verdicts import Verdicts

# Seconds for a server to close its end, so that it has stopped counting the connection.
_LINGER = 1.0
_FROM_LOGIN = frozenset({Stage.AUTH, Stage.SELECT})
# Seconds in which a server that answers mostly has.
_GRACE = 0.3


class Schedule:
    """Decides which job is tried when; runs in the hub."""

    def __init__(
        self,
        jobs: Iterable[Job],
        config: Config,
        guard: Guard,
        context: SSLContext,
        verdicts: Verdicts,
        draining: Event,
    ) -> None:
        self._config = config
        self._guard = guard
        self._context = context
        self._verdicts = verdicts
        #: Set from outside: begin nothing more.
        self._draining = draining
        self._pool = Pool(config.concurrency)
        self._aside = Group()
        #: Done with, and not closed yet.
        self._closing: set[Attempt] = set()
        self._running = 0
        self._looking_up = 0
        self._changed = Event()
        #: Until then, of many servers not all slots are filled with those not known to answer.
        self._grace_ends = 0.0
        #: A fault of ours in one of the greenlets: it ends the run, or that would wait for ever.
        self._broken: BaseException | None = None
        self._paces: dict[tuple[str, int], Pace] = {}
        self._servers: dict[tuple[object, ...], Server] = {}
        self._retries = Retries()
        for job in jobs:
            self._server(job).waiting.append(job)

    def run(self) -> None:
        """Try every job; return when each has its verdict or, while draining, none is tried."""
        try:
            self._aside.spawn(self._wake_to_drain)
            self._look_up_all()
            self._grace_ends = time.monotonic() + _GRACE
            while True:
                self._changed.clear()
                if self._broken is not None:
                    raise self._broken
                if self._draining.is_set():
                    if not self._running:
                        return self._verdicts.release_all()
                else:
                    for job in self._retries.due():
                        self._queue(self._server(job), job)
                    self._start_all()
                    if not (self._looking_up or self._running or self._retries or self._waiting()):
                        return self._verdicts.release_all()
                self._changed.wait(self._seconds_to_next())
        finally:
            self._aside.kill()
            self._pool.kill()
            for attempt in self._closing:
                attempt.close()

    def _wake_to_drain(self) -> None:
        self._draining.wait()
        self._changed.set()

    def _look_up_all(self) -> None:
        """Resolve each name once, all at a time: none that never answers delays another."""
        for host in dict.fromkeys(server.host for server in self._servers.values()):
            self._looking_up += 1
            self._aside.spawn(self._look_up, host).link_exception(self._break)

    def _look_up(self, host: str) -> None:
        started = time.monotonic()
        servers = [each for each in self._servers.values() if each.host == host]
        try:
            address = str(self._guard.resolve(host)[0])
        except (NoAddress, OSError) as fault:
            if isinstance(fault, OSError):
                log_unforeseen(Stage.RESOLVE, fault)
            for server in servers:
                while server.waiting:
                    job = server.waiting.popleft()
                    self._verdicts.failed(job, diagnose(job.login, Stage.RESOLVE, fault))
        else:
            for server in servers:
                key = (address, server.port)
                server.look_up_seconds = time.monotonic() - started
                for job in server.waiting:
                    job.address = address
                server.pace = self._paces.setdefault(key, Pace(self._config.per_host))
        finally:
            self._looking_up -= 1
            self._changed.set()

    def _server(self, job: Job) -> Server:
        login = job.login
        key = (login.host, login.port, login.protocol)
        return self._servers.setdefault(key, Server(*key))

    def _waiting(self) -> bool:
        return any(server.waiting for server in self._servers.values())

    def _queue(self, server: Server, job: Job) -> None:
        if server.lesson is not None:
            self._verdicts.failed(job, server.lesson, shared=True)
        else:
            server.waiting.append(job)

    def _seconds_to_next(self) -> float | None:
        now = time.monotonic()
        paces = (each.pace for each in self._servers.values() if each.waiting and each.pace)
        times = [each for each in (self._grace_ends, *(p.not_before for p in paces)) if each > now]
        times += self._retries.next_due
        return max(0.0, min(times) - now) if times else None

    def _start_all(self) -> None:
        """Fill the free slots; the server with the fewest connections is served first."""
        limit = self._config.concurrency
        while self._running < limit:
            busy = [each for each in self._servers.values() if each.waiting or each.running]
            # A server that has not shown that it answers gets no more than its share, and all of
            # them half of the slots: however many hang, those that answer go on.
            share = max(1, limit // max(1, len(busy)))
            unproven = sum(each.running for each in busy if not each.proven)
            hold = unproven >= limit / 2 and self._holds_back(busy)
            ready = [
                each for each in busy if each.takes_another(share) and (each.proven or not hold)
            ]
            if not ready:
                return
            server = min(ready, key=lambda each: (each.running, -len(each.waiting)))
            self._start(server, server.waiting.popleft())

    def _holds_back(self, busy: list[Server]) -> bool:
        """Tell whether slots are kept for servers that answer: some wait, or may show it yet."""
        young = time.monotonic() < self._grace_ends
        if young and len(busy) > self._config.concurrency / 2:
            return True
        return any(each.proven and each.waiting for each in busy)

    def _start(self, server: Server, job: Job) -> None:
        pace = server.pace or Pace(self._config.per_host)
        job.started = time.monotonic()
        job.crowded = pace.running > 0
        server.running += 1
        pace.running += 1
        self._running += 1
        self._pool.spawn(self._try, server, pace, job).link_exception(self._break)

    def _break(self, greenlet: gevent.Greenlet[..., None]) -> None:
        self._broken = greenlet.exception
        self._changed.set()

    def _try(self, server: Server, pace: Pace, job: Job) -> None:
        login = job.login
        attempt = Attempt(
            replace(login, security=server.mode or login.security),
            job.provider,
            self._guard,
            self._context,
            mode_known=server.mode is not None,
        )
        timeout = self._config.timeout - (0 if job.tries else server.look_up_seconds)
        try:
            tried = attempt.run(
                self._config, max(0.0, timeout), lambda: self._verdicts.reached(login.port)
            )
        except BaseException:
            attempt.close()
            raise
        job.crowded = job.crowded or pace.running > 1
        server.running -= 1
        self._running -= 1
        self._decide(server, pace, job, tried)
        if server.waiting and server.closes:
            self._closing.add(attempt)
            self._aside.spawn(self._linger, server, pace, attempt).link_exception(self._break)
        else:
            self._close(pace, attempt)
        self._changed.set()

    def _linger(self, server: Server, pace: Pace, attempt: Attempt) -> None:
        """Count a connection for the server's pace until the server has closed it too."""
        server.closes = attempt.linger(_LINGER)
        self._closing.discard(attempt)
        self._close(pace, attempt)
        self._changed.set()

    def _close(self, pace: Pace, attempt: Attempt) -> None:
        attempt.close()
        pace.running -= 1

    def _decide(self, server: Server, pace: Pace, job: Job, tried: Tried) -> None:
        """Take in what a try showed: a verdict, another try, or a lesson for all that wait."""
        finding = tried.finding
        if finding is None:
            server.learn_success(tried)
            pace.widen()
            self._verdicts.passed(job, tried.security)
            return
        if server.is_silence(tried, self._config.timeout):
            again = server.learn_silence(job, tried)
        elif server.is_pressure(job, tried):
            again = server.learn_pressure(job, finding)
        else:
            server.learn_absence(tried)
            if finding.may_pass:
                server.learn_wait(finding)
            if finding.answered and not finding.may_pass and tried.stage in _FROM_LOGIN:
                server.learn_success(tried)
                pace.widen()
            may_wait = (finding.wait or 0) <= LONGEST_WAIT
            if finding.may_pass and may_wait and job.tries < self._config.retries:
                self._retries.add(job, finding.wait)
                return
            again = False
        if again and server.lesson is None:
            # Last in the queue: what is this row's alone keeps no other from its turn.
            server.waiting.append(job)
        else:
            self._verdicts.failed(job, finding, used=tried.security)
        if server.lesson is not None:
            self._teach(server, server.lesson)

    def _teach(self, server: Server, lesson: Finding) -> None:
        while server.waiting:
            self._verdicts.failed(server.waiting.popleft(), lesson, shared=True)
