"""Whose turn it is, in little time whatever the number of servers."""

from __future__ import annotations

import time

import pytest

from flask_mailbox_import.core.mailboxes import Login, Protocol, Security
from flask_mailbox_import.core.secret import Secret
from flask_mailbox_import.probe.pace import Pace, Share
from flask_mailbox_import.probe.servers import LoginTest
from flask_mailbox_import.probe.turns import Turns


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
        share = Share(Pace(20, is_limit=False), lambda _: None)
        turns.locate(turns.server_of(test), share)
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
