"""Rows that were pasted, with the names of columns and without."""

from __future__ import annotations

import csv
import io

import pytest

from flask_mailbox_import.reading.pasted import pasted_file


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a@x.com, pw\nb@x.com,pw2\n", [("a@x.com", "pw"), ("b@x.com", "pw2")]),
        ("a@x.com;p;w\n", [("a@x.com", "p;w")]),
        ("a@x.com\tpw, 1\r\n\r\nb@x.com\tpw\r\n", [("a@x.com", "pw, 1"), ("b@x.com", "pw")]),
        ('<a@x.com>, p"w', [("a@x.com", 'p"w')]),
        ("a@x.com,\n", [("a@x.com", "")]),
        ("a@x.com,p.w\nb@x.com,pw,smtp.x.com", [("a@x.com", "p.w"), ("b@x.com", "pw,smtp.x.com")]),
    ],
)
def test_without_headings_they_are_addresses_and_passwords(text, rows):
    assert read(text) == [("email", "password"), *rows]


def read(text: str) -> list[tuple[str, ...]]:
    return [tuple(each) for each in csv.reader(io.StringIO(pasted_file(text).decode(), newline=""))]


@pytest.mark.parametrize("delimiter", [",", ", ", ";", "\t"])
def test_servers_may_stand_behind_them(delimiter):
    lines = [("a@x.com", "p1", "smtp.x.com", "imap.x.com"), ("b@x.com", "p2", "s.y.com", "i.y.com")]
    text = "\n".join(delimiter.join(each) for each in lines)
    assert read(text) == [("email", "password", "smtphost", "imaphost"), *lines]
    one = "\n".join(delimiter.join(each[:3]) for each in lines)
    assert read(one)[0] == ("email", "password", "smtphost")


@pytest.mark.parametrize(
    "text",
    [
        "email,password\na@x.com,pw\n",
        "Mail\tPass\na@x.com\tpw\n",
        "a@x.com,pw\nno address,pw\n",
        "a@x.com pw\n",
        "",
        "\n",
    ],
)
def test_with_headings_or_with_what_is_no_row_they_are_left_as_they_are(text):
    assert pasted_file(text) == text.encode()
