"""What a run has learnt of one server from its answers, and the logins that wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..core.codes import Code
from ..core.mailboxes import Login, Protocol, Security, Stage
from ..core.providers import Provider, provider_of
from ..core.rows import Outcome
from .diagnosis import Finding, Tried
from .pace import Pace


@dataclass(slots=True)
class LoginTest:
    """One login to test, for all the mailboxes that share it."""

    login: Login
    provider: Provider | None
    #: The ids of the rows whose mailboxes share it.
    row_ids: list[int]
    #: What its server's name leads to, once that is known.
    address: str = ""
    tries: int = 0
    #: How often it was refused for what our own pace caused, and whether it met silence before.
    refusals: int = 0
    silences: int = 0
    started: float = 0.0
    #: Whether other connections of ours were open to the server beside it.
    crowded: bool = False


def tested_logins(row: Outcome, *, with_imap: bool) -> list[Login]:
    """Return the logins of a row that are tested."""
    if row.mailbox is None:
        return []
    imap = row.mailbox.imap if with_imap else None
    return [row.mailbox.smtp, *([imap] if imap is not None else [])]


def login_tests(rows: Iterable[Outcome], *, with_imap: bool) -> list[LoginTest]:
    """Group rows whose login is the same, password included: it is tested once."""
    groups: dict[tuple[object, ...], list[LoginTest]] = {}
    tests: list[LoginTest] = []
    for row in rows:
        for login in tested_logins(row, with_imap=with_imap):
            key = (login.protocol, login.host, login.port, login.security, login.username)
            group = groups.setdefault(key, [])
            alike = (each for each in group if each.login.password.same_as(login.password))
            same = next(alike, None)
            if same is not None:
                same.row_ids.append(row.row_id)
                continue
            # An address tells whose server it is only where it is what logs in.
            email = row.mailbox.email if row.mailbox else ""
            provider = provider_of(login.host, email if login.username == email else "")
            test = LoginTest(login=login, provider=provider, row_ids=[row.row_id])
            group.append(test)
            tests.append(test)
    return tests


#: Rows running, of one server, that got no answer to their login: after so many it is given up.
SILENT_LOGINS = 2
#: Rounds of silence after which a server that has answered before is given up.
SILENT_ROUNDS = 3

#: Refusals of one test that may be our pace's fault and cost no try.
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
# Seconds within which most servers have answered a login.
_PATIENCE = 2.0
# A connection that was dropped after this share of TIMEOUT was as good as silent.
_SLOW_SHARE = 0.25


@dataclass(slots=True, eq=False)
class Server:
    """One name, port and protocol: the tests that wait for it, and what was learnt about it."""

    host: str
    port: int
    protocol: Protocol
    waiting: deque[LoginTest] = field(default_factory=deque)
    running: int = 0
    #: When the server was last heard, or the first of the tests under way began.
    heard: float = 0.0
    #: Known once its name is resolved.
    pace: Pace | None = None
    look_up_seconds: float = 0.0
    #: Whether a login got an answer here, and none since went without one.
    proven: bool = False
    #: What answers for all other rows, once a row has shown it.
    lesson: Finding | None = None
    #: The TLS mode that it speaks, once a row has shown it.
    mode: Security | None = None
    silent_logins: int = 0
    silent_rounds: int = 0
    #: Rows in a row that were told to wait for long.
    told_to_wait: int = 0
    #: Refusals in a row, each with no other connection of ours beside it.
    refused_alone: int = 0

    def takes_another(self, share: int, now: float) -> bool:
        """Tell whether a test of it may begin.

        :param share: how many may be under way while the server has not answered a login yet.
        :param now: the time (``time.monotonic``).
        """
        if not self.waiting or self.pace is None or not self.pace.is_open(now):
            return False
        if self.silent_logins and self.running:
            # The tests under way decide whether the login or the server is at fault.
            return False
        if self.running and not self.proven and now - self.heard > _PATIENCE:
            # A server that has been silent for this long gets no further login.
            return False
        return self.proven or self.running < share

    def learn_success(self, tried: Tried) -> None:
        """Note that the server answered a login."""
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

    def is_pressure(self, test: LoginTest, tried: Tried) -> bool:
        """Tell whether a refusal may come of our pace: too many connections at once or in a row."""
        finding = tried.finding
        if finding is None or test.refusals >= FREE_REFUSALS:
            return False
        dropped = finding.code is Code.CONNECTION_CLOSED and tried.stage in _BEFORE_LOGIN
        of_the_server = dropped or (finding.code in _TOO_MUCH and not finding.login_refused)
        if test.crowded:
            # Hung up on at the login: once more, with fewer beside it.
            dropped_late = finding.code is Code.CONNECTION_CLOSED and not test.refusals
            may_be = finding.may_pass and test.refusals < FREE_DOUBTS
            return of_the_server or may_be or (dropped_late and self.proven)
        return of_the_server and self.proven

    def learn_pressure(self, test: LoginTest, finding: Finding) -> bool:
        """Note that there were too many connections; return whether the test is tried again."""
        test.refusals += 1
        if not test.crowded:
            self.refused_alone += 1
        if self.pace is None or self.refused_alone >= REFUSALS_ALONE:
            self.lesson = finding
            return False
        nobody = finding.code is Code.CONNECTION_REFUSED and not self.proven
        self.pace.narrow(test.started, to_one=nobody)
        # A time beside "too many connections" is what they are counted over, not a wait.
        wait = 0 if finding.code is Code.TOO_MANY_CONNECTIONS else finding.wait or 0
        if wait > LONGEST_WAIT:
            return False
        self.pace.rest(wait)
        return True

    def learn_silence(self, test: LoginTest, tried: Tried) -> bool:
        """Note that the server was silent; return whether the test is tried again."""
        ever_answered = self.proven or self.silent_rounds > 0
        self.proven = False
        at_login = tried.stage not in _BEFORE_LOGIN
        if not ever_answered:
            self.silent_logins += at_login
            if not at_login or self.silent_logins >= SILENT_LOGINS:
                self.lesson = tried.finding
            return False
        if self.pace is not None and self.pace.narrow(test.started):
            self.silent_rounds += 1
        if self.silent_rounds >= SILENT_ROUNDS:
            self.lesson = tried.finding
            return False
        # Nobody was refused: with fewer beside it, it may be its turn.
        test.silences += 1
        return test.silences <= (1 if at_login or not test.crowded else SILENT_ROUNDS)

    def learn_wait(self, finding: Finding) -> None:
        """Note that the server said to wait; said to two rows running, it holds for all."""
        if (finding.wait or 0) > LONGEST_WAIT:
            self.told_to_wait += 1
            if self.told_to_wait >= SILENT_LOGINS:
                self.lesson = finding
        elif finding.wait and self.pace is not None:
            self.pace.rest(finding.wait)

    def learn_absence(self, tried: Tried) -> None:
        """Note that nothing listens there, unless the server has answered a login before."""
        if not self.proven and tried.finding and tried.finding.code in _NOT_THERE:
            self.lesson = tried.finding
