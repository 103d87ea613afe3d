"""The guarded connection for whoever uses a saved mailbox later."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import traceback
from pathlib import Path

import pytest
from child_processes import run_child
from mailbox_files import Header, row
from process_memory import peak_kilobytes
from project_paths import SUPPORT
from server_certificates import server_context
from socket_watch import WATCH
from waiting import wait_for

from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.testing import Script, ScriptedServer


@pytest.mark.parametrize("options", [{"timeout": 5}, {}])
def test_a_sender_connects_under_the_apps_settings(make_host, mail_server, options):
    """Without a timeout smtplib gives a sign of its own for none."""
    server = mail_server()
    host = make_host(server.port)

    class SMTP(smtplib.SMTP):
        def _get_socket(self, name, port, timeout):
            return host.extension.connect(name, port, timeout)

    with host.app.app_context(), SMTP("localhost", server.port, **options) as smtp:
        assert smtp.ehlo("sender.example.com")[0] == 250


@pytest.mark.parametrize(
    "name", ["localhost", "inside.localhost", "127.0.0.1", "127.1", "metadata", "::1", ""]
)
def test_what_an_import_may_not_reach_a_sender_may_not_either(make_host, mail_server, name):
    server = mail_server()
    host = make_host(server.port, ALLOWED_NETWORKS=[])
    WATCH.begin()
    with host.app.app_context():
        with pytest.raises(socket.gaierror, match="no mail server of this name"):
            host.extension.connect(name, server.port)
        with pytest.raises(PermissionError, match="port 22 is not in"):
            host.extension.connect("smtp.example.com", 22)
    WATCH.on = False
    assert WATCH.connects == []
    assert server.sessions == []


def test_a_dead_server_is_an_oserror(make_host):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    host = make_host(port)
    with host.app.app_context(), pytest.raises(ConnectionRefusedError):
        host.extension.connect("localhost", port, timeout=5)


PASSWORD = "pässwört 密码"


@pytest.fixture
def saved(make_host, mail_server):
    """A mailbox that was tested at a server of these options; the host, and the server."""

    def save(secure: str = "false", settings: dict[str, object] | None = None, **options: object):
        server = mail_server(accounts={"a@x.com": PASSWORD}, **options)
        host = make_host(server.port, **(settings or {}))
        csv = Header + row("a@x.com", PASSWORD, server.port, secure=secure)
        assert host.post(csv).json["data"]["imported"] == 1
        (mailbox,) = host.mailboxes()
        return host, mailbox, server

    return save


@pytest.mark.parametrize(
    ("secure", "options"),
    [
        ("false", {}),
        ("true", {"implicit_tls": True}),
        ("false", {"mechanisms": "LOGIN"}),
    ],
)
def test_a_sender_is_logged_in_as_the_mailbox_was_tested(saved, secure, options):
    host, mailbox, server = saved(secure, **options)
    with host.app.app_context(), host.extension.open_smtp(mailbox) as smtp:
        assert isinstance(smtp, smtplib.SMTP)
        assert isinstance(smtp.sock, ssl.SSLSocket)
        assert smtp.sock.version() in ("TLSv1.2", "TLSv1.3")
    assert len(server.logins) == 2


def test_a_sender_without_a_password_that_is_right_is_told_once_and_shows_none(saved):
    host, mailbox, server = saved()
    server.accounts.clear()
    with host.app.app_context(), pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        host.extension.open_smtp(mailbox)
    assert caught.value.smtp_code == 535
    assert len(server.logins) == 2
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [each for each in shown.stack if "tests" not in Path(each.filename).parts]
    assert ours
    assert not [each for each in ours if PASSWORD in str(each.locals)]


def test_a_sender_does_not_go_on_with_anothers_certificate(saved, ca):
    host, mailbox, server = saved()
    server.context = server_context(ca, "other.example.com")
    with host.app.app_context(), pytest.raises(ssl.SSLCertVerificationError):
        host.extension.open_smtp(mailbox)
    assert len(server.logins) == 1


@pytest.fixture
def untested(make_host):
    """A mailbox on a scripted server, saved without a test; the host, and the server."""
    with contextlib.ExitStack() as stack:

        def save(script: Script, secure: str = "false"):
            server = stack.enter_context(ScriptedServer(script))
            host = make_host(server.port)
            csv = Header + row("a@x.com", PASSWORD, server.port, secure=secure)
            assert host.post(csv, skipConnectionTest="true").json["data"]["imported"] == 1
            return host, host.mailboxes()[0], server

        yield save


ENDLESS = {
    "greeting": [["flood", "220-x\r\n"]],
    "line": [["flood", "x"]],
    "EHLO": [["send", "220 hi\r\n"], ["wait", "EHLO"], ["flood", "250-x\r\n"]],
    "AUTH": [["secured", "AUTH PLAIN"], ["wait", "AUTH"], ["flood", "535-x\r\n"]],
}


@pytest.mark.parametrize("where", ENDLESS)
def test_a_flood_costs_a_sender_no_memory(untested, where):
    host, mailbox, server = untested(ENDLESS[where])
    peak_kilobytes()
    before = peak_kilobytes()
    with host.app.app_context(), pytest.raises(smtplib.SMTPException, match="too long"):
        host.extension.open_smtp(mailbox, timeout=10)
    assert peak_kilobytes() - before < 5 * 1024
    assert b"AUTH" not in server.clear


DRIPPING = {
    "greeting": ("false", [["drip", "220-patience\r\n" * 100, 0.1]]),
    "EHLO": ("false", [["send", "220 hi\r\n"], ["wait", "EHLO"], ["drip", "250-x\r\n" * 99, 0.1]]),
    "TLS": ("true", [["drip", "\x16\x03\x03\x40\x00" + "x" * 200, 0.1]]),
    "AUTH": ("false", [["secured", "AUTH PLAIN"], ["wait", "AUTH"], ["drip", "235-x\r\n", 0.5]]),
    "silence": ("false", []),
}


@pytest.mark.slow
@pytest.mark.parametrize("where", DRIPPING)
def test_a_sender_waits_no_longer_than_its_timeout(untested, where):
    secure, script = DRIPPING[where]
    host, mailbox, server = untested(script, secure)
    with host.app.app_context(), pytest.raises(TimeoutError):
        host.extension.open_smtp(mailbox, timeout=1)
    wait_for(lambda: server.spans)
    # The drip itself takes ten times as long, or three times at AUTH.
    assert server.seconds < 2.5


@pytest.mark.slow
def test_limits_and_deadlines_hold_for_each_reply_after_the_login(untested):
    script = [["secured", "AUTH PLAIN"], ["wait", "AUTH"], ["send", "235 ok\r\n"]]
    host, mailbox, _ = untested([*script, ["wait", "NOOP"], ["flood", "250-x\r\n"]])
    with host.app.app_context():
        client = host.extension.open_smtp(mailbox, timeout=2)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
    host, mailbox, _ = untested([*script, ["wait", "NOOP"], ["drip", "250-x\r\n" * 9, 0.1]])
    with host.app.app_context():
        client = host.extension.open_smtp(mailbox, timeout=1)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


def test_a_long_session_of_a_sender_has_no_limit(saved):
    host, mailbox, server = saved()
    server.replies["NOOP"] = b"250-" + b"x" * 3000 + b"\r\n250 ok\r\n"
    with host.app.app_context(), host.extension.open_smtp(mailbox) as client:
        for _ in range(200):
            assert client.noop()[0] == 250
    wait_for(lambda: server.commands(b"QUIT"))


def test_a_mailbox_saved_in_clear_is_used_so_only_where_that_is_allowed_now(
    make_host, mail_server, tmp_path, context
):
    server = mail_server(context=None)
    database, keys = f"sqlite:///{tmp_path}/one.sqlite", [generate_encryption_key()]
    settings = {"database": database, "ENCRYPTION_KEYS": keys}
    before = make_host(server.port, ALLOW_PLAINTEXT=True, **settings)
    csv = Header + row("a@x.com", PASSWORD, server.port)
    assert before.post(csv).json["data"]["imported"] == 1
    (mailbox,) = before.mailboxes()
    with before.app.app_context(), before.extension.open_smtp(mailbox):
        assert len(server.logins) == 2
    now = make_host(server.port, **settings)
    with now.app.app_context(), pytest.raises(smtplib.SMTPNotSupportedError):
        now.extension.open_smtp(mailbox)
    assert len(server.logins) == 2
    server.context = context
    with now.app.app_context(), now.extension.open_smtp(mailbox) as client:
        assert isinstance(client.sock, ssl.SSLSocket)


@pytest.mark.slow
def test_a_sender_in_a_process_that_gevent_has_patched_waits_no_longer_either(ca_file):
    """There a socket's timeout would count from each byte, in a handshake too."""
    with ScriptedServer([["drip", "\x16\x03\x03\x40\x00" + "x" * 200, 0.1]]) as server:
        report = run_child([], SUPPORT / "sender_child.py", [server.port, ca_file])
    assert report["fault"] == "TimeoutError"
    assert server.seconds < 2.5
