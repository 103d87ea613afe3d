"""One login on one real connection: what each behaviour of a server is called."""

from __future__ import annotations

import base64
import datetime
import socket
import ssl
import struct
import threading
import time
import warnings

import pytest
import trustme
from conftest import Header, row, server_context

from flask_mailbox_import.probe.wire import tls_context
from flask_mailbox_import.testing import CLOSE

LATER = datetime.datetime.now(datetime.timezone.utc)


def verdict(host, server_or_port, password: str = "pw", **columns: str) -> tuple[str, str]:
    """Import one row; return its code (``active`` when it passed) and hint."""
    port = getattr(server_or_port, "port", server_or_port)
    data = host.post(Header + row("a@example.com", password, port, **columns)).json["data"]
    if data["imported"]:
        return "active", ""
    (error,) = data["errors"]
    return error["code"], error["hint"]


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN CRAM-MD5", "LOGIN CRAM-MD5", "LOGIN PLAIN"])
@pytest.mark.parametrize("password", ["pw", "pässwörd 密码", ' ,;"\\ ', "x" * 130, "ü" * 500])
def test_one_auth_with_any_password(make_host, mail_server, mechanisms, password):
    server = mail_server(accounts={"a@example.com": password}, mechanisms=mechanisms)
    host = make_host(server.port)
    assert verdict(host, server, password) == ("active", "")
    assert server.logins == [("a@example.com", password)]
    assert len(server.commands(b"AUTH")) == 1
    assert all(len(line) <= 510 for line in server.commands(b"AUTH"))
    assert server.commands(b"QUIT")


def test_cram_md5_where_there_is_nothing_else(make_host, mail_server):
    server = mail_server(mechanisms="CRAM-MD5")
    assert verdict(make_host(server.port), server) == ("active", "")
    user, digest = server.logins[0]
    assert (user, len(digest)) == ("a@example.com", 32)


def test_implicit_tls(make_host, mail_server):
    server = mail_server(implicit_tls=True)
    host = make_host(server.port)
    assert verdict(host, server, secure="true") == ("active", "")
    assert [each.smtp_security for each in host.mailboxes()] == ["tls"]


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


@pytest.mark.slow
def test_certificates_are_verified(ca, make_host, mail_server):
    past = LATER - datetime.timedelta(days=2)
    contexts = {
        "tls_cert_untrusted": server_context(trustme.CA()),
        "tls_cert_hostname": server_context(ca, "other.example.com"),
        "tls_cert_expired": server_context(ca, not_before=past, not_after=past),
    }
    for code, context in contexts.items():
        for implicit in (False, True):
            server = mail_server(context=context, implicit_tls=implicit)
            secure = str(implicit).lower()
            assert verdict(make_host(server.port), server, secure=secure)[0] == code
            assert server.commands(b"AUTH") == []


def test_a_ca_file_may_hold_the_certificate_of_one_server(ca, tmp_path):
    path = tmp_path / "server.pem"
    ca.issue_cert("mail.example.com").cert_chain_pems[0].write_to_path(str(path))
    assert tls_context(str(path)).cert_store_stats()["x509"] == 1


def test_old_tls_is_refused(ca, make_host, mail_server):
    context = server_context(ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = mail_server(context=context)
    assert verdict(make_host(server.port), server)[0] == "tls_version"


def test_nothing_listens(make_host):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert verdict(make_host(port), port)[0] == "connection_refused"


@pytest.mark.slow
@pytest.mark.parametrize("silent_at", ["greeting", "EHLO", "STARTTLS", "AUTH"])
def test_silence_ends_at_the_deadline(make_host, mail_server, silent_at):
    ended = threading.Event()

    def silent(_session):
        ended.wait(30)
        return CLOSE

    server = mail_server(replies={silent_at: silent})
    host = make_host(server.port, TIMEOUT=1)
    assert verdict(host, server)[0] == "connection_timeout"
    ended.set()


def drip(session):
    """Send a reply that never ends, a line each 0.2 s; each read succeeds in time."""
    for _ in range(100):
        time.sleep(0.2)
        session.sock.sendall(b"220-patience\r\n")
    return CLOSE


def flood(session):
    """Send a line that never ends, as fast as it is taken."""
    while True:
        session.sock.sendall(b"x" * 65536)


@pytest.mark.slow
@pytest.mark.parametrize(("hostile", "code"), [(drip, "connection_timeout"), (flood, None)])
def test_a_hostile_server_delays_nobody(make_host, mail_server, hostile, code):
    bad = mail_server(replies={"greeting": hostile})
    good = mail_server()
    host = make_host(bad.port, good.port, TIMEOUT=2)
    rows = row("bad@x.com", "pw", bad.port)
    rows += "".join(row(f"u{each}@x.com", "pw", good.port) for each in range(5))
    data = host.post(Header + rows).json["data"]
    assert data["imported"] == 5
    assert [each["code"] for each in data["errors"]] == [code or "protocol_error"]


def test_no_such_host_and_a_refused_address_are_one_answer(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port, ALLOWED_NETWORKS=[], TIMEOUT=5)
    csv = Header + "".join(
        [
            row("a@x.com", "pw", server.port, host="no-such-name.example.com"),
            row("b@x.com", "pw", server.port, host="inside.localhost"),
        ]
    )
    first, second = host.post(csv).json["data"]["errors"]
    assert first["code"] == second["code"] == "dns_failure"
    assert (first["error"], first["hint"]) == (second["error"], second["hint"])
    assert server.sessions == []


def test_the_reply_of_a_server_is_not_repeated(make_host, mail_server):
    secret = base64.b64encode(b"\0a@example.com\0pw")
    reply = b"535 5.7.8 <b>go to http://evil.example</b> " + secret + b"\r\n"
    server = mail_server(replies={"AUTH": reply})
    answer = make_host(server.port).post(Header + row("a@example.com", "pw", server.port))
    assert "evil" not in answer.text
    assert secret.decode() not in answer.text


def test_an_accepted_login_stays_accepted_whatever_follows(make_host, mail_server):
    def accept_and_reset(session):
        session.sock.sendall(b"235 ok\r\n")
        linger = struct.pack("ii", 1, 0)
        session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return CLOSE

    server = mail_server(context=None, replies={"AUTH": accept_and_reset})
    host = make_host(server.port, ALLOW_PLAINTEXT=True)
    rows = "".join(row(f"u{each}@x.com", "pw", server.port) for each in range(50))
    assert host.post(Header + rows).json["data"]["imported"] == 50


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
