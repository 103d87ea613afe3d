"""What is wrong with a whole file: named, in words that help, and nothing of it repeated."""

from __future__ import annotations

import re
import unicodedata

import pytest
from file_reading import HEADER, fault_of, fault_or_count
from mailbox_files import SHORT_HEADER

from flask_mailbox_import import FileError


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf\r\n  \r\n", "empty_file"),
        (HEADER.encode(), "no_rows"),
        ((HEADER + ",,,\n\n").encode(), "no_rows"),
        ((HEADER + "b@x.com,pässword,h,").encode("latin-1"), "unreadable_encoding"),
        ((HEADER + "b@x.com,pw,h,").encode("utf-16") + b"x", "unreadable_encoding"),
        (b"PK\x03\x04rest", "not_a_table"),
        (b"%PDF-1.7", "not_a_table"),
        (b"a," * 1000 + b"\nx,", "not_a_table"),
        (b"email,password\nb@x.com,pw", "missing_column"),
        (b"hello world\nfoo", "missing_column"),
        (HEADER.replace("imaphost", "imaphost,E_Mail").encode() + b"a", "duplicate_column"),
        (HEADER.encode() + b'b@x.com,"pw,smtp.x.com,\n' * 3, "malformed_csv"),
        (HEADER.encode() + b"b@x.com,p\rw,smtp.x.com,\n", "malformed_csv"),
        (HEADER.encode() + b"b,p,s,i\n" * 501, "too_many_rows"),
    ],
)
def test_faults_of_a_file(data, reason):
    assert fault_of(data).reason == reason
    assert fault_of(data).message.endswith((".",))


def test_faults_of_a_file_name_what_to_look_for():
    assert fault_of("email,password\nx,y").details == {
        "missing": ["smtphost", "imaphost"],
        "found": ["email", "password"],
    }
    assert fault_of(HEADER + 'a,b,c,d\na,"b,c,d\n').details == {"row": 3}
    assert fault_of(HEADER + "b,p,s,i\n" * 501).details == {"rows": 501, "maxRows": 500}


def test_a_file_without_a_header_is_not_repeated():
    for data in ("a@x.com,CANARY,smtp.x.com,i\n", "email,CANARY,b@x.com,password\n"):
        found = fault_of(data + "b@x.com,pw,smtp.x.com,i\n")
        assert found.reason == "missing_column"
        assert "CANARY" not in f"{found.message} {found.details}"


def test_a_fault_of_a_file_holds_nothing_of_it():
    found = fault_of((HEADER + "b@x.com,CANARY\xe9,h,").encode("latin-1"))
    assert found.__context__ is None


@pytest.mark.parametrize(
    "header",
    [
        b"email,password,\x1b[31mred\x1b]0;x\x07,imaphost",
        "email,password,\u202ered,imaphost".encode(),
        b"email,password,\x1bsmtphost,\x1bsmtp host,imaphost",
        (b"password" + b"." * 110 + b",") * 80 + b"email,smtphost,imaphost",
    ],
)
def test_the_words_of_a_fault_are_short_and_can_be_printed(header):
    found = fault_or_count(header + b"\na,b,c,d\n")
    assert isinstance(found, FileError)
    assert len(found.message) < 3000
    assert not any(unicodedata.category(each) in ("Cc", "Cf") for each in found.message)


@pytest.mark.parametrize(
    "data", [SHORT_HEADER, b"email,password,smtphost\na@x.com,pw,smtp.x.com\n"]
)
def test_a_fault_says_what_to_do(data):
    found = fault_or_count(data)
    assert isinstance(found, FileError)
    assert re.search(r"\b([Aa]dd|[Rr]ename|[Pp]ut|[Ww]rite|[Mm]ap|[Cc]hoose) ", found.message)
