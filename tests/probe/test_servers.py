"""What one row has shown of a server answers for its other rows."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from import_calls import WRONG_PASSWORD, codes_of
from mailbox_files import Header, rows_on
from server_replies import last_line, silent

pytestmark = pytest.mark.slow


def test_a_wrong_password_costs_one_attempt(make_host, mail_server):
    server = mail_server(accounts={})
    data = make_host(server.port).post(Header + rows_on(server, 50)).json["data"]
    assert [each["error"] for each in data["errors"]] == [WRONG_PASSWORD] * 50
    assert len(server.commands(b"AUTH")) == 50


def test_a_server_that_is_down_for_all_ends_the_run(make_host, mail_server):
    server = mail_server(replies={"AUTH": b"454 4.7.0 Temporary authentication failure\r\n"})
    host = make_host(server.port, RETRIES=0)
    data = host.post(Header + rows_on(server, 40)).json["data"]
    assert codes_of(data) == {"temporary_failure": 40}
    assert len(server.commands(b"AUTH")) < 2 * 40 + 40


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "STARTTLS", "AUTH"])
def test_silence_answers_for_the_other_rows(make_host, mail_server, stage):
    stop = threading.Event()
    bad = mail_server(replies={stage: silent(stop)})
    good = mail_server()
    host = make_host(bad.port, good.port, TIMEOUT=2, MAX_ROWS=500)
    start = time.monotonic()
    csv = Header + rows_on(bad, 150) + rows_on(good, 20, name="g")
    data = host.post(csv).json["data"]
    seconds = time.monotonic() - start
    stop.set()
    assert data["imported"] == 20
    assert codes_of(data) == {"connection_timeout": 150}
    assert seconds < 3 * 2
    assert "Another row showed this" in data["errors"][-1]["hint"]


def test_who_is_silent_gets_no_more_rows_when_the_others_are_done(make_host, mail_server):
    stop = threading.Event()
    bad = mail_server(replies={"greeting": silent(stop)})
    good = mail_server(pause=1)
    host = make_host(bad.port, good.port, TIMEOUT=6, CONNECT_TIMEOUT=6, CONCURRENCY=4)
    csv = Header + rows_on(bad, 20) + rows_on(good, 10, name="g")
    data = host.post(csv).json["data"]
    stop.set()
    assert data["imported"] == 10
    # Its share of the slots, two, three ways to begin each; no more when slots became free.
    assert len(bad.sessions) <= 2 * 3


def test_words_of_one_row_are_no_silence_of_the_server(make_host, mail_server):
    """Two rows whose replies speak of time-outs say nothing about the others."""

    def answer(session):
        reply = server._auth(session, last_line(session))
        slow = session.logins[-1][0].startswith("u")
        return b"535 5.7.8 authentication timed out\r\n" if slow else reply

    server = mail_server(replies={"AUTH": answer})
    host = make_host(server.port, CONCURRENCY=2)
    data = host.post(Header + rows_on(server, 3) + rows_on(server, 20, name="g")).json["data"]
    assert data["imported"] == 20


def test_a_dead_port_answers_for_all_its_rows(make_host, mail_server):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    good = mail_server()
    host = make_host(port, good.port)
    data = host.post(Header + rows_on(port, 100) + rows_on(good, 5, name="g")).json["data"]
    assert data["imported"] == 5
    assert codes_of(data) == {"connection_refused": 100}
