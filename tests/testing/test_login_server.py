"""Replies by command, and a pause before each."""

from __future__ import annotations

import smtplib
import time

import pytest
from mail_clients import ANN

from flask_mailbox_import.testing import CLOSE, SMTPServer


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


def test_a_login_is_answered_after_the_pause(smtp):
    with SMTPServer(pause=0.2) as server:
        client = smtp(server.port)
        client.ehlo()
        start = time.monotonic()
        client.login(ANN, "right")
        assert time.monotonic() - start >= 0.2
