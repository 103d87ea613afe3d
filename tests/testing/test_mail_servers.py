"""The SMTP and IMAP servers for tests, with the clients of the standard library."""

from __future__ import annotations

import contextlib
import csv
import datetime
import imaplib
import io
import smtplib
import socket
import ssl
import threading
import time
from contextlib import ExitStack

import pytest

from flask_mailbox_import.testing import (
    CLOSE,
    IMAPServer,
    MailServer,
    SMTPServer,
    csv_file,
    server_context,
)
from flask_mailbox_import.testing.server import LONGEST_LINE, LONGEST_SESSION

ANN = "ann@example.com"
APP_PASSWORD = b"534 5.7.9 Application-specific password required"


def connected(port: int) -> socket.socket:
    return socket.create_connection(("localhost", port), timeout=10)


def threads_of(port: int) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.endswith(f"on port {port}")]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_smtplib_logs_in_over_starttls(trusting, smtp, mechanism):
    accounts = {ANN: "right"}
    with SMTPServer(server_context(), accounts=accounts, mechanisms=mechanism) as server:
        client = smtp(server.port)
        client.starttls(context=trusting)
        assert client.login(ANN, "right")[0] == 235
        assert client.quit()[0] == 221
        client = smtp(server.port)
        client.starttls(context=trusting)
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login(ANN, "wrong")
        assert refused.value.smtp_code == 535
        assert [user for user, _ in server.logins] == [ANN, ANN]
        assert server.sessions[0].secure


def test_smtplib_logs_in_over_implicit_tls(trusting):
    with (
        SMTPServer(server_context(), implicit_tls=True) as server,
        smtplib.SMTP_SSL(
            "localhost", server.port, local_hostname="client.test", timeout=10, context=trusting
        ) as client,
    ):
        assert client.login("anybody", "anything")[0] == 235
        assert server.logins == [("anybody", "anything")]


def test_the_smtp_server_takes_no_mail(smtp):
    with SMTPServer() as server:
        client = smtp(server.port)
        assert not client.has_extn("starttls")
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail(ANN, [ANN], "text")
        assert refused.value.smtp_code == 502


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("AUTH", 504),
        ("AUTH XOAUTH2 eA==", 504),
        ("AUTH PLAIN eA==", 501),
        ("AUTH PLAIN *", 501),
        ("AUTH LOGIN /w==", 501),
        ("STARTTLS", 502),
    ],
)
def test_a_command_that_the_smtp_server_cannot_obey_is_refused(smtp, line, code):
    with SMTPServer(accounts={}) as server:
        client = smtp(server.port)
        assert client.docmd(line)[0] == code
        assert client.noop()[0] == 250
        assert server.logins == []


def test_starttls_that_is_refused_leaves_the_connection_in_clear(smtp):
    with SMTPServer(server_context(), replies={"STARTTLS": b"454 not now"}) as server:
        client = smtp(server.port)
        assert client.docmd("STARTTLS")[0] == 454
        assert client.ehlo()[0] == 250


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


def opened(server: IMAPServer, trusting: ssl.SSLContext) -> imaplib.IMAP4:
    if server.implicit_tls:
        return imaplib.IMAP4_SSL("localhost", server.port, ssl_context=trusting, timeout=10)
    client = imaplib.IMAP4("localhost", server.port, timeout=10)
    client.starttls(trusting)
    return client


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


def test_replies_by_command(smtp):
    def only_ann(session) -> bytes | None:
        return None if session.logins[-1] == (ANN, "right") else b"454 4.7.0 later"

    replies = {"greeting": b"220-two\r\n220 lines", "AUTH": only_ann, "QUIT": CLOSE}
    with SMTPServer(accounts={ANN: "right"}, replies=replies) as server:
        client = smtp(server.port)
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login("bob", "right")
        assert refused.value.smtp_code == 454
        assert client.login(ANN, "right")[0] == 235
        assert [line.split()[0] for line in server.commands(b"AU")] == [b"AUTH"] * 3
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.quit()


def test_a_mail_server_answers_by_address_in_smtp(trusting, smtp):
    replies = {"bob": APP_PASSWORD, "cleo": CLOSE}
    with MailServer({ANN: "right", "cleo": "right"}, replies=replies) as server:

        def code_of_login(user: str) -> int:
            client = smtp(server.smtp_port)
            client.starttls(context=trusting)
            return client.login(user, "right")[0]

        assert code_of_login(ANN) == 235
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            code_of_login("dan")
        with pytest.raises(smtplib.SMTPAuthenticationError, match="Application-specific"):
            code_of_login("bob")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            code_of_login("cleo")
        del server.replies["cleo"]
        assert code_of_login("cleo") == 235
        # smtplib tries PLAIN, and LOGIN where PLAIN is refused.
        users = [ANN, "dan", "dan", "bob", "bob", "cleo", "cleo"]
        assert server.logins == [(user, "right") for user in users]


def test_a_mail_server_answers_by_address_in_imap(trusting, smtp):
    replies = {"bob": lambda _: b"{tag} NO [EXPIRED] Password expired"}
    with MailServer({ANN: "right", "bob": "right"}, imap_replies=replies) as server:
        for user, words in (("bob", "EXPIRED"), ("dan", "AUTHENTICATIONFAILED")):
            with (
                opened(server.imap, trusting) as client,
                pytest.raises(imaplib.IMAP4.error, match=words),
            ):
                client.login(user, "right")
        with opened(server.imap, trusting) as client:
            assert client.login(ANN, "right")[0] == "OK"
        client = smtp(server.smtp_port)
        client.starttls(context=trusting)
        assert client.login("bob", "right")[0] == 235
        assert server.imap.logins == [("bob", "right"), ("dan", "right"), (ANN, "right")]
        assert server.logins == [("bob", "right"), *server.imap.logins]


def test_a_response_that_cannot_be_decoded_is_nobodys_login(smtp):
    with MailServer(replies={ANN: APP_PASSWORD}) as server:
        assert smtp(server.smtp_port).docmd("AUTH PLAIN eA==")[0] == 501


def test_a_csv_file_names_the_servers_of_its_rows():
    with MailServer() as server:
        file = csv_file(
            server.row(ANN, 'a,"b"', displayname="Änn"), server.row("bob", "pw", smtpport=25)
        )
        common = {
            "smtphost": "localhost",
            "smtpport": str(server.smtp_port),
            "smtpsecure": "false",
            "imaphost": "localhost",
            "imapport": str(server.imap_port),
            "imapsecure": "true",
        }
    ann, bob = csv.DictReader(io.StringIO(file.decode(), newline=""))
    assert ann == {"email": ANN, "password": 'a,"b"', **common, "displayname": "Änn"}
    assert bob == {"email": "bob", "password": "pw", **common, "displayname": "", "smtpport": "25"}


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_certificate_is_for_these_names(trusting, name):
    with (
        MailServer() as server,
        connected(server.imap_port) as client,
        trusting.wrap_socket(client, server_hostname=name) as secured,
    ):
        assert secured.recv(4) == b"* OK"


def test_other_names_and_an_expired_certificate_are_not_verified(trusting):
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    for context, words in (
        (server_context("mail.localhost"), "Hostname mismatch"),
        (server_context(not_after=past), "certificate has expired"),
    ):
        with (
            IMAPServer(context, implicit_tls=True) as server,
            connected(server.port) as client,
            pytest.raises(ssl.SSLCertVerificationError, match=words),
        ):
            trusting.wrap_socket(client, server_hostname="localhost")


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


def test_a_login_is_answered_after_the_pause(smtp):
    with SMTPServer(pause=0.2) as server:
        client = smtp(server.port)
        client.ehlo()
        start = time.monotonic()
        client.login(ANN, "right")
        assert time.monotonic() - start >= 0.2


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
