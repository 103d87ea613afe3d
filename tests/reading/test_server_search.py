"""Servers that a row does not name, found by the domain of its address."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, read, warnings_of

from flask_mailbox_import import FileError
from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.found_servers import DomainServers, FoundServer
from flask_mailbox_import.core.mailboxes import Security
from flask_mailbox_import.core.providers import Server, Username

OWN = DomainServers(
    smtp=FoundServer(server=Server("smtp.own.example", 587, Security.STARTTLS)),
    imap=FoundServer(
        server=Server("imap.own.example", 993, Security.TLS), username=Username.LOCAL_PART
    ),
)
OTHER = DomainServers(suggested_smtp=Server("mail.other.example", 465, Security.TLS))
ZONE = {
    "own.example": OWN,
    "away.example": OTHER,
    "silent.example": DomainServers(is_unanswered=True),
}


class Look:
    """Answers from ``ZONE``, and keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, domains):
        self.asked.append(tuple(domains))
        return {each: ZONE.get(each, DomainServers()) for each in domains}


def found(text: str, **given):
    look = Look()
    return read(text.encode(), CONFIG, find=look, find_servers=True, **given).rows, look


def test_an_address_and_a_password_are_enough():
    (row,), _ = found("email,password\nann@own.example,pw\n")
    smtp, imap = row.mailbox.smtp, row.mailbox.imap
    assert (smtp.host, smtp.port, smtp.security) == ("smtp.own.example", 587, Security.STARTTLS)
    assert (smtp.username, imap.username) == ("ann@own.example", "ann")
    assert warnings_of(row) == [("smtphost", "server_found"), ("imaphost", "server_found")]
    assert row.record.warnings[0].message == (
        "The column smtphost was empty: smtp.own.example, port 587, was found for own.example."
    )


def test_a_half_that_a_row_names_is_its_own():
    header = "email,password,smtphost,smtpport,imaphost,imapusername\n"
    text = f"{header}ann@own.example,pw,smtp.my.example,2525,,me\n"
    (row,), _ = found(text)
    assert (row.mailbox.smtp.host, row.mailbox.smtp.port) == ("smtp.my.example", 2525)
    assert (row.mailbox.imap.host, row.mailbox.imap.username) == ("imap.own.example", "me")


def test_a_half_is_taken_as_a_whole():
    (row,), _ = found("email,password,smtpport,smtpsecure\nann@own.example,pw,465,true\n")
    assert (row.mailbox.smtp.port, row.mailbox.smtp.security) == (587, Security.STARTTLS)


def test_a_server_for_all_rows_comes_first():
    (row,), _ = found("email,password\nann@own.example,pw\n", servers={"smtphost": "s.my.example"})
    assert (row.mailbox.smtp.host, row.mailbox.imap.host) == ("s.my.example", "imap.own.example")


def test_what_is_only_suggested_is_not_used():
    (row,), _ = found("email,password\nann@away.example,pw\n")
    assert row.failure.code is Code.MISSING_CREDENTIALS
    assert row.failure.error == "Missing SMTP host or password"
    assert warnings_of(row) == [("smtphost", "server_suggested")]


def test_what_was_not_looked_up_is_said():
    (row,), _ = found("email,password\nann@silent.example,pw\n")
    assert row.failure.code is Code.MISSING_CREDENTIALS
    assert warnings_of(row) == [("smtphost", "not_looked_up")]


def test_a_domain_is_asked_for_once_and_only_where_a_server_is_missing():
    header = "email,password,smtphost,imaphost\n"
    lines = "a@own.example,p,,\nB@OWN.example,p,,\nc@x.example,p,s.x.example,i.x.example\nno,p,,\n"
    rows, look = found(header + lines)
    assert look.asked == [("own.example",)]
    assert [each.mailbox is not None for each in rows] == [True, True, True, False]
    assert found(f"{header}c@x.example,p,s.x.example,i.x.example\n")[1].asked == []


def test_without_the_option_the_contract_stands():
    with pytest.raises(FileError, match="smtphost"):
        read(b"email,password\nann@own.example,pw\n", CONFIG, find=Look())
    text = b"email,password,smtphost,imaphost\nann@own.example,pw,,\n"
    (row,) = read(text, CONFIG, find=Look()).rows
    assert row.failure.error == "Missing SMTP host or password"
    assert row.record.warnings == ()
