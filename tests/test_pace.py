"""A server sets its own pace, and what one row showed of it answers for the others."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from conftest import Header, row

from flask_mailbox_import.testing import CLOSE

pytestmark = pytest.mark.slow

FIXED = "Authentication failed. Check username/password."


def rows_on(server_or_port, count: int, host: str = "localhost", name: str = "u") -> str:
    port = getattr(server_or_port, "port", server_or_port)
    return "".join(
        row(f"{name}{each}@x.com", f"pw{each}", port, host=host) for each in range(count)
    )


def codes(data) -> Counter:
    return Counter(each["code"] for each in data["errors"])


def above(limit: int, command: str, reply: bytes):
    """Answer a command with ``reply`` while more than ``limit`` sessions are open."""

    def build(mail_server, **options):
        server = mail_server(**options)

        def answer(session):
            if server.open_now > limit:
                return reply
            return (
                b"220 go on\r\n" if command == "greeting" else server._auth(session, last(session))
            )

        server.replies[command] = answer
        return server

    return build


def last(session) -> bytes:
    return session.lines[-1]


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
    assert (data["imported"], codes(data)) == (100, Counter())


def test_a_wrong_password_costs_one_attempt(make_host, mail_server):
    server = mail_server(accounts={})
    data = make_host(server.port).post(Header + rows_on(server, 50)).json["data"]
    assert [each["error"] for each in data["errors"]] == [FIXED] * 50
    assert len(server.commands(b"AUTH")) == 50


def test_a_server_that_is_down_for_all_ends_the_run(make_host, mail_server):
    server = mail_server(replies={"AUTH": b"454 4.7.0 Temporary authentication failure\r\n"})
    host = make_host(server.port, RETRIES=0)
    data = host.post(Header + rows_on(server, 40)).json["data"]
    assert codes(data) == {"temporary_failure": 40}
    assert len(server.commands(b"AUTH")) < 2 * 40 + 40


@pytest.mark.parametrize(("reply", "tries"), [(b"454 no\r\n", 3), (b"550 no\r\n", 1)])
def test_what_may_pass_is_tried_again(make_host, mail_server, reply, tries):
    server = mail_server(replies={"AUTH": reply})
    make_host(server.port).post(Header + rows_on(server, 1))
    assert len(server.commands(b"AUTH")) == tries


def test_a_long_wait_is_told_and_not_waited_for(make_host, mail_server):
    server = mail_server(replies={"AUTH": b"450 4.7.1 try again in 5 minutes\r\n"})
    data = make_host(server.port).post(Header + rows_on(server, 30)).json["data"]
    assert codes(data) == {"temporary_failure": 30}
    assert "The server says to wait 5 minutes" in data["errors"][0]["hint"]
    assert len(server.commands(b"AUTH")) <= 30


def test_a_short_wait_is_waited_for(make_host, mail_server):
    first = threading.Event()

    def answer(session):
        if first.is_set():
            return server._auth(session, last(session))
        first.set()
        session.asked = time.monotonic()
        return b"450 4.7.1 try again in 2 seconds\r\n"

    server = mail_server(replies={"AUTH": answer})
    data = make_host(server.port).post(Header + rows_on(server, 1)).json["data"]
    assert data["imported"] == 1
    assert time.monotonic() - server.sessions[0].asked >= 2


def silent(stop: threading.Event):
    def wait(_session):
        stop.wait(60)
        return CLOSE

    return wait


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
    assert codes(data) == {"connection_timeout": 150}
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
    assert codes(data) == {"connection_timeout": 200 - data["imported"]}
    # Three rounds of silence, each with half as many connections; not one for each row.
    assert len(server.sessions) < 100


def test_words_of_one_row_are_no_silence_of_the_server(make_host, mail_server):
    """Two rows whose replies speak of time-outs say nothing about the others."""

    def answer(session):
        reply = server._auth(session, last(session))
        slow = session.logins[-1][0].startswith("u")
        return b"535 5.7.8 authentication timed out\r\n" if slow else reply

    server = mail_server(replies={"AUTH": answer})
    host = make_host(server.port, CONCURRENCY=2)
    data = host.post(Header + rows_on(server, 3) + rows_on(server, 20, name="g")).json["data"]
    assert data["imported"] == 20


def test_who_says_twice_to_wait_for_long_says_it_to_all(make_host, mail_server):
    server = mail_server(replies={"AUTH": b"450 4.7.1 try again in 5 minutes\r\n"})
    host = make_host(server.port, CONCURRENCY=2)
    data = host.post(Header + rows_on(server, 100)).json["data"]
    assert codes(data) == {"temporary_failure": 100}
    assert len(server.commands(b"AUTH")) < 10


def test_an_odd_reply_is_one_rows(make_host, mail_server):
    replies = [
        "450 4.7.1 try again in 5 \u017f",
        "535 \ufdfa " + "x" * 2000,
        "454 [\u0131\u0663 m]",
    ]

    def answer(session):
        reply = server._auth(session, last(session))
        odd = session.logins[-1][0].removeprefix("u").removesuffix("@x.com")
        return f"{replies[int(odd)]}\r\n".encode() if odd.isdigit() else reply

    server = mail_server(replies={"AUTH": answer})
    host = make_host(server.port, RETRIES=0)
    data = host.post(Header + rows_on(server, 3) + rows_on(server, 20, name="g")).json["data"]
    assert (data["imported"], data["failed"]) == (20, 3)
    assert "internal" not in codes(data)


def test_guesses_count_whatever_the_address_claims(make_host, mail_server):
    """An address of another provider neither changes the words nor hides the guess."""
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=3)
    csv = "email,password,smtphost,imaphost,smtpport,smtpusername\n" + "".join(
        f"u{each}@outlook.com,pw{each},localhost,,{server.port},victim{each}\n" for each in range(3)
    )
    data = host.post(csv).json["data"]
    assert [each["error"] for each in data["errors"]] == [FIXED] * 3
    assert host.post(Header + rows_on(server, 1)).status_code == 429


def test_a_dead_port_answers_for_all_its_rows(make_host, mail_server):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    good = mail_server()
    host = make_host(port, good.port)
    data = host.post(Header + rows_on(port, 100) + rows_on(good, 5, name="g")).json["data"]
    assert data["imported"] == 5
    assert codes(data) == {"connection_refused": 100}


def test_good_rows_do_not_wait_for_bad_ones(make_host, mail_server):
    """Ten servers that never answer come first in the file, and take ten of the twenty places."""
    stop = threading.Event()
    bad = [mail_server(replies={"AUTH": silent(stop)}) for _ in range(10)]
    good = mail_server(pause=0.05)
    host = make_host(good.port, *(each.port for each in bad), TIMEOUT=5)
    lines = "".join(rows_on(each, 8, name=f"b{each.port}-") for each in bad)
    done = []
    thread = threading.Thread(
        target=lambda: done.append(host.post(Header + lines + rows_on(good, 60)).json["data"])
    )
    start = time.monotonic()
    thread.start()
    while len(good.logins) < 60 and time.monotonic() - start < 30:
        time.sleep(0.01)
    seconds = time.monotonic() - start
    thread.join(30)
    stop.set()
    assert done[0]["imported"] == 60
    # All good ones were through before the first of the others reached its deadline.
    assert seconds < 5


def test_the_rows_of_one_good_server_go_on_among_many_that_hang(make_host, mail_server):
    """More servers hang than there are places, and they come first in the file."""
    stop = threading.Event()
    bad = [mail_server(replies={"EHLO": silent(stop)}) for _ in range(25)]
    good = mail_server(pause=0.02)
    host = make_host(good.port, *(each.port for each in bad), TIMEOUT=3)
    lines = "".join(rows_on(each, 2, name=f"b{each.port}-") for each in bad)
    seen = []

    def count(session):
        seen.append(time.monotonic())
        return good._auth(session, last(session))

    good.replies["AUTH"] = count
    start = time.monotonic()
    data = host.post(Header + lines + rows_on(good, 40)).json["data"]
    stop.set()
    assert data["imported"] == 40
    # Before any of the others reached its deadline.
    assert max(seen) - start < 3


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
    assert (data["imported"], codes(data)) == (60, Counter())


def test_equal_logins_share_a_verdict_and_another_password_is_not_tried(make_host, mail_server):
    server = mail_server(accounts={"shared": "right"})
    host = make_host(server.port)
    header = "email,password,smtphost,imaphost,smtpport,smtpusername\n"
    lines = [f"u{each}@x.com,right,localhost,,{server.port},shared\n" for each in range(5)]
    lines.append(f"v@x.com,other,localhost,,{server.port},shared\n")
    data = host.post(header + "".join(lines)).json["data"]
    assert data["imported"] == 5
    assert codes(data) == {"duplicate_login": 1}
    assert server.logins == [("shared", "right")]


@pytest.fixture
def full_port():
    """A port whose queue is full: a connection to it is neither taken nor refused."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("0.0.0.0", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def test_where_no_server_can_be_reached_it_is_said_once(make_host, full_port):
    host = make_host(full_port, CONNECT_TIMEOUT=1, TIMEOUT=2)
    csv = Header + "".join(
        rows_on(full_port, 3, f"127.0.0.{each + 2}", f"n{each}") for each in range(4)
    )
    data = host.post(csv).json["data"]
    assert codes(data) == {"connection_timeout": 12}
    (warning,) = data["warnings"]
    assert (warning["row"], warning["code"]) == (0, "port_unreachable")
    assert f"None of the 4 servers on port {full_port} could be reached" in warning["message"]
    assert all("this app's own network" in each["hint"] for each in data["errors"])


def test_one_server_that_cannot_be_reached_is_no_blocked_port(make_host, full_port):
    host = make_host(full_port, CONNECT_TIMEOUT=1, TIMEOUT=2)
    data = host.post(Header + rows_on(full_port, 3)).json["data"]
    assert codes(data) == {"connection_timeout": 3}
    assert "warnings" not in data
    assert all("Check the server name" in each["hint"] for each in data["errors"])
