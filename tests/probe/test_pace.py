"""A server sets its own pace: its connections at once, and how long it is waited for."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from import_calls import codes_of
from mailbox_files import Header, rows_on
from server_replies import last_line

from flask_mailbox_import.probe.pace import Pace
from flask_mailbox_import.testing import CLOSE


def above(limit: int, command: str, reply: bytes):
    """Answer a command with ``reply`` while more than ``limit`` sessions are open."""

    def build(mail_server, **options):
        server = mail_server(**options)

        def answer(session):
            if server.open_now > limit:
                return reply
            return (
                b"220 go on\r\n"
                if command == "greeting"
                else server._auth(session, last_line(session))
            )

        server.replies[command] = answer
        return server

    return build


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        above(5, "AUTH", b"454 4.7.0 Temporary authentication failure\r\n"),
        above(5, "AUTH", b"454 4.7.0 Too many login attempts\r\n"),
        above(3, "greeting", b"421 4.7.0 Too many connections from your address\r\n"),
        above(3, "greeting", CLOSE),
        above(1, "greeting", b"421 busy\r\n"),
    ],
    ids=["454 above 5", "attempts above 5", "421 above 3", "dropped above 3", "one at a time"],
)
def test_what_our_own_pace_causes_fails_nobody(make_host, mail_server, build):
    server = build(mail_server, pause=0.02)
    host = make_host(server.port)
    data = host.post(Header + rows_on(server, 100)).json["data"]
    assert (data["imported"], codes_of(data)) == (100, Counter())


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "tries"), [(b"454 no\r\n", 3), (b"550 no\r\n", 1)])
def test_what_may_pass_is_tried_again(make_host, mail_server, reply, tries):
    server = mail_server(replies={"AUTH": reply})
    make_host(server.port).post(Header + rows_on(server, 1))
    assert len(server.commands(b"AUTH")) == tries


@pytest.mark.slow
def test_a_long_wait_is_told_and_not_waited_for(make_host, mail_server):
    server = mail_server(replies={"AUTH": b"450 4.7.1 try again in 5 minutes\r\n"})
    data = make_host(server.port).post(Header + rows_on(server, 30)).json["data"]
    assert codes_of(data) == {"temporary_failure": 30}
    assert "The server says to wait 5 minutes" in data["errors"][0]["hint"]
    assert len(server.commands(b"AUTH")) <= 30


@pytest.mark.slow
def test_a_short_wait_is_waited_for(make_host, mail_server):
    first = threading.Event()

    def answer(session):
        if first.is_set():
            return server._auth(session, last_line(session))
        first.set()
        session.asked = time.monotonic()
        return b"450 4.7.1 try again in 2 seconds\r\n"

    server = mail_server(replies={"AUTH": answer})
    data = make_host(server.port).post(Header + rows_on(server, 1)).json["data"]
    assert data["imported"] == 1
    assert time.monotonic() - server.sessions[0].asked >= 2


@pytest.mark.slow
def test_a_server_that_has_answered_is_slowed_before_it_is_given_up(make_host, mail_server):
    stop = threading.Event()
    served = []

    def greet(session):
        served.append(session)
        if len(served) > 10:
            stop.wait(60)
            return CLOSE
        return b"220 hello\r\n"

    server = mail_server(replies={"greeting": greet})
    host = make_host(server.port, TIMEOUT=1)
    data = host.post(Header + rows_on(server, 200)).json["data"]
    stop.set()
    assert data["imported"] >= 1
    assert codes_of(data) == {"connection_timeout": 200 - data["imported"]}
    # Three rounds of silence, each with half as many connections; not one for each row.
    assert len(server.sessions) < 100


@pytest.mark.slow
def test_who_says_twice_to_wait_for_long_says_it_to_all(make_host, mail_server):
    server = mail_server(replies={"AUTH": b"450 4.7.1 try again in 5 minutes\r\n"})
    host = make_host(server.port, CONCURRENCY=2)
    data = host.post(Header + rows_on(server, 100)).json["data"]
    assert codes_of(data) == {"temporary_failure": 100}
    assert len(server.commands(b"AUTH")) < 10


@pytest.mark.slow
@pytest.mark.parametrize("reply", [b"421 4.7.0 connection rate limit exceeded\r\n", CLOSE])
def test_a_server_that_counts_connections_a_second_fails_nobody(make_host, mail_server, reply):
    taken: list[float] = []
    lock = threading.Lock()

    def greet(_session):
        now = time.monotonic()
        with lock:
            taken[:] = [each for each in taken if each > now - 0.5]
            if len(taken) >= 10:
                return reply
            taken.append(now)
        return b"220 hello\r\n"

    server = mail_server(replies={"greeting": greet})
    data = make_host(server.port).post(Header + rows_on(server, 60)).json["data"]
    assert (data["imported"], codes_of(data)) == (60, Counter())


def closing_pace(seconds: float | None, *, is_limit: bool = False) -> Pace:
    """A pace with a window of one, for which a job waits, and one connection that was closed."""
    pace = Pace(1, is_limit=is_limit)
    pace.running = pace.waiting = 1
    pace.learn_closing(seconds, trip=0.3)
    pace.release(was_watched=False)
    return pace


def test_a_connection_counts_while_the_server_has_it():
    before, pace, after = time.monotonic(), closing_pace(0.5), time.monotonic()
    assert not pace.is_open(before)
    opens_at = pace.opens_at(before)
    assert before + 0.2 <= opens_at <= after + 0.2
    # Nobody is to be woken where nobody waits, nor at a time that is over.
    pace.waiting = 0
    assert pace.opens_at(before) is None
    pace.waiting = 1
    assert pace.is_open(opens_at)
    assert pace.opens_at(opens_at) is None


def test_who_never_closes_is_not_waited_for():
    pace = closing_pace(None)
    pace.learn_closing(0.5, trip=0.3)
    assert pace.is_open(time.monotonic())
    assert not pace.watches


def test_who_hangs_up_by_himself_tells_nothing_of_closing():
    assert closing_pace(0.0001).watches


def test_who_counts_connections_is_watched_until_each_is_closed():
    pace = closing_pace(0.5)
    assert not pace.watches
    pace.running = 2
    assert pace.narrow(time.monotonic())
    pace.learn_closing(0.5, trip=0.3)
    assert pace.watches


@pytest.mark.parametrize("seconds", [0.5, None])
def test_where_there_is_a_limit_each_is_watched_until_it_is_closed(seconds):
    assert closing_pace(seconds, is_limit=True).watches
