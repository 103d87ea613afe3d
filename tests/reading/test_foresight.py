"""What is known to make a connection test fail is said before it."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, read

HEADER = "email,password,smtphost,imaphost\n"


def said(*lines: str) -> list[tuple[int, str, str, str]]:
    found = read((HEADER + "".join(f"{each}\n" for each in lines)).encode(), CONFIG)
    assert [row.failure for row in found.rows] == [None] * len(lines)
    return [
        (each.row, each.column, each.code, str(each.message)) for each in found.summary().warnings
    ]


def codes(*lines: str) -> list[tuple[str, str]]:
    return [(column, code) for _, column, code, _ in said(*lines)]


@pytest.mark.parametrize(
    "line",
    [
        "a@outlook.com,pw,smtp-mail.outlook.com,",
        "a@hotmail.com,pw,smtp.office365.com,",
        "a@live.com,pw,smtp-mail.outlook.com,",
    ],
)
def test_a_provider_that_takes_no_password_is_named(line):
    ((_, column, code, message),) = said(line)
    assert (column, code) == ("email", "no_password_login")
    assert message.startswith("Outlook.com lets no program log in")


@pytest.mark.parametrize("password", ["hunter2", "abcdefghijklmno", "1234" * 4])
def test_a_password_without_the_form_of_an_app_password_is_said(password):
    line = f"a@gmail.com,{password},smtp.gmail.com,"
    assert ("password", "app_password_expected") in codes(line)
    assert password not in str(said(line))


@pytest.mark.parametrize(
    "password", ["abcdefghijklmnop", "abcd efgh ijkl mnop", "ABCDEFGHIJKLMNOP"]
)
def test_an_app_password_is_not_remarked_on(password):
    assert codes(f"a@gmail.com,{password},smtp.gmail.com,") == []
    assert codes("a@x.com,pw,smtp.gmail.com,") == [("password", "app_password_expected")]


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        *(("smtp.gmial.com", "smtp.gmail.com"), ("smtp.gmai.com", "smtp.gmail.com")),
        *(("smtp.gmaill.com", "smtp.gmail.com"), ("smpt.gmail.com", "smtp.gmail.com")),
        *(
            ("smtp.office356.com", "smtp.office365.com"),
            ("smtp.offce365.com", "smtp.office365.com"),
        ),
    ],
)
def test_a_typing_error_in_the_name_of_a_known_server_is_asked_about(host, meant):
    messages = [
        message for *_, code, message in said(f"a@x.com,pw,{host},") if code == "server_typo"
    ]
    assert messages == ([f"The server is {host}: did you mean {meant}?"] if meant else [])


def test_the_server_for_reading_is_asked_about_too():
    line = "a@x.com,abcdefghijklmnop,smtp.gmail.com,imap.gmial.com"
    ((_, column, code, message),) = said(line)
    assert (column, code) == ("imaphost", "server_typo")
    assert message == "The server is imap.gmial.com: did you mean imap.gmail.com?"
    right = [f"a{n}@x.com,pw,smtp.example.com,imap.example.com" for n in range(4)]
    wrong = "b@x.com,pw,smtp.example.com,imap.exmaple.com"
    assert codes(*right, wrong) == [("imaphost", "server_typo")]


def test_a_providers_servers_in_each_others_columns_are_asked_about():
    found = said("a@x.com,abcdefghijklmnop,imap.gmail.com,smtp.gmail.com")
    assert {column: message for _, column, _, message in found} == {
        "smtphost": "The server is imap.gmail.com: did you mean smtp.gmail.com?",
        "imaphost": "The server is smtp.gmail.com: did you mean imap.gmail.com?",
    }
    # The one server of both protocols, and a server whose name tells nothing.
    assert codes("a@x.com,pw,outlook.office365.com,outlook.office365.com") == []
    assert codes("a@x.com,pw,mail.gandi.net,mail.gandi.net") == []


def test_the_files_own_majority_tells_typing_errors_too():
    right = [f"a{n}@x.com,pw,smtp.example.com," for n in range(4)]
    assert codes(*right, "b@x.com,pw,smtp.exmaple.com,") == [("smtphost", "server_typo")]
    # Too few to be the right one; and a server by another number is another one.
    assert codes(*right[:2], "b@x.com,pw,smtp.exmaple.com,") == []
    assert codes(*right, "b@x.com,pw,smtp2.example.com,") == []
    known = [f"a{n}@x.com,pw,smtp.mail.com," for n in range(6)]
    assert codes(*known, "b@x.com,abcdefghijklmnop,smtp.gmail.com,") == []
    numbered = [f"a{n}@x.com,pw,smtp1.example.com," for n in range(4)]
    assert codes(*numbered, "b@x.com,pw,smtp2.example.com,") == []


def test_the_addresses_own_domain_tells_typing_errors_too():
    (found,) = said("ann@example.com,pw,smtp.exmaple.com,")
    assert "did you mean smtp.example.com?" in found[3]
    # The server is a known one: the address may be wrong.
    assert codes("ann@gmial.com,abcdefghijklmnop,smtp.gmail.com,") == []


@pytest.mark.parametrize(
    "line",
    ["a@x.com,pw,smtp.mail.com,", "a@gmial.com,pw,smtp.gmial.com,", "a@x.com,pw,smtp.x.com,"],
)
def test_a_right_name_is_not_asked_about(line):
    assert "server_typo" not in [code for _, code in codes(line)]


def test_a_server_that_receives_only_is_named():
    (found,) = said("a@x.com,pw,x-com.mail.protection.outlook.com,")
    assert found[1:3] == ("smtphost", "receives_only")
    assert "use smtp.office365.com" in found[3]


@pytest.mark.parametrize(
    "line",
    [
        "ann@gmail.com,internal-pass,smtp.acme-relay.com,",
        "ann@outlook.com,pw,mail.in-house.example,",
        "ann@x.com,pw,smtp-relay.gmail.com,",
    ],
)
def test_what_a_provider_takes_is_of_its_own_servers_only(line):
    assert codes(line) == []


def test_what_fails_or_is_skipped_has_no_foresight():
    found = read((HEADER + "bad,pw,smtp.gmial.com,\n").encode(), CONFIG)
    assert found.summary().warnings == ()
