"""The base of all servers: it counts its sessions, ends them, and leaves no thread."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import threading
from contextlib import ExitStack

import pytest
from mail_clients import connected

from flask_mailbox_import.testing import CLOSE, IMAPServer, SMTPServer, server_context
from flask_mailbox_import.testing.server import LONGEST_LINE, LONGEST_SESSION


def threads_of(port: int) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.endswith(f"on port {port}")]


def test_sessions_are_counted_until_quit(smtp):
    with SMTPServer() as server:
        first, second = smtp(server.port), smtp(server.port)
        assert (server.open_now, server.open_most) == (2, 2)
        first.quit()
        assert (server.open_now, server.open_most) == (1, 2)
        assert [each.quit_seen for each in server.sessions] == [True, False]
        assert second.noop()[0] == 250


def test_with_settle_at_a_session_is_counted_after_a_quit_that_is_on_its_way():
    with ExitStack() as stack:
        later: list[socket.socket] = []

        def connect_another(_session) -> None:
            later.append(stack.enter_context(connected(server.port)))
            later[0].settimeout(0.05)
            with pytest.raises(TimeoutError):
                later[0].recv(1)

        server = stack.enter_context(SMTPServer(replies={"NOOP": connect_another}, settle_at=1))
        first = stack.enter_context(connected(server.port))
        first.sendall(b"NOOP\r\nQUIT\r\n")
        while first.recv(4096):
            pass
        later[0].settimeout(10)
        assert later[0].recv(3) == b"220"
        assert (server.open_now, server.open_most) == (1, 1)


def test_a_listener_may_be_given(smtp):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with SMTPServer(listener=listener) as server:
        assert server.port == port
        assert smtp(port).noop()[0] == 250
    assert listener.fileno() == -1


def test_a_line_without_an_end_is_not_read_for_ever():
    with SMTPServer() as server, connected(server.port) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(b"x" * 2 * LONGEST_LINE)
            while client.recv(4096):
                pass
        assert server.sessions[0].lines == []


def test_a_connection_does_not_last_for_ever(smtp):
    with SMTPServer() as server:
        client = smtp(server.port)
        assert client.noop()[0] == 250
        server.sessions[0].began -= LONGEST_SESSION
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


@pytest.mark.parametrize("kind", [SMTPServer, IMAPServer])
@pytest.mark.parametrize("implicit_tls", [True, False])
def test_close_ends_all_threads_whatever_the_client_does(kind, implicit_tls):
    with kind(server_context(), implicit_tls=implicit_tls) as server:
        silent = [connected(server.port) for _ in range(3)]
        if not implicit_tls:
            assert all(each.recv(100) for each in silent)
            command = b"STARTTLS\r\n" if kind is SMTPServer else b"x STARTTLS\r\n"
            silent[0].sendall(command)
            assert silent[0].recv(100)
    assert threads_of(server.port) == []
    for each in silent:
        with each, contextlib.suppress(ConnectionError):
            while each.recv(4096):
                pass
    with pytest.raises(ConnectionRefusedError):
        connected(server.port)
    server.close()


@pytest.mark.slow
def test_close_tells_of_a_reply_function_that_does_not_return():
    asked, released = threading.Event(), threading.Event()

    def hold(_session) -> bytes:
        asked.set()
        released.wait(60)
        return CLOSE

    server = SMTPServer(replies={"greeting": hold})
    with connected(server.port):
        assert asked.wait(10)
        with pytest.raises(RuntimeError, match=f"SMTPServer on port {server.port} still runs"):
            server.close()
    released.set()
    server.close()
    assert threads_of(server.port) == []
