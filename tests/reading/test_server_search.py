"""Servers that a row does not name, found by the domain of its address."""

from __future__ import annotations

from dataclasses import replace

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
    "long.example": DomainServers(is_unanswered=True, is_too_long=True),
    "both.example": replace(OWN, suggested_smtp=OTHER.suggested_smtp),
    "xn--mnchen-3ya.example": OWN,
    "gmial.com": DomainServers(
        smtp=FoundServer(server=Server("smtp.gmial.com", 465, Security.TLS))
    ),
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


SENDING_ONLY = "smtp.sendgrid.net"


def test_each_half_without_an_answer_is_said_once():
    header = "email,password,smtphost,imaphost\n"
    lines = "a@silent.example,pw,smtp.x.com,\nb@silent.example,pw,,i.x.com\n"
    (first, second), _ = found(header + lines)
    assert first.mailbox is not None
    assert warnings_of(first) == [("imaphost", "not_looked_up")]
    assert first.record.warnings[0].message == (
        "The column imaphost is empty, and the servers of silent.example could not be looked up: "
        "fill it in, or import the row again later."
    )
    assert warnings_of(second) == [("smtphost", "not_looked_up")]


def test_of_a_domain_that_is_never_asked_for_nothing_is_said_of_later():
    (row,), _ = found("email,password\nann@long.example,pw\n")
    assert row.record.warnings[0].message == (
        "The column smtphost is empty, and the servers of long.example could not be looked up: "
        "fill it in."
    )


def test_a_suggestion_is_said_with_its_port_and_encryption():
    (row,), _ = found("email,password\nann@away.example,pw\n")
    assert row.record.warnings[0].message == (
        "away.example names mail.other.example, port 465, which belongs to another domain: it is "
        "not used. If you know this server, fill in smtphost=mail.other.example, smtpport=465, "
        "smtpsecure=true."
    )


def test_a_suggestion_beside_a_server_that_is_found_is_said_too():
    (row,), _ = found("email,password\nann@both.example,pw\n")
    assert row.mailbox.smtp.host == "smtp.own.example"
    assert warnings_of(row)[:2] == [
        *(("smtphost", "server_found"), ("smtphost", "server_suggested")),
    ]


def test_a_domain_is_said_as_the_file_has_it():
    (row,), _ = found("email,password\nann@M\u00fcnchen.example,pw\n")
    assert row.mailbox.smtp.host == "smtp.own.example"
    assert "was found for m\u00fcnchen.example." in row.record.warnings[0].message


@pytest.mark.parametrize(
    ("header", "cells", "host"),
    [
        ("email,password,smtphost", f"{SENDING_ONLY}", None),
        ("email,smtppassword,smtphost", f"{SENDING_ONLY}", None),
        ("email,password,smtphost,imappassword", f"{SENDING_ONLY},other", "imap.own.example"),
        ("email,password,smtphost,smtppassword", f"{SENDING_ONLY},key", "imap.own.example"),
        ("email,password,smtphost,imappassword", f"{SENDING_ONLY},pw", None),
        ("email,password,smtphost", "smtp.x.com", "imap.own.example"),
    ],
)
def test_a_key_that_is_for_sending_gets_no_server_for_reading(header, cells, host):
    (row,), _ = found(f"{header}\nann@own.example,pw,{cells}\n")
    assert row.failure is None
    assert (row.mailbox.imap.host if row.mailbox.imap else None) == host


def test_a_key_that_is_for_sending_at_the_server_of_all_rows():
    (row,), _ = found("email,password\nann@own.example,pw\n", servers={"smtphost": SENDING_ONLY})
    assert row.mailbox.imap is None


def test_rows_that_cannot_pass_spend_no_question():
    lines = "a@own.example,pw\nb@own.example,\nc@away.example,\nd@gmail.com,\n"
    (_, second, third, fourth), look = found(f"email,password\n{lines}", kept={})
    assert look.asked == [("own.example",)]
    assert warnings_of(second)[0] == ("smtphost", "server_found")
    assert warnings_of(third) == []
    # The table costs nothing, and the hint names what is missing.
    assert warnings_of(fourth)[0] == ("smtphost", "server_found")
    assert fourth.failure.hint == "Fill in the column password."


KEPT = {
    "ann@own.example": {
        "smtphost": "relay.my.example",
        "smtpport": "2525",
        "smtpsecure": "false",
        "smtpusername": "relay-ann",
        "imaphost": "",
        "imapport": "",
        "imapsecure": "",
        "imapusername": "",
    }
}


def test_a_mailbox_that_is_there_keeps_its_servers_and_is_asked_for_only_where_it_is_updated():
    text = "email,password\nAnn@own.example,new\n"
    (row,), look = found(text, kept=KEPT)
    assert look.asked == []
    assert row.failure.code is Code.DUPLICATE
    (row,), look = found(text, kept=KEPT, on_duplicate="update")
    assert look.asked == [("own.example",)]
    smtp = row.mailbox.smtp
    assert (smtp.host, smtp.port, smtp.username) == ("relay.my.example", 2525, "relay-ann")
    assert row.mailbox.imap.host == "imap.own.example"
    assert warnings_of(row) == [("smtphost", "server_kept"), ("imaphost", "server_found")]
    assert row.record.warnings[0].message == (
        "The column smtphost was empty: the mailbox keeps its server relay.my.example, port 2525."
    )


def test_what_a_row_names_comes_before_what_its_mailbox_has():
    text = "email,password,smtphost,smtpusername\nann@own.example,new,smtp.new.example,me\n"
    (row,), _ = found(text, kept=KEPT, on_duplicate="update")
    assert (row.mailbox.smtp.host, row.mailbox.smtp.username) == ("smtp.new.example", "me")


def test_a_typing_error_in_the_domain_is_asked_about_where_its_own_dns_names_the_server():
    (row,), _ = found("email,password\nann@gmial.com,pw\n")
    assert [each.message for each in row.record.warnings if each.code == "server_typo"] == [
        "The server is smtp.gmial.com: did you mean smtp.gmail.com?"
    ]
    text = "email,password,smtphost\nann@gmial.com,pw,smtp.gmial.com\n"
    (row,), _ = found(text)
    assert ("smtphost", "server_typo") not in warnings_of(row)
