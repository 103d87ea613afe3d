"""What is known of a server while a run lasts: its queue, its pace, what rows taught about it."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..codes import Code
from ..providers import Provider, provider_of
from ..records import Login, Mailbox, Protocol, Security, Stage
from .attempt import Tried
from .diagnosis import Finding

#: Rows of one server, one after another, that got no answer to their login.
SILENT_LOGINS = 2
#: Rounds of silence after which a server that has answered before is given up.
SILENT_ROUNDS = 3

#: Refusals of one job that may be our pace's fault and cost no try.
FREE_REFUSALS = 20
#: The same where it is as likely that it is the mailbox's own.
FREE_DOUBTS = 4
#: Refusals in a row, alone and ever later, after which a server that has answered is given up.
REFUSALS_ALONE = 15
#: Seconds: a server that says to wait longer is not waited for.
LONGEST_WAIT = 30.0

_TOO_MUCH = frozenset({Code.TOO_MANY_CONNECTIONS, Code.RATE_LIMITED, Code.CONNECTION_REFUSED})
_BEFORE_LOGIN = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.TLS})
_NOT_THERE = frozenset({Code.CONNECTION_REFUSED, Code.NETWORK_UNREACHABLE})
# Successes after which one more connection than was too much is tried again.
_SUCCESSES_BEYOND = 20
# Seconds without a new connection to a server that showed that it was too much.
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
# A connection that was dropped after this share of TIMEOUT was as good as silent.
_SLOW_SHARE = 0.25


@dataclass(slots=True)
class Job:
    """One login to test, for all the mailboxes that share it."""

    login: Login
    provider: Provider | None
    numbers: list[int]
    #: What its server's name leads to, once that is known.
    address: str = ""
    tries: int = 0
    #: How often it was refused for what our own pace caused, and whether it met silence before.
    refusals: int = 0
    silences: int = 0
    started: float = 0.0
    #: Whether other connections of ours were open to the server beside it.
    crowded: bool = False


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


@dataclass(slots=True, eq=False)
class Server:
    """One name, port and protocol: the jobs that wait for it, and what was learnt about it."""

    host: str
    port: int
    protocol: Protocol
    waiting: deque[Job] = field(default_factory=deque)
    running: int = 0
    #: Known once its name is resolved.
    pace: Pace | None = None
    look_up_seconds: float = 0.0
    #: Whether a login got an answer here, and none since went without one.
    proven: bool = False
    #: What answers for all other rows, once a row has shown it.
    lesson: Finding | None = None
    #: The TLS mode that it speaks, once a row has shown it.
    mode: Security | None = None
    #: Whether it closes connections soon after QUIT.
    closes: bool = True
    silent_logins: int = 0
    silent_rounds: int = 0
    #: Rows in a row that were told to wait for long.
    told_to_wait: int = 0
    #: Refusals in a row, each with no other connection of ours beside it.
    refused_alone: int = 0

    def takes_another(self, share: int) -> bool:
        """Tell whether a job of it may be begun; ``share`` is for who has not shown to answer."""
        if not self.waiting or self.pace is None or not self.pace.open:
            return False
        if self.silent_logins and self.running:
            # Those that are on their way decide whether it is the login or the server.
            return False
        return self.proven or self.running < share

    def learn_success(self, tried: Tried) -> None:
        """Take in that a login was answered."""
        self.proven = True
        self.silent_logins = self.silent_rounds = self.refused_alone = 0
        self.told_to_wait = 0
        if tried.security is not Security.PLAIN:
            self.mode = tried.security

    def is_silence(self, tried: Tried, timeout: float) -> bool:
        """Tell whether a try ended without an answer after a long wait."""
        code = tried.finding.code if tried.finding else None
        if tried.finding is None or tried.finding.answered:
            return False
        if code is Code.CONNECTION_TIMEOUT:
            return True
        return (
            code in (Code.CONNECTION_CLOSED, Code.PROTOCOL_ERROR)
            and tried.seconds > timeout * _SLOW_SHARE
        )

    def is_pressure(self, job: Job, tried: Tried) -> bool:
        """Tell whether a refusal may come of our pace: too many connections at once or in a row."""
        finding = tried.finding
        if finding is None or job.refusals >= FREE_REFUSALS:
            return False
        dropped = finding.code is Code.CONNECTION_CLOSED and tried.stage in _BEFORE_LOGIN
        of_the_server = dropped or (finding.code in _TOO_MUCH and not finding.login_refused)
        if job.crowded:
            # Hung up on at the login: once more, with fewer beside it.
            dropped_late = finding.code is Code.CONNECTION_CLOSED and not job.refusals
            may_be = finding.may_pass and job.refusals < FREE_DOUBTS
            return of_the_server or may_be or (dropped_late and self.proven)
        return of_the_server and self.proven

    def learn_pressure(self, job: Job, finding: Finding) -> bool:
        """Take in that it was too much; tell whether the job is tried again, at no cost."""
        job.refusals += 1
        if not job.crowded:
            self.refused_alone += 1
        if self.pace is None or self.refused_alone >= REFUSALS_ALONE:
            self.lesson = finding
            return False
        nobody = finding.code is Code.CONNECTION_REFUSED and not self.proven
        self.pace.narrow(job, to_one=nobody)
        # A time beside "too many connections" is what they are counted over, not a wait.
        wait = 0 if finding.code is Code.TOO_MANY_CONNECTIONS else finding.wait or 0
        if wait > LONGEST_WAIT:
            return False
        self.pace.rest(wait)
        return True

    def learn_silence(self, job: Job, tried: Tried) -> bool:
        """Take in a silence; tell whether the job is worth another try that costs it none."""
        ever_answered = self.proven or self.silent_rounds > 0
        self.proven = False
        at_login = tried.stage not in _BEFORE_LOGIN
        if not ever_answered:
            self.silent_logins += at_login
            if not at_login or self.silent_logins >= SILENT_LOGINS:
                self.lesson = tried.finding
            return False
        if self.pace is not None and self.pace.narrow(job):
            self.silent_rounds += 1
        if self.silent_rounds >= SILENT_ROUNDS:
            self.lesson = tried.finding
            return False
        # Nobody was refused: with fewer beside it, it may be its turn.
        job.silences += 1
        return job.silences <= (1 if at_login or not job.crowded else SILENT_ROUNDS)

    def learn_wait(self, finding: Finding) -> None:
        """Take in that the server said to wait; who says so twice running says it to all."""
        if (finding.wait or 0) > LONGEST_WAIT:
            self.told_to_wait += 1
            if self.told_to_wait >= SILENT_LOGINS:
                self.lesson = finding
        elif finding.wait and self.pace is not None:
            self.pace.rest(finding.wait)

    def learn_absence(self, tried: Tried) -> None:
        """Take in that nothing listens there, unless a login was answered before."""
        if not self.proven and tried.finding and tried.finding.code in _NOT_THERE:
            self.lesson = tried.finding


def jittered(seconds: float) -> float:
    """Return up to half as much again: what was refused together does not come back together."""
    return seconds * random.uniform(1, 1.5)  # noqa: S311 (no secret)


def jobs_of(mailboxes: Iterable[tuple[int, Mailbox]], *, test_imap: bool) -> list[Job]:
    """Group mailboxes whose login is the same, password included: it is tested once."""
    groups: dict[tuple[object, ...], list[Job]] = {}
    jobs: list[Job] = []
    for number, mailbox in mailboxes:
        for login in (mailbox.smtp, mailbox.imap if test_imap else None):
            if login is None:
                continue
            key = (login.protocol, login.host, login.port, login.security, login.username)
            group = groups.setdefault(key, [])
            same = next((job for job in group if job.login.password.same_as(login.password)), None)
            if same is not None:
                same.numbers.append(number)
                continue
            # An address tells whose server it is only where it is what logs in.
            email = mailbox.email if login.username == mailbox.email else ""
            job = Job(login=login, provider=provider_of(login.host, email), numbers=[number])
            group.append(job)
            jobs.append(job)
    return jobs
