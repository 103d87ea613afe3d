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


@pytest.mark.parametrize("plus", [b"", b"+"])
def test_arguments_of_login_may_be_literals(plus):
    server = IMAPServer(accounts={ANN: "p\u00e4ss"})
    with server, connected(server.port) as client, client.makefile("rb") as replies:
        assert replies.readline() == b"* OK IMAP4rev1 ready\r\n"
        client.sendall(b"x LOGIN " + ANN.encode() + b" {5%b}\r\n" % plus)
        if not plus:
            assert replies.readline().startswith(b"+ ")
        client.sendall("p\u00e4ss\r\n".encode())
        assert replies.readline() == b"x OK logged in\r\n"
    assert server.logins == [(ANN, "p\u00e4ss")]


@pytest.mark.parametrize("mechanism", ["LOGIN", "CRAM-MD5"])
def test_the_imap_server_knows_the_mechanisms_of_the_smtp_server(mechanism, trusting):
    server = IMAPServer(server_context(), accounts={ANN: "pw"})
    with server, opened(server, trusting) as client:
        if mechanism == "CRAM-MD5":
            client.capabilities = (*client.capabilities, "AUTH=CRAM-MD5")
            assert client.login_cram_md5(ANN, "pw")[0] == "OK"
        else:
            given = iter([ANN.encode(), b"pw"])
            assert client.authenticate("LOGIN", lambda _: next(given))[0] == "OK"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"LOGIN ab", b"x BAD"),
        (b"LOGIN a", b"x BAD"),
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
