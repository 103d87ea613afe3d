"""The SMTP server for tests, with the client of the standard library."""

from __future__ import annotations

import smtplib

import pytest
from mail_clients import ANN

from flask_mailbox_import.testing import SMTPServer, server_context


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
