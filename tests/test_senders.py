"""The guarded connection for whoever uses a saved mailbox later."""

from __future__ import annotations

import smtplib
import socket

import pytest
from watch import WATCH


def test_a_sender_connects_under_the_apps_settings(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)

    class SMTP(smtplib.SMTP):
        def _get_socket(self, name, port, timeout):
            return host.extension.connect(name, port, timeout)

    with host.app.app_context(), SMTP("localhost", server.port, timeout=5) as smtp:
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
