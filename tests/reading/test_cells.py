"""What spreadsheets and copying do to cells: taken out, said, or kept."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, HEADER, checked_row, mailbox_of, read, rows_of, warnings_of

from flask_mailbox_import import Code
from flask_mailbox_import.core.errors import FileError


@pytest.mark.parametrize(
    "hidden", ["\u00a0", "\u200b", "\ufeff", "\u00ad", "\u200e", "\u2060", "\u202e"]
)
@pytest.mark.parametrize("column", ["email", "smtphost", "smtpport", "smtpusername"])
def test_what_cannot_be_seen_is_taken_out_and_said(hidden, column):
    values = {"email": "a@x.test", "smtphost": "smtp.x.test", "smtpport": "587"}
    text = values.get(column, "ann")
    # Inside a user name a no-break space is a space.
    inside = "" if column == "smtpusername" else hidden
    found = checked_row(**{column: f"{hidden}{text[:2]}{inside}{text[2:]}"})
    assert found.record.cells[column] == text
    assert warnings_of(found) == [(column, "invisible_characters")]


def test_a_no_break_space_in_a_name_is_a_space():
    assert checked_row(displayname="Ann\u00a0Lee").mailbox.display_name == "Ann Lee"


@pytest.mark.parametrize("text", ["“a@x.test”", "'a@x.test'", "«a@x.test»", '"a@x.test"'])
def test_quotation_marks_around_an_address_are_taken_off_and_said(text):
    found = checked_row(email=text)
    assert found.mailbox.email == "a@x.test"
    assert warnings_of(found) == [("email", "quotation_marks")]


@pytest.mark.parametrize(
    ("text", "port"),
    [
        *(("587.0", 587), ("587,00", 587), ("5.87E+02", 587), ("2.525E+03", 2525), ("2,525", 2525)),
        *(("2.525", 2525), ("465 (SSL/TLS)", 465)),
    ],
)
def test_a_port_that_a_spreadsheet_changed_is_read_and_said(text, port):
    found = checked_row(smtpport=text)
    assert found.mailbox.smtp.port == port
    assert warnings_of(found) == [("smtpport", "changed_number")]


@pytest.mark.parametrize("text", ["-", "\u2013", "N/A", "null"])
def test_a_placeholder_is_nothing(text):
    found = checked_row(imaphost=text)
    assert found.mailbox.imap is None
    assert warnings_of(found) == [("imaphost", "read_as_empty")]


def test_one_user_name_is_for_both_servers_and_a_servers_own_goes_first():
    found = checked_row(username="ann", imap_login="ann-in").mailbox
    assert (found.smtp.username, found.imap.username) == ("ann", "ann-in")


def test_first_and_last_name_are_the_display_name_where_there_is_none():
    assert (
        checked_row(**{"First Name": "Ann", "Last Name": "Lee"}).mailbox.display_name == "Ann Lee"
    )
    assert checked_row(firstname="Ann", displayname="A. Lee").mailbox.display_name == "A. Lee"


def test_a_text_that_is_written_as_a_formula_is_the_text():
    found = checked_row(smtpport='="587"', email='="a@x.test"')
    assert (found.mailbox.smtp.port, found.mailbox.email) == (587, "a@x.test")
    assert {code for _, code in warnings_of(found)} == {"formula"}


def test_a_row_whose_cells_have_moved_is_not_repeated():
    header = "password,email,smtphost,imaphost,displayname\n"
    (found,) = read(f"{header}CAN,AR@Y,a@x.test,h.x.test,i.x.test\n".encode(), CONFIG).rows
    assert found.failure.code.value == "wrong_column_count"
    assert not any(found.record.cells.values())


@pytest.mark.parametrize(
    "text",
    [
        'Notes,Password,Email,smtphost,imaphost\n"5,pw,a@x.test,h.x.test,i.x.test\n'
        'n",pw,b@x.test,h.x.test,i.x.test\n',
        'email,password,smtphost,imaphost\na@x.test,"abc,h.x.test,i\nb@x.test,def",h.x.test,i\n',
        'email,password,smtphost,imaphost,note\na@x.test,p,h.x.test,i,"n\n'
        'b@x.test,p,h.x.test,i,n"\n',
        'email,password,smtphost,imaphost,note\na@x.test,p,smtp.x.test:587,i,"5 inch\n'
        'b@localhost,p,smtp.x.test:587 ,i,3"\n',
        'email;password;smtphost;imaphost\na@x.test;"p;h.x.test;i\nc@x.test;p;h.x.test;i\n'
        'b@x.test;p";h.x.test;i\n',
    ],
)
def test_rows_that_a_quotation_mark_has_swallowed_are_told(text):
    with pytest.raises(FileError) as caught:
        read(text.encode(), CONFIG)
    assert caught.value.reason == "malformed_csv"
    assert caught.value.details == {"row": 2}


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            "email|smtphost|imaphost|password|signature",
            'a@x.test|h.x.test||pw|"Bob\nb@x.co|w.x.co|+49"',
        ),
        (
            "signature,email,password,smtphost,imaphost",
            '"B\nb@x.co,w.x.co,x.co",a@x.test,pw,h.x.test,',
        ),
    ],
)
def test_the_last_line_of_a_signature_is_no_row(header, line):
    (found,) = read(f"{header}\n{line}\n".encode(), CONFIG).rows
    assert found.mailbox is not None


def test_a_part_of_a_password_is_not_shown_as_the_address():
    header = "password,email,displayname,smtphost,imaphost,smtpport\n"
    line = "p,SECRETPART,bob@x.test,Bob,smtp.x.test,imap.x.test\n"
    (found,) = read((header + line).encode(), CONFIG).rows
    assert found.record.shown_email == ""


def test_a_second_header_further_down_is_a_row_that_fails():
    header = "email,password,smtphost,imaphost\n"
    second = "Email,Password,SMTP Host,IMAP Host,SMTP Port\n"
    lines = f"{header}a@x.test,p,h.x.test,\n{second}b@x.test,p,h.x.test,\n"
    rows = read(lines.encode(), CONFIG).rows
    assert [each.mailbox is not None for each in rows] == [True, False, True]


def test_a_signature_of_several_lines_is_no_row():
    header = "Signature,Email,Password,SMTP host,IMAP host\n"
    lines = "ACME, ann@acme.test, Berlin, Germany, Europe\nann@acme.test, +49 30 1, www.acme.test"
    data = f'{header}"{lines}",a@x.test,pw,h.x.test,\n'.encode()
    (found,) = read(data, CONFIG).rows
    assert found.mailbox is not None


@pytest.mark.parametrize("line", ["pw", "pw,smtp.x.com", "pw,smtp.x.com,imap@x.com"])
def test_a_row_that_ends_before_the_column_of_the_address_lacks_one(line):
    (row,) = read(f"password,smtphost,imaphost,email\n{line}\n".encode(), CONFIG).rows
    assert row.failure.code.value == "missing_email"


def test_missing_and_empty_cells_at_the_end_are_nothing():
    assert mailbox_of("b@x.com,pw,smtp.x.com").imap is None
    assert mailbox_of("b@x.com,pw,smtp.x.com,,,,").imap is None


def test_spaces_go_except_from_passwords():
    found = mailbox_of(" b@x.com ,  p w ,\tsmtp.x.com ,")
    assert (found.email, found.smtp.host) == ("b@x.com", "smtp.x.com")
    assert found.smtp.password.reveal() == "  p w "


def test_of_a_row_with_too_many_cells_only_a_sure_address_is_kept():
    (row,) = rows_of(HEADER + "a@x.com,CAN,ARY,smtp.x.com,i")
    assert row.failure.code is Code.WRONG_COLUMN_COUNT
    assert {name: cell for name, cell in row.record.cells.items() if cell} == {"email": "a@x.com"}
    (row,) = rows_of("password,email,smtphost,imaphost\nCAN,ARY@,a@x.com,smtp.x.com,i")
    assert not any(row.record.cells.values())


def test_cells_under_a_blank_header_are_too_many():
    (row,) = rows_of(HEADER[:-1] + ",\na@x.com,sec,ret.word,smtp.x.com,imap.x.com")
    assert row.failure.code is Code.WRONG_COLUMN_COUNT
    assert mailbox_of("b@x.com,pw,smtp.x.com,,", HEADER[:-1] + ",,\n").email == "b@x.com"


def test_a_far_too_long_address_is_cut_where_it_is_shown():
    (row,) = rows_of(HEADER + "b" * 70_000 + "@x.com,pw,smtp.x.com,")
    assert row.failure.code is Code.FIELD_TOO_LONG
    assert len(row.record.shown_email) == 320
