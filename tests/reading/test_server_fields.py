"""What a call says of the servers of all rows, for the cells that are empty."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, read

from flask_mailbox_import import FileError
from flask_mailbox_import.core.errors import UnclearFile
from flask_mailbox_import.core.imports import InvalidOption
from flask_mailbox_import.core.mailboxes import Security

SERVERS = {"smtphost": "smtp.x.com", "imaphost": "imap.x.com"}


def mailboxes(text: str, **servers: str):
    return [each.mailbox for each in read(text.encode(), CONFIG, servers=servers).rows]


def test_a_file_of_addresses_and_passwords_is_enough():
    (found,) = mailboxes("email,password\na@x.com,pw\n", **SERVERS)
    assert (found.smtp.host, found.smtp.port, found.smtp.security) == (
        *("smtp.x.com", 587),
        Security.STARTTLS,
    )
    assert (found.imap.host, found.imap.port, found.imap.security) == (
        *("imap.x.com", 993),
        Security.TLS,
    )


def test_only_empty_cells_are_filled():
    header = "email,password,smtphost,smtpport,imaphost\n"
    text = f"{header}a@x.com,pw,own.y.com,,\nb@x.com,pw,,2525,i.y.com\n"
    first, second = mailboxes(text, **SERVERS, smtpport="465", smtpsecure="true")
    assert (first.smtp.host, first.smtp.port, first.imap.host) == ("own.y.com", 465, "imap.x.com")
    assert (second.smtp.host, second.smtp.port, second.imap.host) == ("smtp.x.com", 2525, "i.y.com")
    assert second.smtp.security is Security.TLS


def test_a_port_behind_a_rows_own_host_is_its_own():
    (found,) = mailboxes("email,password,smtphost\na@x.com,pw,own.y.com:2525\n", smtpport="465")
    assert (found.smtp.host, found.smtp.port) == ("own.y.com", 2525)


def test_a_server_is_read_as_that_of_a_row():
    check = read(
        b"email,password\na@x.com,pw\n", CONFIG, servers={"smtphost": "smtps://smtp.x.com"}
    )
    (row,) = check.rows
    assert (row.mailbox.smtp.port, row.mailbox.smtp.security) == (465, Security.TLS)
    assert [(each.row, each.column, each.code) for each in check.warnings] == [
        (0, "smtphost", "read_as")
    ]
    assert row.mailbox.imap is None


def test_a_row_that_cannot_be_read_is_not_filled():
    check = read(b"email,password\na@x.com,pw,more\n", CONFIG, servers=SERVERS)
    assert check.rows[0].failure.code == "wrong_column_count"
    assert check.rows[0].record.cells["smtphost"] == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("smtphost", "127.0.0.1"), ("smtphost", "no host"), ("imaphost", "localhost")),
        *(("smtpport", "22"), ("imapport", "many"), ("smtpsecure", "maybe")),
        ("smtphost", "x" * 300),
    ],
)
def test_a_wrong_value_is_refused_before_the_file_is_read(name, value):
    with pytest.raises(FileError) as caught:
        read(b"", CONFIG, servers={name: value})
    assert caught.value.reason == "invalid_field"
    assert caught.value.details == {"field": name}
    assert name in caught.value.message


def test_another_name_is_refused():
    with pytest.raises(InvalidOption):
        read(b"", CONFIG, servers={"password": "pw"})


def test_a_value_that_is_no_text_is_refused():
    with pytest.raises(ValueError, match="write smtpport as a text, such as '587'"):
        read(b"", CONFIG, servers={"smtpport": 587})


@pytest.mark.parametrize("servers", [{}, {"smtphost": " "}])
def test_without_servers_a_file_has_its_four_columns(servers):
    with pytest.raises(FileError) as caught:
        read(b"email,password\na@x.com,pw\n", CONFIG, servers=servers)
    assert caught.value.details["missing"] == ["smtphost", "imaphost"]


def test_a_file_without_passwords_is_asked_about_no_servers():
    with pytest.raises(FileError) as caught:
        read(b"email\na@x.com\n", CONFIG, servers=SERVERS)
    assert caught.value.details["missing"] == ["password"]


def test_an_unclear_encoding_is_asked_about_first():
    text = "email,password,displayname\na@x.com,pw,Zo\xeb M\xfcller\n".encode("cp1252")
    with pytest.raises(UnclearFile) as caught:
        read(text, CONFIG, servers=SERVERS)
    assert caught.value.question.encodings[0].name == "windows-1252"
    found = read(text, CONFIG, servers=SERVERS, encoding="windows-1252")
    assert found.rows[0].mailbox.display_name == "Zo\xeb M\xfcller"
