"""Nobody talks before the greeting: late servers are waited for, and TLS is tried once at most."""

from __future__ import annotations

import select
import threading
import time

import pytest
from mailbox_files import Header, rows_on

from flask_mailbox_import.testing import CLOSE, Session, SMTPServer

#: A server that greets after half of it has met TLS on a second connection by then.
TIMEOUT = 4
GREETING = b"220 mail.test ESMTP at last\r\n"


class LateServer(SMTPServer):
    """Greets late, and bans whoever talks before."""

    def __init__(self, *args: object, after: float, **options: object) -> None:
        self.after = after
        self.banned = False
        #: Bytes that came before the greeting, one entry a connection.
        self.early: list[bytes] = []
        super().__init__(*args, replies={"greeting": self._greet}, **options)

    def _greet(self, session: Session) -> bytes:
        if self.banned:
            return CLOSE
        talks, _, _ = select.select([session.sock], [], [], self.after)
        if talks:
            early = session.sock.recv(4096)
            if early:
                self.early.append(early)
                self.banned = True
            return CLOSE
        return GREETING


@pytest.fixture
def late_server(context):
    servers = []

    def start(after: float) -> LateServer:
        servers.append(LateServer(context, after=after))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.25, 0.45])
def test_a_late_greeting_is_waited_for_in_silence(make_host, late_server, share):
    server = late_server(TIMEOUT * share)
    host = make_host(server.port, TIMEOUT=TIMEOUT, RETRIES=0)
    data = host.post(Header + rows_on(server, 20)).json["data"]
    assert (data["imported"], server.early) == (20, [])
    assert "warnings" not in data


@pytest.mark.slow
def test_the_connection_that_waited_is_used_though_tls_was_tried(make_host, late_server):
    """One row tries TLS at half of TIMEOUT; the server bans for it, and greets who waited."""
    server = late_server(TIMEOUT * 0.7)
    host = make_host(server.port, TIMEOUT=TIMEOUT, RETRIES=0)
    data = host.post(Header + rows_on(server, 20)).json["data"]
    assert len(server.early) == 1
    assert data["imported"] == 20


@pytest.mark.slow
def test_a_server_that_may_have_few_connections_is_tried_in_place_of_one(make_host, late_server):
    server = late_server(TIMEOUT * 0.7)
    server.settle_at = 2
    host = make_host(server.port, TIMEOUT=TIMEOUT, RETRIES=0, PER_HOST=2)
    data = host.post(Header + rows_on(server, 2)).json["data"]
    assert (data["imported"], server.early, server.open_most) == (2, [], 2)


def seconds_for(host, rows: str) -> float:
    start = time.monotonic()
    assert host.post(Header + rows).json["data"]["imported"] == 60
    return time.monotonic() - start


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"PER_HOST": 1}, {"CONCURRENCY": 1}])
def test_one_row_finds_tls_for_the_others(make_host, mail_server, settings):
    """It costs one wait, half of TIMEOUT long, or three quarters where there is one place."""
    server = mail_server(implicit_tls=True)
    host = make_host(server.port, TIMEOUT=TIMEOUT, RETRIES=0, **settings)
    found_out = seconds_for(host, rows_on(server, 60))
    assert len([each for each in server.sessions if not each.logins]) <= 20
    assert {each.smtp_security for each in host.mailboxes()} == {"tls"}
    known = seconds_for(host, rows_on(server, 60, name="t").replace(",false", ",true"))
    assert found_out < known + TIMEOUT * 0.9


@pytest.mark.slow
def test_a_server_that_hangs_up_on_silence_may_speak_tls(make_host, mail_server):
    server = mail_server(implicit_tls=True)
    serve = server._talk

    def talk(session: Session) -> None:
        session.sock.settimeout(TIMEOUT * 0.4)
        serve(session)

    server._talk = talk
    host = make_host(server.port, TIMEOUT=TIMEOUT, RETRIES=0)
    data = host.post(Header + rows_on(server, 1)).json["data"]
    assert data["imported"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("says", [CLOSE, b"421 Too many concurrent SMTP connections\r\n"])
@pytest.mark.parametrize(("rows", "places"), [(20, 20), (20, 5), (40, 30)])
def test_a_server_for_tls_that_refuses_one_connection_too_many(
    make_host, mail_server, says, rows, places
):
    """Exim says so in clear, on its port for TLS too: that is no sign of its mode."""
    server = mail_server(implicit_tls=True)
    serve = server._talk

    def talk(session: Session) -> None:
        if server.open_now > places:
            if says != CLOSE:
                session.sock.sendall(says)
            return
        serve(session)

    server._talk = talk
    host = make_host(server.port, TIMEOUT=TIMEOUT)
    data = host.post(Header + rows_on(server, rows)).json["data"]
    assert (data["imported"], data["errors"]) == (rows, [])


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "at_once"), [(1, 1), (5, 5), (20, 5), (40, 20)])
def test_a_server_that_serves_few_at_once_lets_the_trial_wait(
    make_host, mail_server, rows, at_once
):
    """Postfix with five processes: our own silent connections hold them all, and make way."""
    server = mail_server(implicit_tls=True)
    serve, free = server._talk, threading.Semaphore(at_once)

    def talk(session: Session) -> None:
        with free:
            serve(session)

    server._talk = talk
    host = make_host(server.port, TIMEOUT=TIMEOUT)
    data = host.post(Header + rows_on(server, rows)).json["data"]
    assert (data["imported"], data["errors"]) == (rows, [])
