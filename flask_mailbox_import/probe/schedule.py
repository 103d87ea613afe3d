"""Decides which login is tested next, and what each result means for the tests that wait."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import cast

import gevent
from gevent.event import Event
from gevent.pool import Group, Pool
from gevent.ssl import SSLContext

from ..config import Config
from ..core.codes import Code
from ..core.mailboxes import Stage
from .attempt import Attempt, log_unforeseen
from .diagnosis import FROM_LOGIN, Finding, Tried, diagnose
from .guard import Guard, NoAddress, by_turns
from .lockout import Refusals
from .pace import LINGER, Pace, Paces, Share
from .servers import LONGEST_WAIT, LoginTest, Server
from .turns import Retries, Turns
from .verdicts import Verdicts


class Schedule:
    """Runs the tests of one import, in the hub."""

    def __init__(
        self,
        tests: Iterable[LoginTest],
        config: Config,
        guard: Guard,
        context: SSLContext,
        paces: Paces,
        verdicts: Verdicts,
        draining: Event,
    ) -> None:
        self._config = config
        self._guard = guard
        self._paces = paces
        self._context = context
        self._verdicts = verdicts
        #: Set by another thread: begin no more tests.
        self._draining = draining
        #: The tries that run, each from connect to QUIT.
        self._tries = Pool(config.concurrency)
        #: Look-ups, and tests that only wait until the server has closed their connection.
        self._aside = Group()
        self._looking_up = 0
        self._changed = Event()
        #: A fault of ours in one of the greenlets. It ends the run, which would otherwise hang.
        self._broken: BaseException | None = None
        self._shares: dict[tuple[str, int], Share] = {}
        self._refusals: dict[tuple[str, int], Refusals] = {}
        #: The shares in addresses that may take another connection by themselves after a while.
        self._resting: set[Share] = set()
        self._retries = Retries()
        self._turns = Turns(tests, config.concurrency)

    def run(self) -> None:
        """Run all tests; return when each has its verdict or, while draining, no test runs."""
        self._paces.forget()
        try:
            self._aside.spawn(self._wake_to_drain)
            self._look_up_all()
            self._turns.begin()
            while True:
                self._changed.clear()
                now = time.monotonic()
                if self._broken is not None:
                    raise self._broken
                if self._draining.is_set():
                    if not self._tries:
                        return self._verdicts.release_all()
                else:
                    for test in self._retries.due():
                        self._queue(self._turns.server_of(test), test)
                    while self._tries.free_count() and (server := self._turns.next(now)):
                        self._start(server)
                    if not self._is_under_way():
                        return self._verdicts.release_all()
                # While draining, it waits only for the tests that run.
                self._changed.wait(None if self._draining.is_set() else self._seconds_to(now))
        finally:
            self._aside.kill()
            self._tries.kill()
            for share in self._shares.values():
                share.pace.leave(share)

    def _wake_to_drain(self) -> None:
        self._draining.wait()
        self._changed.set()

    def _look_up_all(self) -> None:
        """Look up all names at the same time: a silent DNS server delays no other name."""
        for host, servers in self._turns.by_name().items():
            self._looking_up += 1
            self._aside.spawn(self._look_up, host, servers).link_exception(self._break)

    def _look_up(self, host: str, servers: list[Server]) -> None:
        started = time.monotonic()
        try:
            # The address that is connected to first: names of one server may have others beside.
            address = str(by_turns(self._guard.resolve(host))[0])
        except (NoAddress, OSError) as fault:
            if isinstance(fault, OSError):
                log_unforeseen(Stage.RESOLVE, fault)
            for server in servers:
                for test in self._turns.drain(server):
                    self._verdicts.failed(test, diagnose(test.login, Stage.RESOLVE, fault))
        else:
            for server in servers:
                key = (address, server.port)
                refusals = Refusals(self._config.stop_after_refused)
                server.refusals = self._refusals.setdefault(key, refusals)
                server.look_up_seconds = time.monotonic() - started
                for test in server.waiting:
                    test.address = address
                share = self._shares.get(key)
                if share is None:
                    share = self._shares[key] = self._paces.share(*key, self._wake)
                self._turns.locate(server, share)
                self._resting.add(share)
        finally:
            self._looking_up -= 1
            self._changed.set()

    def _wake(self, share: Share) -> None:
        """Look at the turns again, since an address takes another connection, now or soon."""
        self._resting.add(share)
        self._changed.set()

    def _is_under_way(self) -> bool:
        return bool(self._looking_up or self._tries or self._retries or self._turns)

    def _queue(self, server: Server, test: LoginTest) -> None:
        if server.lesson is not None:
            self._fail_untried(test, server.lesson)
        else:
            self._turns.put(server, test)
            if server.share is not None:
                self._resting.add(server.share)

    def _seconds_to(self, now: float) -> float | None:
        """Return the seconds until a test may begin even if no other test ends; None: none may.

        :param now: the time (``time.monotonic``) at which the last turns were taken.
        """
        opens = {each: each.opens_at(now) for each in self._resting}
        self._resting = {each for each, at in opens.items() if at is not None}
        times = [at for at in opens.values() if at is not None] + self._retries.next_due
        if self._turns.grace_ends > now:
            times.append(self._turns.grace_ends)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _start(self, server: Server) -> None:
        test = self._turns.take(server)
        share = cast("Share", server.share)
        if not test.started:
            self._verdicts.begun(test)
        test.started = time.monotonic()
        test.crowded = share.pace.busy(test.started) > 0
        share.begin()
        self._tries.spawn(self._try, server, share, test).link_exception(self._break)

    def _break(self, greenlet: gevent.Greenlet[..., None]) -> None:
        self._broken = greenlet.exception
        self._changed.set()

    def _try(self, server: Server, share: Share, test: LoginTest) -> None:
        login, pace = test.login, share.pace
        attempt = Attempt(login, test.provider, self._guard, self._context, server.search)
        timeout = self._config.timeout - (0 if test.tries else server.look_up_seconds)
        was_watched = False
        try:
            tried = attempt.run(
                self._config, max(0.0, timeout), lambda: self._verdicts.reached(login.port)
            )
            test.crowded = test.crowded or pace.busy(time.monotonic()) > 1
            self._turns.end(server)
            self._decide(server, pace, test, tried)
            self._step_aside()
            if pace.is_awaited and pace.watches and attempt.said_goodbye:
                self._wake(share)
                was_watched = True
                pace.learn_closing(attempt.linger(LINGER), attempt.trip)
        finally:
            attempt.close()
            # It wakes the runs in their order, and so comes before this run's own sign.
            share.end(was_watched=was_watched)
            self._wake(share)

    def _step_aside(self) -> None:
        """Give this try's place to the next one: it now only waits for the server to close."""
        greenlet = cast("gevent.Greenlet[..., object]", gevent.getcurrent())
        self._tries.discard(greenlet)
        self._aside.add(greenlet)

    def _decide(self, server: Server, pace: Pace, test: LoginTest, tried: Tried) -> None:
        """Turn the result of a try into a verdict, another try, or a lesson for all tests."""
        if tried.made_way:
            self._queue(server, test)
            return
        finding = test.finding = tried.finding
        server.refusals.learn(finding)
        if finding is None:
            self._succeeded(server, pace)
            self._verdicts.passed(test, tried.security)
        elif server.refusals.is_sign(
            finding, is_known=pace.is_shut
        ) and not self._is_of_the_account(server, finding):
            self._suspect(server, pace, test, finding)
        else:
            self._fail(server, pace, test, tried, finding)
        stopped = server.refusals.stopped()
        if stopped is not None:
            self._teach_all(server, stopped, but_known=True)

    def _fail(
        self, server: Server, pace: Pace, test: LoginTest, tried: Tried, finding: Finding
    ) -> None:
        if server.is_silence(tried, self._config.timeout):
            again = server.learn_silence(test, tried)
        elif server.is_pressure(test, tried):
            again = server.learn_pressure(test, finding)
        else:
            server.learn_absence(tried)
            if finding.may_pass:
                server.learn_wait(finding)
            elif finding.answered and tried.stage in FROM_LOGIN:
                self._succeeded(server, pace)
            may_wait = (finding.wait or 0) <= LONGEST_WAIT
            if finding.may_pass and may_wait and test.tries < self._config.retries:
                self._retries.add(test, finding.wait)
                return
            again = False
        if again and server.lesson is None:
            # At the end of the queue, since the fault may be this login's own.
            self._turns.put(server, test)
        else:
            self._verdicts.failed(test, finding, used=tried.security)
        if server.lesson is not None:
            self._teach(server, server.lesson)

    def _suspect(self, server: Server, pace: Pace, test: LoginTest, finding: Finding) -> None:
        """Find out whether the server has locked us out: connections alone show it."""
        refusals = server.refusals
        if test.crowded:
            pace.narrow(test.started, to_one=True)
            pace.rest(refusals.seconds_to_look)
            self._queue(server, test)
            return
        if finding.stage in FROM_LOGIN:
            if test.was_shut_out:
                # The fault is this login's own.
                self._verdicts.failed(test, finding)
                return
            test.was_shut_out = True
        if refusals.shut_out(is_known=pace.is_shut):
            pace.is_shut = True
            locked_out = refusals.locked_out(finding.stage)
            self._verdicts.failed(test, locked_out)
            self._teach_all(server, locked_out)
        else:
            pace.rest(refusals.seconds_to_look)
            self._queue(server, test)

    def _is_of_the_account(self, server: Server, finding: Finding) -> bool:
        """Tell whether a provider that counts by account refuses more logins of this one."""
        return finding.answered and finding.stage in FROM_LOGIN and server.is_known

    def _succeeded(self, server: Server, pace: Pace) -> None:
        server.learn_success()
        pace.widen()
        self._turns.learn_answer(server)

    def _teach_all(self, server: Server, lesson: Finding, *, but_known: bool = False) -> None:
        """Teach all servers at the address of this one."""
        for each in self._turns.servers_beside(server):
            if not (but_known and each.is_known):
                each.lesson = lesson
                self._teach(each, lesson)

    def _teach(self, server: Server, lesson: Finding) -> None:
        for test in self._turns.drain(server):
            self._fail_untried(test, lesson)

    def _fail_untried(self, test: LoginTest, lesson: Finding) -> None:
        if lesson.code is Code.NOT_TESTED and test.finding is not None:
            # It was tested, if not to its end.
            self._verdicts.failed(test, test.finding)
        else:
            self._verdicts.failed(test, lesson, shared=True)
