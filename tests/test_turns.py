"""What a mailbox costs: round trips, connections, statements; and whose turn it is."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from conftest import Header, row
from sqlalchemy import Engine, event

from flask_mailbox_import.core.mailboxes import Login, Protocol, Security
from flask_mailbox_import.core.secret import Secret
from flask_mailbox_import.probe.pace import Pace
from flask_mailbox_import.probe.servers import LoginTest
from flask_mailbox_import.probe.turns import Turns
from flask_mailbox_import.testing import CLOSE


@pytest.mark.parametrize("password", ["pw", "wrong"])
@pytest.mark.parametrize(
    ("implicit_tls", "said"),
    [(False, ["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"]), (True, ["EHLO", "AUTH", "QUIT"])],
)
def test_no_command_that_could_be_spared(make_host, mail_server, implicit_tls, said, password):
    server = mail_server(accounts={"a@x.com": "pw"}, implicit_tls=implicit_tls)
    host = make_host(server.port)
    host.post(Header + row("a@x.com", password, server.port, secure=str(implicit_tls).lower()))
    (session,) = server.sessions
    assert [line.split()[0].decode().upper() for line in session.lines] == said


@pytest.mark.parametrize("rows", [50, 200])
def test_a_batch_is_saved_in_one_statement_a_table(make_host, database, rows):
    host = make_host(database=database)
    key, said = host.create_key(), Counter()

    def count(_connection, _cursor, statement, *_):
        said[statement.partition("(")[0]] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        csv = "".join(row(f"u{each}@x.com", "pw", 587, host="smtp.x.com") for each in range(rows))
        answer = host.post(Header + csv, key, skipConnectionTest="true")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert answer.json["data"]["imported"] == rows
    inserted = {name.split()[2]: times for name, times in said.items() if "INSERT" in name}
    assert inserted == {
        "mailbox_import_import": 1,
        "mailbox_import_row": 1,
        "mailbox_import_mailbox": rows // 50,
    }


def turns_of(count: int) -> Turns:
    """The turns of as many servers, of which each may be begun."""
    tests = []
    for number in range(count):
        login = Login(
            protocol=Protocol.SMTP,
            host=f"h{number}.example.com",
            port=587,
            security=Security.STARTTLS,
            username="a@x.com",
            password=Secret("pw"),
        )
        tests.append(LoginTest(login=login, provider=None, row_ids=[number]))
    turns = Turns(tests, 20)
    for test in tests:
        turns.locate(turns.server_of(test), Pace(20, is_limit=False))
    return turns


def seconds_for(count: int) -> float:
    """Take the turns of as many servers one after another, as many at a time as may be."""
    turns, under_way, started = turns_of(count), [], time.process_time()
    while turns or under_way:
        while len(under_way) < 20 and (server := turns.next(time.monotonic())):
            turns.take(server)
            under_way.append(server)
        server = under_way.pop(0)
        server.proven = True
        turns.end(server)
    return time.process_time() - started


@pytest.mark.slow
def test_a_turn_takes_no_longer_among_many_servers():
    seconds_for(100)
    few = min(seconds_for(500) for _ in range(3))
    assert seconds_for(5_000) / few < 2.5 * 10


def test_who_has_fewest_under_way_is_next_and_who_has_not_answered_yet_before_who_has():
    turns = turns_of(3)
    first = turns.next(0)
    turns.take(first)
    turns.end(first)
    first.proven = True
    turns.put(first, LoginTest(login=None, provider=None, row_ids=[]))
    second = turns.next(0)
    assert second is not first
    turns.take(second)
    third = turns.next(0)
    assert third not in (first, second)
    turns.take(third)
    assert turns.next(0) is first


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


@pytest.mark.slow
def test_waiting_takes_no_time_of_the_processor(make_host, mail_server):
    """A server with nothing left to do, one that is silent, and a retry that a stop left over."""
    stop = threading.Event()
    bad = mail_server(replies={"greeting": lambda _session: stop.wait(60) and CLOSE})
    good = mail_server()
    host = make_host(bad.port, good.port, TIMEOUT=5, CONNECT_TIMEOUT=5)
    csv = [row(f"g{each}@x.com", f"pw{each}", good.port) for each in range(200)]
    csv += [row(f"b{each}@x.com", f"pw{each}", bad.port) for each in range(2)]
    key, started, used = host.create_key(), time.monotonic(), time.process_time()
    assert host.post(Header + "".join(csv), key).json["data"]["imported"] == 200
    waited = time.monotonic() - started
    stop.set()
    assert waited >= 5
    assert time.process_time() - used < 0.6 * waited


@pytest.mark.slow
def test_a_limit_counts_connections_of_all_names_of_an_address(make_host, mail_server):
    server = mail_server(replies={"QUIT": slow_goodbye})
    host = make_host(server.port, PER_HOST=2)
    rows = [
        row(f"u{each}@x.com", f"pw{each}", server.port, host=f"h{each}.localhost")
        for each in range(6)
    ]
    assert host.post(Header + "".join(rows)).json["data"]["imported"] == 6
    assert server.open_most <= 2


def slow_goodbye(_session) -> bytes:
    threading.Event().wait(0.2)
    return b"221 bye\r\n"
