"""What a mailbox costs: round trips, connections, statements; and whose turn it is."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from conftest import Header, row
from sqlalchemy import Engine, event

from flask_mailbox_import.probe.job import Job
from flask_mailbox_import.probe.pace import Pace
from flask_mailbox_import.probe.turns import Turns
from flask_mailbox_import.records import Login, Protocol, Security
from flask_mailbox_import.secret import Secret


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
    jobs = []
    for number in range(count):
        login = Login(
            protocol=Protocol.SMTP,
            host=f"h{number}.example.com",
            port=587,
            security=Security.STARTTLS,
            username="a@x.com",
            password=Secret("pw"),
        )
        jobs.append(Job(login=login, provider=None, numbers=[number]))
    turns = Turns(jobs, 20)
    for job in jobs:
        turns.server_of(job).pace = Pace(20, is_limit=False)
    return turns


def seconds_for(count: int) -> float:
    """Take the turns of as many servers one after another, as many at a time as may be."""
    turns, under_way, started = turns_of(count), [], time.process_time()
    while turns or under_way:
        while server := turns.next():
            turns.take(server)
            under_way.append(server)
        server = under_way.pop(0)
        server.proven = True
        turns.end(server)
    return time.process_time() - started


def test_a_turn_takes_no_longer_among_many_servers():
    seconds_for(100)
    few = min(seconds_for(500) for _ in range(3))
    assert seconds_for(5_000) / few < 2.5 * 10


def test_who_has_fewest_under_way_is_next_and_who_answers_goes_first():
    turns = turns_of(3)
    first = turns.next()
    turns.take(first)
    turns.end(first)
    turns.put(first, Job(login=None, provider=None, numbers=[]))
    second = turns.next()
    assert second is not first
    turns.favour(first)
    assert turns.next() is first
    turns.take(first)
    assert turns.next() is second


def test_a_connection_counts_while_the_server_has_it():
    pace = Pace(1, is_limit=False)
    pace.running = 1
    pace.learn_closing(0.5, trip=0.3)
    pace.release()
    assert not pace.open
    assert 0.1 < pace.opens_at - time.monotonic() <= 0.2
    assert pace.is_resting


def test_who_never_closes_is_not_waited_for():
    pace = Pace(1, is_limit=False)
    pace.running = 1
    pace.learn_closing(None, trip=0.1)
    pace.release()
    assert pace.open
    assert not pace.watches


def test_who_counts_connections_is_watched_until_each_is_closed():
    pace = Pace(2, is_limit=False)
    pace.learn_closing(0.5, trip=0.3)
    assert not pace.watches
    pace.running = 2
    assert pace.narrow(Job(login=None, provider=None, numbers=[], started=time.monotonic()))
    pace.learn_closing(0.5, trip=0.3)
    assert pace.watches


def test_where_there_is_a_limit_each_is_watched_until_it_is_closed():
    pace = Pace(2, is_limit=True)
    pace.learn_closing(0.5, trip=0.3)
    assert pace.watches
