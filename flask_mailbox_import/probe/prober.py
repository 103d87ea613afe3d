"""Many mailboxes: 20 at a time, a share for each host, retries, equal logins tested once."""

from __future__ import annotations

import heapq
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.ssl import SSLContext

from ..codes import Code
from ..config import Config
from ..records import Login, Mailbox, Security, Stage, Verdict
from ..words import reason_for
from .diagnosis import Finding, diagnose
from .guard import Guard, Policy
from .pool import HubRun
from .smtp import SMTPSession
from .sockets import tls_context

logger = logging.getLogger("flask_mailbox_import")

#: Seconds before the first and each further retry of a temporary refusal; jitter is added.
RETRY_WAITS = (1.0, 4.0)

#: What a test says of one mailbox: the number it was given under, and its verdict.
Result = tuple[int, Verdict]


def probe_all(mailboxes: Iterable[tuple[int, Mailbox]], config: Config) -> HubRun[Result]:
    """Start to test mailboxes apart from the caller; iterate over the run's ``results``.

    Each number given comes back exactly once, in the order in which the verdicts are known. The
    caller closes the run.

    :raises MailboxImportError: no CA certificates; nothing was started.
    """
    context = tls_context(config.ca_file)
    jobs = _jobs(mailboxes)

    def work(emit: Callable[[Result], None]) -> None:
        policy = Policy(
            allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
        )
        with Guard(policy, config.dns_timeout) as guard:
            _Schedule(jobs, config, guard, context, emit).run()

    return HubRun(work)


def probe_login(
    login: Login, guard: Guard, context: SSLContext, config: Config
) -> tuple[Verdict, Finding | None]:
    """Test one login within ``config.timeout`` seconds by wall clock; never raises.

    Exceptions end here: their frames hold the password, and a server's words may be anything.
    """
    session = SMTPSession(login, guard, context, config.ehlo_name)
    deadline = gevent.Timeout(config.timeout)
    deadline.start()
    security: Security | None = None
    finding: Finding | None = None
    try:
        security = session.run(config.connect_timeout, allow_plaintext=config.allow_plaintext)
        session.say_goodbye()
    except gevent.Timeout as expired:
        if expired is not deadline:
            raise
        if security is None:
            finding = diagnose(session.stage, TimeoutError())
    except Exception as fault:  # noqa: BLE001 (the one place: whatever a test meets is its result)
        finding = diagnose(session.stage, fault)
        if finding.code is Code.INTERNAL:
            _log_unforeseen(session.stage, fault)
    finally:
        deadline.close()
        session.close()
    return _verdict(security, finding), finding


def _verdict(security: Security | None, finding: Finding | None) -> Verdict:
    if finding is None:
        return Verdict(security=security)
    codes = f"{finding.reply_code or ''} {finding.enhanced}".strip()
    return Verdict(reason=reason_for(finding.code, server_codes=codes))


def _log_unforeseen(stage: Stage, fault: BaseException) -> None:
    """Say what broke and where, without any value: neither text nor locals of the fault."""
    tb = fault.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    place = f"{tb.tb_frame.f_code.co_filename}:{tb.tb_lineno}" if tb is not None else "?"
    logger.error("connection test broke at %s: %s at %s", stage.value, type(fault).__name__, place)


@dataclass(slots=True)
class _Job:
    """One login to test, for all the mailboxes that share it."""

    login: Login
    numbers: list[int]
    tries: int = 0


@dataclass(slots=True)
class _Host:
    """One server's jobs that wait, and how many connections to it are open."""

    waiting: deque[_Job] = field(default_factory=deque)
    running: int = 0


def _jobs(mailboxes: Iterable[tuple[int, Mailbox]]) -> list[_Job]:
    """Group mailboxes whose login is the same, password included: it is tested once."""
    groups: dict[tuple[str, int, Security, str], list[_Job]] = {}
    jobs: list[_Job] = []
    for number, mailbox in mailboxes:
        login = mailbox.smtp
        group = groups.setdefault((login.host, login.port, login.security, login.username), [])
        same = next((job for job in group if job.login.password.same_as(login.password)), None)
        if same is not None:
            same.numbers.append(number)
            continue
        job = _Job(login=login, numbers=[number])
        group.append(job)
        jobs.append(job)
    return jobs


class _Schedule:
    """Decides which job is tried when; runs in the hub."""

    def __init__(
        self,
        jobs: Sequence[_Job],
        config: Config,
        guard: Guard,
        context: SSLContext,
        emit: Callable[[Result], None],
    ) -> None:
        self._config = config
        self._guard = guard
        self._context = context
        self._emit = emit
        self._pool = Pool(config.concurrency)
        self._running = 0
        self._changed = Event()
        self._hosts: dict[tuple[str, int], _Host] = {}
        self._later: list[tuple[float, int, _Job]] = []
        for job in jobs:
            self._host(job).waiting.append(job)

    def run(self) -> None:
        """Try every job; return when each has its verdict."""
        try:
            while True:
                self._changed.clear()
                self._move_due()
                self._start_all()
                if not self._later and not self._running:
                    return
                self._changed.wait(self._seconds_to_next())
        finally:
            self._pool.kill()

    def _host(self, job: _Job) -> _Host:
        return self._hosts.setdefault((job.login.host, job.login.port), _Host())

    def _move_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            job = heapq.heappop(self._later)[2]
            self._host(job).waiting.append(job)

    def _seconds_to_next(self) -> float | None:
        return max(0.0, self._later[0][0] - time.monotonic()) if self._later else None

    def _start_all(self) -> None:
        """Fill the free slots, taking one job of each host in turn."""
        progress = True
        while progress:
            progress = False
            for host in self._hosts.values():
                if self._running >= self._config.concurrency:
                    return
                if host.waiting and host.running < self._config.per_host:
                    host.running += 1
                    self._running += 1
                    self._pool.spawn(self._try, host, host.waiting.popleft())
                    progress = True

    def _try(self, host: _Host, job: _Job) -> None:
        try:
            verdict, finding = probe_login(job.login, self._guard, self._context, self._config)
            job.tries += 1
            if finding and finding.may_pass and job.tries <= self._config.retries:
                self._try_later(job)
                return
            for number in job.numbers:
                self._emit((number, verdict))
        finally:
            host.running -= 1
            self._running -= 1
            self._changed.set()

    def _try_later(self, job: _Job) -> None:
        wait = RETRY_WAITS[min(job.tries, len(RETRY_WAITS)) - 1]
        due = time.monotonic() + wait * random.uniform(1, 1.5)  # noqa: S311 (jitter)
        # The second item is unique, so that no two jobs are ever compared.
        heapq.heappush(self._later, (due, job.numbers[0], job))
