"""The mail server of a host's test: it answers by address, and writes rows of a CSV."""

from __future__ import annotations

import csv
import imaplib
import io
import smtplib

import pytest
from mail_clients import ANN, opened

from flask_mailbox_import.testing import CLOSE, MailServer, csv_file

APP_PASSWORD = b"534 5.7.9 Application-specific password required"


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
