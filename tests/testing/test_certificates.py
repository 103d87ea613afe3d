"""For which names the certificates of the servers are, and how long."""

from __future__ import annotations

import datetime
import ssl

import pytest
from mail_clients import connected

from flask_mailbox_import.testing import IMAPServer, MailServer, server_context


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
