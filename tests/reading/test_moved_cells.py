"""Cells that stand in other columns or are separated otherwise: named, and no password is shown."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, HEADER, read

from flask_mailbox_import.core.codes import Code

HOSTS = "smtp.x.com,imap.x.com"
CANARY = "c4n4ry"


def row_of(line: str, header: str = HEADER):
    (row,) = read((header + line).encode(), CONFIG).rows
    return row


def warnings_of(line: str, header: str = HEADER) -> list[tuple[str, str]]:
    return [(each.column, each.code) for each in row_of(line, header).record.warnings]


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (f"ann@x.com,smtp.x.com,{CANARY}.one,imap.x.com\n", HEADER),
        (f"{CANARY},smtp.x.com,imap.x.com,\n", HEADER),
        (f"{CANARY},bob@x.com,{HOSTS}\n", HEADER),
        (f"ann@x.com,{CANARY},{HOSTS}\n", "Password,Email,SMTP,IMAP\n"),
        (f"ann@x.com;s3,b,{CANARY}.com;smtp.x.com;imap.x.com\n", HEADER),
        (f"ann@x.com\ts3,b,{CANARY}.com\tsmtp.x.com\timap.x.com\n", HEADER),
    ],
)
def test_a_row_whose_cells_have_moved_shows_none_of_them(line, header):
    row = row_of(line, header)
    assert row.failure.code is Code.WRONG_COLUMN_COUNT
    assert CANARY not in repr((row.failure.text, row.record, row.record.cells))


def test_several_addresses_in_a_cell_are_no_other_delimiter():
    assert row_of(f"ann@x.com;bob@x.com,pw,{HOSTS}\n").failure.code is Code.INVALID_EMAIL


def test_the_address_as_password_is_said():
    assert ("password", "placeholder_password") in warnings_of(f"ann@x.com,Ann@x.com,{HOSTS}\n")


@pytest.mark.parametrize("local", ["!bob", "*bob", "~bob", "?bob", "$bob", "/bob"])
def test_an_address_behind_the_mark_of_a_row_is_not_tested(local):
    failure = row_of(f"{local}@x.com,pw,{HOSTS}\n").failure
    assert failure.code is Code.INVALID_EMAIL
    assert f"'{local[0]}'" in failure.error


@pytest.mark.parametrize("local", ["-bob", "=bob", "_bob", "+bob", "b!ob", "b/ob", "#bob"])
def test_other_signs_may_be_in_an_address(local):
    assert row_of(f'"{local}@x.com",pw,{HOSTS}\n').failure is None


def test_an_apostrophe_before_every_cell_is_said_of_the_password_too():
    line = "'ann@x.com,'s3cret,'smtp.x.com,'imap.x.com\n"
    assert ("password", "formula_guard") in warnings_of(line)
    assert warnings_of(f"ann@x.com,'s3cret,{HOSTS}\n") == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("********", "read_as_empty"), ("Full email address", "read_as_empty")),
        *(("a&amp;b", "html_entities"), ("'=ann", "formula_guard"), ("jo\u0430n", "look_alike")),
    ],
)
def test_a_user_name_is_looked_at_as_other_cells_are(name, code):
    header = "email,smtpusername,password,smtphost,imaphost\n"
    assert warnings_of(f"ann@x.com,{name},pw,{HOSTS}\n", header) == [("smtpusername", code)]


def test_the_same_delimiters_behind_the_last_cell_of_each_row_are_no_password():
    header = "email;smtphost;imaphost;password\n"
    lines = [f"{name}@x.com;smtp.x.com;imap.x.com;{name}pw,,\n" for name in ("ann", "bob")]

    def passwords(*lines: str) -> list[str]:
        rows = read((header + "".join(lines)).encode(), CONFIG).rows
        return [each.mailbox.smtp.password.reveal() for each in rows]

    assert passwords(*lines) == ["annpw", "bobpw"]
    # One row alone may be so, and all may have the same password.
    assert passwords(lines[0]) == ["annpw,,"]
    same = [each.replace("bobpw", "annpw") for each in lines]
    assert passwords(*same) == ["annpw,,", "annpw,,"]


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u2003"])
def test_blanks_in_front_of_a_quotation_mark_are_dropped(blank):
    row = row_of(f'ann@x.com,{blank}"s3,cret",{HOSTS}\n')
    assert row.mailbox.smtp.password.reveal() == "s3,cret"


def test_nuls_behind_the_last_line_are_its_end():
    assert row_of(f"ann@x.com,pw,{HOSTS}\n" + "\0" * 20).failure is None
