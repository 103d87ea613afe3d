"""The guarded connection for whoever uses a saved mailbox later."""

from __future__ import annotations

import smtplib
import socket
import ssl
import traceback
from pathlib import Path

import pytest
from mailbox_files import Header, row
from server_certificates import server_context
from socket_watch import WATCH


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
