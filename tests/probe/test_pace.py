"""A server sets its own pace: its connections at once, and how long it is waited for."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from import_calls import codes_of
from mailbox_files import Header, rows_on
from server_replies import last_line

from flask_mailbox_import.probe.pace import LINGER, REMEMBERED, Pace, Share
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


def closing_share(seconds: float | None, *, is_limit: bool = False) -> Share:
    """A share in a window of one, with a test that waits and a connection that was closed."""
    share = Share(Pace(1, is_limit=is_limit), lambda _: None)
    share.begin()
    share.waiting = 1
    share.pace.learn_closing(seconds, trip=0.3)
    share.end(was_watched=False)
    return share


def test_a_connection_counts_while_the_server_has_it():
    before, share, after = time.monotonic(), closing_share(0.5), time.monotonic()
    assert not share.pace.is_open(before)
    opens_at = share.opens_at(before)
    assert before + 0.2 <= opens_at <= after + 0.2
    # Nobody is to be woken where nobody waits, nor at a time that is over.
    share.waiting = 0
    assert share.opens_at(before) is None
    share.waiting = 1
    assert share.pace.is_open(opens_at)
    assert share.opens_at(opens_at) is None


def test_who_never_closes_is_not_waited_for():
    pace = closing_share(None).pace
    pace.learn_closing(0.5, trip=0.3)
    assert pace.is_open(time.monotonic())
    assert not pace.watches


def test_who_hangs_up_by_himself_tells_nothing_of_closing():
    assert closing_share(0.0001).pace.watches


def test_who_counts_connections_is_watched_until_each_is_closed():
    share = closing_share(0.5)
    pace = share.pace
    assert not pace.watches
    share.begin()
    share.begin()
    assert pace.narrow(time.monotonic())
    pace.learn_closing(0.5, trip=0.3)
    assert pace.watches


@pytest.mark.parametrize("seconds", [0.5, None])
def test_where_there_is_a_limit_each_is_watched_until_it_is_closed(seconds):
    assert closing_share(seconds, is_limit=True).pace.watches


def test_a_place_goes_to_the_run_with_the_fewest_connections_and_then_by_turns():
    woken: list[Share] = []
    pace = Pace(3, is_limit=False)
    first, second, third = (Share(pace, woken.append) for _ in range(3))
    for each in (first, first, third):
        each.begin()
    for each in (first, second, third):
        each.waiting = 1
    first.end(was_watched=False)
    assert woken == [second, first, third]


def test_a_run_that_is_over_has_no_connection_even_if_it_was_broken_off():
    woken: list[Share] = []
    pace = Pace(1, is_limit=False)
    first, second = Share(pace, woken.append), Share(pace, woken.append)
    first.begin()
    second.waiting = 1
    assert not pace.is_open(time.monotonic())
    pace.leave(first)
    assert pace.is_open(time.monotonic())
    assert woken == [second]


def test_an_address_is_forgotten_ten_minutes_after_its_last_run():
    pace = Pace(1, is_limit=True)
    share = Share(pace, lambda _: None)
    later = time.monotonic() + REMEMBERED
    assert not pace.is_forgotten(later + 1)
    pace.leave(share)
    assert not pace.is_forgotten(later - 1)
    assert pace.is_forgotten(later + 1)


@pytest.mark.parametrize("is_limit", [False, True])
def test_where_there_is_a_limit_the_next_run_waits_for_the_last_connection(is_limit):
    pace = Pace(1, is_limit=is_limit)
    first = Share(pace, lambda _: None)
    first.begin()
    first.end(was_watched=False)
    pace.leave(first)
    assert pace.is_open(time.monotonic()) is not is_limit
    assert pace.is_open(time.monotonic() + LINGER)
