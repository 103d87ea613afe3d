"""Files of other tools import as they are: their headers, in every dialect, give the same rows."""

from __future__ import annotations

import csv
import io

import pytest
from file_reading import CONFIG, read
from project_paths import read_data

from flask_mailbox_import.core.errors import FileError
from flask_mailbox_import.core.mailboxes import Mailbox, Security

VENDORS = read_data("vendor_headers.json")

#: What the data says that a column means -> the values of three rows.
VALUES = {
    "email": ("ann@x.test", "zoe.b@müller.test", "carl@x.test"),
    "password": ("pä,ss;w|rd", 'say "hi"', " sp ace "),
    "smtp_host": ("smtp.x.test", "smtp.müller.test", "smtp.x.test"),
    "smtp_port": ("587", "465", "2525"),
    "smtp_secure": ("starttls", "ssl", "starttls"),
    "smtp_username": ("ann", "zoë", "carl"),
    "smtp_password": ("out,1", "out;2", "out 3"),
    "imap_host": ("imap.x.test", "imap.müller.test", ""),
    "imap_port": ("993", "143", "993"),
    "imap_secure": ("ssl", "starttls", "ssl"),
    "imap_username": ("ann-in", "zoë-in", "carl-in"),
    "imap_password": ("in,1", "in;2", "in 3"),
    "display_name": ("Ann Ögren", "Zoë Müller", "Carl Łuk"),
    None: ("1", "true", "50"),
}
NEEDED = {"email", "smtp_host", "imap_host"}
WHOLE = [
    each
    for each in VENDORS
    if set(each["mapping"].values()) >= NEEDED
    and {"password", "smtp_password"} & set(each["mapping"].values())
]


def lines_of(vendor: dict) -> list[list[str]]:
    names = [name for name, meaning in vendor["mapping"].items() if meaning == "display_name"]

    def cell(name: str, meaning: str | None, row: int) -> str:
        value = VALUES[meaning][row]
        return value.split(" ")[names.index(name)] if name in names and len(names) > 1 else value

    rows = ([cell(*each, row) for each in vendor["mapping"].items()] for row in range(3))
    return [list(vendor["mapping"]), *rows]


def written(lines: list[list[str]], delimiter: str, encoding: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(lines)
    return text.getvalue().encode(encoding)


def seen(mailbox: Mailbox | None) -> tuple:
    assert mailbox is not None
    logins = [each for each in (mailbox.smtp, mailbox.imap) if each]
    return (
        mailbox.email,
        mailbox.display_name,
        *((*astuple(each), each.password.reveal()) for each in logins),
    )


def astuple(login) -> tuple:
    return login.host, login.port, login.security, login.username


def expected(vendor: dict, row: int) -> tuple:
    meanings = set(vendor["mapping"].values())

    def value(*names: str) -> str:
        return next((VALUES[name][row] for name in names if name in meanings), "")

    email = VALUES["email"][row]
    user = value("smtp_username") or email
    # One user name for both logins, where a file has one column of that name.
    shared = user if "user_name" in vendor["mapping"] else email
    port, imap_port = int(value("smtp_port") or 587), int(value("imap_port") or 993)
    tls, starttls = Security.TLS, Security.STARTTLS
    smtp = (
        value("smtp_host").encode("idna").decode(),
        port,
        tls if port == 465 else starttls,
        user,
        value("smtp_password", "password"),
    )
    found = (email, value("display_name"), smtp)
    if not value("imap_host"):
        return found
    imap = (
        value("imap_host").encode("idna").decode(),
        imap_port,
        starttls if imap_port == 143 else tls,
        value("imap_username") or shared,
        value("imap_password", "password"),
    )
    return (*found, imap)


@pytest.mark.parametrize("vendor", WHOLE, ids=lambda vendor: vendor["vendor"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_vendors_file_imports_as_it_is(vendor, delimiter, encoding):
    check = read(written(lines_of(vendor), delimiter, encoding), CONFIG)
    rows, notices = check.rows, check.warnings
    assert [seen(each.mailbox) for each in rows] == [expected(vendor, row) for row in range(3)]
    unused = {name for name, meaning in vendor["mapping"].items() if meaning is None}
    # Mailreach names STARTTLS in a column of its own, which is read.
    assert {each.column for each in notices} == unused - {"smtp_server_starttls"}


@pytest.mark.parametrize(
    "vendor", [each for each in VENDORS if each not in WHOLE], ids=lambda vendor: vendor["vendor"]
)
def test_a_vendors_file_without_servers_or_passwords_is_told_what_it_lacks(vendor):
    with pytest.raises(FileError) as caught:
        read(written(lines_of(vendor), vendor["delimiter"], "utf-8"), CONFIG)
    fault = caught.value
    assert fault.reason == "missing_column"
    meanings = set(vendor["mapping"].values())
    assert fault.details["found"] == list(vendor["mapping"])
    assert set(fault.details["missing"]) == {
        name
        for name, meaning in (("smtphost", "smtp_host"), ("imaphost", "imap_host"))
        if meaning not in meanings
    } | ({"password"} if vendor["vendor"].startswith("Snov.io") else set())


def test_most_vendors_files_are_whole():
    assert len(WHOLE) >= 10
