"""One SMTP login on one real connection: what is said, and what each reply is called."""

from __future__ import annotations

import base64
import threading

import pytest
from import_calls import verdict
from mailbox_files import Header, row
from waiting import wait_for

from flask_mailbox_import.testing import CLOSE, Session, SMTPServer


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN CRAM-MD5", "LOGIN CRAM-MD5", "LOGIN PLAIN"])
@pytest.mark.parametrize("password", ["pw", "pässwörd 密码", ' ,;"\\ ', "x" * 130, "ü" * 500])
def test_one_auth_with_any_password(make_host, mail_server, mechanisms, password):
    server = mail_server(accounts={"a@example.com": password}, mechanisms=mechanisms)
    host = make_host(server.port)
    assert verdict(host, server, password) == ("active", "")
    assert server.logins == [("a@example.com", password)]
    assert len(server.commands(b"AUTH")) == 1
    assert all(len(line) <= 510 for line in server.commands(b"AUTH"))
    wait_for(lambda: server.commands(b"QUIT"))


PROMPTS = {
    "usual": (b"Username:", b"Password:"),
    "Exchange": (b"User Name\0", b"Password\0"),
    "unreadable": (b"", b""),
    "other words": (b"?", b"!"),
    "password first": (b"Password:", b"Username:"),
    "name twice": (b"Username:", b"Username:", b"Password:"),
    "both words": (b"login name for this password:", b"password for this login:"),
}


class PromptingServer(SMTPServer):
    """Asks for the name and the password by prompts of its own; the prompt tells which is which."""

    prompts: tuple[bytes, ...] = ()
    is_encoded = True

    def __init__(self, *args: object, **options: object) -> None:
        self.answers: list[bytes] = []
        super().__init__(*args, **options)

    def _sasl(self, session: Session, mechanism: bytes, initial: bytes) -> bool | None:
        if mechanism != b"LOGIN":
            return None
        self.initial = initial
        for each in self.prompts:
            self.answers.append(base64.b64decode(self._ask(session, each) + b"=="))
        return True

    def _ask(self, session: Session, challenge: bytes) -> bytes:
        if self.is_encoded:
            return super()._ask(session, challenge)
        session.sock.sendall(b"334 " + challenge + b"\r\n")
        return self._line(session)


@pytest.mark.slow
@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("kind", PROMPTS)
def test_each_prompt_of_login_is_read(make_host, context, kind, encoded):
    name, password = b"a@example.com", b"pw"
    with PromptingServer(context, mechanisms="LOGIN") as server:
        server.prompts, server.is_encoded = PROMPTS[kind], encoded
        assert verdict(make_host(server.port), server)[0] == "active"
    given = {"password first": [password, name], "name twice": [name, name, password]}
    assert server.answers == given.get(kind, [name, password])
    assert server.initial == b""


def test_a_password_never_answers_a_prompt_for_a_name(make_host, context):
    with PromptingServer(context, mechanisms="LOGIN") as server:
        server.prompts = (b"Username:",) * 5
        assert verdict(make_host(server.port, RETRIES=0), server)[0] == "protocol_error"
    assert server.answers[:2] == [b"a@example.com"] * 2
    assert b"pw" not in server.answers


MECHANISM_REFUSED = [
    b"504 5.5.4 Unrecognized authentication type",
    b"504 Authentication mechanism not supported.",
    b"504 5.7.4 Unknown AUTH",
    b"502 5.5.1 Command not implemented",
    b"500 5.5.1 Unrecognized command",
    b"500 Internal error",
]


@pytest.mark.slow
@pytest.mark.parametrize("reply", MECHANISM_REFUSED)
@pytest.mark.parametrize("other", ["LOGIN", "CRAM-MD5"])
def test_another_mechanism_where_the_mechanism_is_refused(make_host, mail_server, reply, other):
    def refuse(session: Session) -> bytes | None:
        is_plain = session.lines[-1].startswith(b"AUTH PLAIN")
        return reply if is_plain else None

    server = mail_server(
        mechanisms=f"PLAIN {other}",
        accounts={"a@example.com": "pw"},
        replies={"AUTH": refuse},
    )
    assert verdict(make_host(server.port), server) == ("active", "")
    assert [each.split()[1] for each in server.commands(b"AUTH")] == [b"PLAIN", other.encode()]


@pytest.mark.parametrize(
    "reply",
    [
        b"535 5.7.8 Error: authentication failed: Invalid authentication mechanism",
        b"535 5.7.3 Authentication unsuccessful",
        b"504 5.7.4 authentication failed",
        b"502 5.7.0 Invalid credentials",
        b"501 5.5.2 Cannot decode",
        b"534 5.7.9 Authentication mechanism is too weak",
        b"454 4.7.0 Temporary authentication failure",
    ],
)
def test_no_other_mechanism_after_a_refused_login(make_host, mail_server, reply):
    server = mail_server(mechanisms="PLAIN LOGIN CRAM-MD5", replies={"AUTH": reply})
    assert verdict(make_host(server.port, RETRIES=0), server)[0] != "active"
    assert len(server.commands(b"AUTH")) == 1


def test_a_server_that_leaves_after_it_refused_a_mechanism_refused_the_mechanism(
    make_host, mail_server
):
    def refuse_and_leave(session: Session) -> bytes:
        session.sock.sendall(b"504 5.5.4 Unrecognized authentication type\r\n")
        return CLOSE

    server = mail_server(replies={"AUTH": refuse_and_leave})
    code = verdict(make_host(server.port, RETRIES=0), server)[0]
    assert code == "mechanism_unsupported"


def test_a_reply_that_has_begun_counts_when_silence_follows(make_host, mail_server):
    done = threading.Event()

    def begin(session: Session) -> bytes:
        session.sock.sendall(b"535-5.7.8 Username and Password not accepted.\r\n")
        done.wait(10)
        return CLOSE

    server = mail_server(replies={"AUTH": begin})
    assert verdict(make_host(server.port, TIMEOUT=1), server)[0] == "bad_credentials"
    done.set()


def test_cram_md5_where_there_is_nothing_else(make_host, mail_server):
    server = mail_server(mechanisms="CRAM-MD5")
    assert verdict(make_host(server.port), server) == ("active", "")
    user, digest = server.logins[0]
    assert (user, len(digest)) == ("a@example.com", 32)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"535 5.7.8 Error: authentication failed: \r\n", "bad_credentials"),
        (b"535 Incorrect authentication data\r\n", "bad_credentials"),
        (
            b"534-5.7.9 Application-specific password required.\r\n534 5.7.9 x\r\n",
            "app_password_required",
        ),
        (b"534 5.7.9 no\r\n", "mechanism_unsupported"),
        (
            b"535 5.7.139 Authentication unsuccessful, basic authentication is disabled.\r\n",
            "oauth_required",
        ),
        (
            b"535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.\r\n",
            "smtp_auth_disabled",
        ),
        (b"503 5.5.1 Error: authentication not enabled\r\n", "auth_not_offered"),
        (b"250 ok\r\n", "protocol_error"),
        (b"334 UGFzc3dvcmQ6\r\n", "protocol_error"),
        (b"554 5.7.0 go away\r\n", "unknown"),
        (b"535 \xc7\xeb\xca\xb9\xd3\xc3\r\n", "bad_credentials"),
        (b"432 4.3.2 STOREDRV; sender thread limit exceeded\r\n", "too_many_connections"),
        (b"432 4.3.2 too busy\r\n", "too_many_connections"),
        (b"432 4.7.12 A password transition is needed\r\n", "mechanism_unsupported"),
        (b"503 Unknown command\r\n", "auth_not_offered"),
        (CLOSE, "connection_closed"),
    ],
)
def test_replies_to_auth(make_host, mail_server, reply, code):
    server = mail_server(replies={"AUTH": reply})
    assert verdict(make_host(server.port, RETRIES=0), server)[0] == code
    assert len(server.commands(b"AUTH")) == 1


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"454 4.7.0 Temporary authentication failure\r\n", "temporary_failure"),
        (b"454 4.7.0 Too many login attempts, please try again later.\r\n", "too_many_attempts"),
        (b"421 4.7.0 Too many connections from your host\r\n", "too_many_connections"),
        (b"451 4.3.2 rate limit exceeded, slow down\r\n", "rate_limited"),
    ],
)
def test_temporary_refusals(make_host, mail_server, reply, code):
    server = mail_server(replies={"AUTH": reply})
    host = make_host(server.port, RETRIES=0)
    assert verdict(host, server)[0] == code
    assert [each.reply for each in host.rows()] == [reply.decode().strip()]


@pytest.mark.parametrize(
    ("command", "reply", "code"),
    [
        ("greeting", b"554 5.7.1 no service for you\r\n", "ip_blocked"),
        ("greeting", b"421 busy\r\n", "temporary_failure"),
        ("greeting", b"* OK IMAP4rev1 ready\r\n", "wrong_protocol"),
        ("greeting", b"+OK POP3 ready\r\n", "wrong_protocol"),
        ("greeting", b"SSH-2.0-OpenSSH_9.2\r\n", "wrong_protocol"),
        ("greeting", b"hello\r\n", "protocol_error"),
        ("greeting", b"220-" + b"x" * 5000 + b"\r\n", "protocol_error"),
        ("greeting", b"220-more\r\n" * 200, "protocol_error"),
        ("greeting", CLOSE, "connection_closed"),
        ("EHLO", b"501 5.5.4 Invalid domain name\r\n", "helo_rejected"),
        ("EHLO", b"502 unknown\r\n", "auth_not_offered"),
        ("EHLO", CLOSE, "connection_closed"),
        (
            "EHLO",
            b"421-4.7.0 Try again later, closing connection. (EHLO)\r\n421 4.7.0 x - gsmtp\r\n",
            "helo_rejected",
        ),
        ("EHLO", b"421 4.7.1 localhost.localdomain is not welcome\r\n", "helo_rejected"),
        ("EHLO", b"421 4.3.2 Service shutting down\r\n", "temporary_failure"),
        ("greeting", b"Too many connections from your address\r\n", "too_many_connections"),
        ("greeting", b"\r\n554 5.7.1 no service for you\r\n", "ip_blocked"),
        ("STARTTLS", b"454 TLS not available\r\n", "server_misconfigured"),
        ("STARTTLS", b"220 go\r\n250 AUTH PLAIN\r\n", "protocol_error"),
        ("STARTTLS", CLOSE, "connection_closed"),
    ],
)
def test_refusals_before_the_login_send_no_password(make_host, mail_server, command, reply, code):
    server = mail_server(replies={command: reply})
    assert verdict(make_host(server.port, RETRIES=0), server)[0] == code
    assert server.commands(b"AUTH") == []


def test_no_login_is_offered(make_host, mail_server):
    server = mail_server(mechanisms="")
    assert verdict(make_host(server.port), server)[0] == "auth_not_offered"


@pytest.mark.parametrize(
    ("mechanisms", "code"),
    [("XOAUTH2", "oauth_required"), ("NTLM GSSAPI", "mechanism_unsupported")],
)
def test_no_login_with_a_password(make_host, mail_server, mechanisms, code):
    server = mail_server(mechanisms=mechanisms)
    assert verdict(make_host(server.port), server)[0] == code


def test_nothing_is_sent_in_clear(make_host, mail_server):
    server = mail_server(context=None)
    assert verdict(make_host(server.port), server)[0] == "starttls_unsupported"
    assert server.commands(b"AUTH") == []
    allowed = make_host(server.port, ALLOW_PLAINTEXT=True)
    assert verdict(allowed, server)[0] == "active"
    assert [each.smtp_security for each in allowed.mailboxes()] == ["plain"]


def test_the_reply_of_a_server_is_not_repeated(make_host, mail_server):
    secret = base64.b64encode(b"\0a@example.com\0pw")
    reply = b"535 5.7.8 <b>go to http://evil.example</b> " + secret + b"\r\n"
    server = mail_server(replies={"AUTH": reply})
    answer = make_host(server.port).post(Header + row("a@example.com", "pw", server.port))
    assert "evil" not in answer.text
    assert secret.decode() not in answer.text


@pytest.mark.parametrize(
    "reply",
    [
        b"535 5.7.0 (#AUTH005) Too many bad auth attempts.\r\n",
        b"535 5.7.8 Authentication failed. Wrong password. Please slow down\r\n",
    ],
)
def test_a_refused_login_is_never_tried_again_whatever_its_words(make_host, mail_server, reply):
    server = mail_server(replies={"AUTH": reply})
    verdict(make_host(server.port), server)
    assert len(server.commands(b"AUTH")) == 1


def test_starttls_that_is_offered_and_refused(make_host, mail_server):
    server = mail_server(replies={"STARTTLS": b"502 not here\r\n"})
    assert verdict(make_host(server.port), server)[0] == "starttls_unsupported"


def test_what_was_offered_in_clear_is_forgotten(make_host, mail_server):
    def offer(session):
        offered = b"250-x\r\n" if session.secure else b"250-x\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n"
        return offered + b"250 HELP\r\n"

    server = mail_server(replies={"EHLO": offer})
    assert verdict(make_host(server.port), server)[0] == "auth_not_offered"
    assert server.commands(b"AUTH") == []


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
