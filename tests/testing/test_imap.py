"""The IMAP server for tests, with the client of the standard library."""

from __future__ import annotations

import imaplib

import pytest
from mail_clients import ANN, connected, opened

from flask_mailbox_import.testing import IMAPServer, server_context


@pytest.mark.parametrize("implicit_tls", [True, False])
def test_imaplib_logs_in(trusting, implicit_tls):
    context = server_context()
    with IMAPServer(context, implicit_tls=implicit_tls, accounts={ANN: 'a "b"'}) as server:
        with opened(server, trusting) as client:
            assert client.login(ANN, 'a "b"')[0] == "OK"
            assert client.select("INBOX", readonly=True) == ("OK", [b"3"])
            assert client.select("INBOX") == ("OK", [b"3"])
        with (
            opened(server, trusting) as client,
            pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"),
        ):
            client.login(ANN, "wrong")
        with opened(server, trusting) as client:
            plain = f'\0{ANN}\0a "b"'.encode()
            assert client.authenticate("PLAIN", lambda _: plain)[0] == "OK"
        assert server.logins == [(ANN, 'a "b"'), (ANN, "wrong"), (ANN, 'a "b"')]
        assert server.open_now == 0


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"LOGIN ab", b"x BAD"),
        (b"LOGIN a {1}", b"x BAD"),
        (b'LOGIN a "b" c', b"x BAD"),
        (b"AUTHENTICATE PLAIN eA==", b"x BAD"),
        (b"AUTHENTICATE GSSAPI", b"x NO"),
        (b"FETCH 1 FLAGS", b"x BAD"),
        (b"STARTTLS", b"x BAD"),
    ],
)
def test_a_command_that_the_imap_server_cannot_obey_is_refused(command, answer):
    with IMAPServer(accounts={}) as server, connected(server.port) as client:
        with client.makefile("rb") as replies:
            assert replies.readline() == b"* OK IMAP4rev1 ready\r\n"
            client.sendall(b"x " + command + b"\r\nx NOOP\r\n")
            assert replies.readline().startswith(answer)
            assert replies.readline() == b"x OK done\r\n"
        assert server.logins == []
