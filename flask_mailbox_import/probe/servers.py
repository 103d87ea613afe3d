"""What a run has learnt about each server, and the logins that wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..core.codes import Code
from ..core.mailboxes import Login, Protocol, Stage
from ..core.providers import Provider, provider_of
from ..core.rows import Outcome
from .diagnosis import FROM_LOGIN, Finding, Tried
from .lockout import Refusals
from .modes import ModeSearch
from .pace import Share


@dataclass(slots=True)
class LoginTest:
    """One login to test, for all mailboxes that have it."""

    login: Login
    provider: Provider | None
    #: The ids of the rows with this login.
    row_ids: list[int]
    #: The address of its server, once it is known.
    address: str = ""
    tries: int = 0
    #: How often it was refused, perhaps because of our own pace, and how often it met silence.
    refusals: int = 0
    silences: int = 0
    #: Whether it was shut out at its login, alone; see ``Refusals``.
    was_shut_out: bool = False
    #: What its last try found.
    finding: Finding | None = None
    started: float = 0.0
    #: Whether we had other connections to the server open at the same time.
    crowded: bool = False


def tested_logins(row: Outcome, *, with_imap: bool) -> list[Login]:
    """Return the logins of a row that are to be tested."""
    return row.mailbox.logins(with_imap=with_imap) if row.mailbox is not None else []


def login_tests(rows: Iterable[Outcome], *, with_imap: bool) -> list[LoginTest]:
    """Return the logins to test; rows with the same login and password share one test."""
    groups: dict[tuple[object, ...], list[LoginTest]] = {}
    tests: list[LoginTest] = []
    for row in rows:
        for login in tested_logins(row, with_imap=with_imap):
            group = groups.setdefault(login.account, [])
            alike = (each for each in group if each.login.password.same_as(login.password))
            same = next(alike, None)
            if same is not None:
                same.row_ids.append(row.row_id)
                continue
            # The address tells the provider only if it is the username.
            email = row.mailbox.email if row.mailbox else ""
            provider = provider_of(login.host, email if login.username == email else "")
            test = LoginTest(login=login, provider=provider, row_ids=[row.row_id])
            group.append(test)
            tests.append(test)
    return tests


#: A server that answered none of this many logins is given up.
SILENT_LOGINS = 2
#: A server that has answered before is given up after this many rounds of silence.
SILENT_ROUNDS = 3

#: This many refusals of one test may be due to our own pace, and do not count as tries.
FREE_REFUSALS = 20
#: The same for refusals that the mailbox itself may have caused.
FREE_DOUBTS = 4
#: A server that has answered before is given up after this many refusals in a row, each while we
#: had no other connection to it.
REFUSALS_ALONE = 15
#: In seconds: where a server says to wait longer, we do not wait.
LONGEST_WAIT = 30.0

_TOO_MUCH = frozenset({Code.TOO_MANY_CONNECTIONS, Code.RATE_LIMITED, Code.CONNECTION_REFUSED})
_BEFORE_LOGIN = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.TLS})
_NOT_THERE = frozenset({Code.CONNECTION_REFUSED, Code.NETWORK_UNREACHABLE})
# Most servers answer a login within so many seconds.
_PATIENCE = 2.0
# A connection that the server closes after this share of TIMEOUT counts as silence.
_SLOW_SHARE = 0.25


@dataclass(slots=True, eq=False)
class Server:
    """A server by name, port and protocol: its waiting tests, and what was learnt about it."""

    host: str
    port: int
    protocol: Protocol
    waiting: deque[LoginTest] = field(default_factory=deque)
    running: int = 0
    #: When the server last answered, or the first of its running tests began.
    heard: float = 0.0
    #: This run's share in its address; None until its name is looked up.
    share: Share | None = None
    #: The refused logins at its address.
    refusals: Refusals = field(default_factory=lambda: Refusals(0))
    look_up_seconds: float = 0.0
    #: The server has answered a login, and has not been silent since.
    proven: bool = False
    #: The finding that ended one test and holds for all other tests of the server.
    lesson: Finding | None = None
    #: What is known of its TLS mode.
    search: ModeSearch = field(default_factory=ModeSearch)
    silent_logins: int = 0
    silent_rounds: int = 0
    #: How many tests in a row were told to wait longer than LONGEST_WAIT.
    told_to_wait: int = 0
    #: How many refusals in a row came while we had no other connection to it.
    refused_alone: int = 0

    @property
    def is_known(self) -> bool:
        """Whether it is a known provider's, which counts refused logins by account."""
        provider = provider_of(self.host, "")
        return provider is not None and provider.counts_by_account

    def takes_another(self, most: int, now: float) -> bool:
        """Tell whether another test of the server may begin.

        :param most: how many tests may run while the server has not answered a login yet.
        :param now: the time (``time.monotonic``).
        """
        if not self.waiting or self.share is None or not self.share.pace.is_open(now):
            return False
        if not self.refusals.leaves_place(self.share.running) and not self.is_known:
            return False
        if self.search.is_held_up and self.running:
            return False
        if self.silent_logins and self.running:
            # The running tests will show whether the login or the server was at fault.
            return False
        if self.running and not self.proven and now - self.heard > _PATIENCE:
            # It has been silent for longer than most servers need.
            return False
        return self.proven or self.running < most

    def learn_success(self) -> None:
        """Note that the server answered a login."""
        self.proven = True
        self.silent_logins = self.silent_rounds = self.refused_alone = 0
        self.told_to_wait = 0

    def is_silence(self, tried: Tried, timeout: float) -> bool:
        """Tell whether a try ended because the server did not answer for long."""
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
        """Tell whether a refusal may mean too many connections at once or in a short time."""
        finding = tried.finding
        if finding is None or test.refusals >= FREE_REFUSALS:
            return False
        dropped = finding.code is Code.CONNECTION_CLOSED and tried.stage in _BEFORE_LOGIN
        of_the_server = dropped or (finding.code in _TOO_MUCH and not finding.login_refused)
        if test.crowded:
            # The server closed the connection at the login: try once more, with fewer connections.
            dropped_late = finding.code is Code.CONNECTION_CLOSED and not test.refusals
            may_be = finding.may_pass and test.refusals < FREE_DOUBTS
            return of_the_server or may_be or dropped_late
        return of_the_server and self.proven

    def learn_pressure(self, test: LoginTest, finding: Finding) -> bool:
        """Note too many connections; return whether the test is tried again."""
        test.refusals += 1
        if not test.crowded:
            self.refused_alone += 1
        if self.share is None or self.refused_alone >= REFUSALS_ALONE:
            self.lesson = finding
            return False
        nobody = finding.code is Code.CONNECTION_REFUSED and not self.proven
        # A connection that was dropped at the login may be the first sign of a lock-out.
        dropped_late = finding.code is Code.CONNECTION_CLOSED and finding.stage in FROM_LOGIN
        self.share.pace.narrow(test.started, to_one=nobody or dropped_late)
        # With "too many connections" a time is the period of the limit, not a wait.
        wait = 0 if finding.code is Code.TOO_MANY_CONNECTIONS else finding.wait or 0
        if wait > LONGEST_WAIT:
            return False
        self.share.pace.rest(wait)
        return True

    def learn_silence(self, test: LoginTest, tried: Tried) -> bool:
        """Note that the server did not answer; return whether the test is tried again."""
        ever_answered = self.proven or self.silent_rounds > 0
        self.proven = False
        at_login = tried.stage not in _BEFORE_LOGIN
        if not ever_answered:
            self.silent_logins += at_login
            if not at_login or self.silent_logins >= SILENT_LOGINS:
                self.lesson = tried.finding
            return False
        if self.share is not None and self.share.pace.narrow(test.started):
            self.silent_rounds += 1
        if self.silent_rounds >= SILENT_ROUNDS:
            self.lesson = tried.finding
            return False
        # The login was not refused: with fewer connections at once, the server may answer it.
        test.silences += 1
        return test.silences <= (1 if at_login or not test.crowded else SILENT_ROUNDS)

    def learn_wait(self, finding: Finding) -> None:
        """Note that the server said to wait. Two long waits in a row hold for all its tests."""
        if (finding.wait or 0) > LONGEST_WAIT:
            self.told_to_wait += 1
            if self.told_to_wait >= SILENT_LOGINS:
                self.lesson = finding
        elif finding.wait and self.share is not None:
            self.share.pace.rest(finding.wait)

    def learn_absence(self, tried: Tried) -> None:
        """Note that nothing listens there, unless the server has answered before."""
        if not self.proven and tried.finding and tried.finding.code in _NOT_THERE:
            self.lesson = tried.finding
