"""What spreadsheets and copying do to cells: taken out, said, or kept; and TLS in words."""

from __future__ import annotations

import csv
import io

import pytest
from checking import read

from flask_mailbox_import.config import Config
from flask_mailbox_import.core.errors import FileError
from flask_mailbox_import.core.mailboxes import Security
from flask_mailbox_import.core.password_pitfalls import password_remark
from flask_mailbox_import.core.rows import CheckedRow
from flask_mailbox_import.core.secret import Secret, generate_encryption_key

KEYS = {"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]}
CONFIG = Config.from_mapping(KEYS)


def row(config: Config = CONFIG, **cells: str) -> CheckedRow:
    cells = {
        "email": "a@x.test",
        "password": "pw",
        "smtphost": "smtp.x.test",
        "imaphost": "i.x.test",
        **cells,
    }
    text = io.StringIO(newline="")
    csv.writer(text).writerows([list(cells), list(cells.values())])
    (found,) = read(text.getvalue().encode(), config).rows
    return found


def said(found: CheckedRow) -> list[tuple[str, str]]:
    return [(each.column, each.code) for each in found.record.warnings]


@pytest.mark.parametrize(
    "hidden", ["\u00a0", "\u200b", "\ufeff", "\u00ad", "\u200e", "\u2060", "\u202e"]
)
@pytest.mark.parametrize("column", ["email", "smtphost", "smtpport", "smtpusername"])
def test_what_cannot_be_seen_is_taken_out_and_said(hidden, column):
    values = {"email": "a@x.test", "smtphost": "smtp.x.test", "smtpport": "587"}
    text = values.get(column, "ann")
    # Inside a user name a no-break space is a space.
    inside = "" if column == "smtpusername" else hidden
    found = row(**{column: f"{hidden}{text[:2]}{inside}{text[2:]}"})
    assert found.record.cells[column] == text
    assert said(found) == [(column, "invisible_characters")]


def test_a_no_break_space_in_a_name_is_a_space():
    assert row(displayname="Ann\u00a0Lee").mailbox.display_name == "Ann Lee"


@pytest.mark.parametrize("text", ["“a@x.test”", "'a@x.test'", "«a@x.test»", '"a@x.test"'])
def test_quotation_marks_around_an_address_are_taken_off_and_said(text):
    found = row(email=text)
    assert found.mailbox.email == "a@x.test"
    assert said(found) == [("email", "quotation_marks")]


@pytest.mark.parametrize(
    ("text", "port"),
    [
        *(("587.0", 587), ("587,00", 587), ("5.87E+02", 587), ("2.525E+03", 2525), ("2,525", 2525)),
        *(("2.525", 2525), ("465 (SSL/TLS)", 465)),
    ],
)
def test_a_port_that_a_spreadsheet_changed_is_read_and_said(text, port):
    found = row(smtpport=text)
    assert found.mailbox.smtp.port == port
    assert said(found) == [("smtpport", "changed_number")]


@pytest.mark.parametrize(
    "text", ["587.5", "5_87", "+587", "5e2", "0587", "58.70", "5.87E+01", "\uff15\uff18\uff17"]
)
def test_a_port_that_is_none_stays_none(text):
    assert row(smtpport=text).failure.code.value == "invalid_port"


@pytest.mark.parametrize("text", ["-", "\u2013", "N/A", "null"])
def test_a_placeholder_is_nothing(text):
    found = row(imaphost=text)
    assert found.mailbox.imap is None
    assert said(found) == [("imaphost", "read_as_empty")]
    assert row(password="-").mailbox.smtp.password.reveal() == "-"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        *((" pw", "password_spaces"), ("pw ", "password_spaces"), ("pw\u00a0", "password_spaces")),
        *(("p\u00a0w", "password_invisible"), ("p\u200bw", "password_invisible")),
        *(("pw”", "password_quotes"), ("it\u2019s", "password_quotes")),
        *(("1.23457E+11", "password_number"), ("1,23457E+11", "password_number")),
        *(("123456789012345000", "password_number"), ("2024-01-05", "password_date")),
        *(
            ("05.01.2024", "password_date"),
            ("Jan-24", "password_date"),
            ("#NAME?", "password_lost"),
        ),
        *(
            ("########", "password_lost"),
            ("ZoÃ«", "password_garbled"),
            ("Zo\ufffd", "password_garbled"),
        ),
    ],
)
def test_a_password_is_kept_and_what_may_have_happened_to_it_is_said(password, code):
    found = row(password=password)
    assert found.mailbox.smtp.password.reveal() == password
    assert ("password", code) in said(found)
    assert password_remark(Secret(password))


@pytest.mark.parametrize("password", ["hunter2", "Grün#1", "a b", "abc-12", "12May!", "1E5x", "#1"])
def test_an_ordinary_password_is_not_remarked_on(password):
    assert said(row(password=password)) == []
    assert password_remark(Secret(password)) == ""


@pytest.mark.parametrize("password", ["abcd efgh ijkl mnop", "12345678"])
def test_what_is_only_said_when_the_login_is_refused(password):
    assert said(row(password=password)) == []
    assert password_remark(Secret(password))


TLS, STARTTLS = Security.TLS, Security.STARTTLS


@pytest.mark.parametrize(
    ("word", "at_587", "at_465"),
    [
        *(
            (word, TLS, TLS)
            for word in ("true", "1", "YES", "on", "ssl", "SSL/TLS", "smtps", "WAHR")
        ),
        *(
            (word, STARTTLS, TLS)
            for word in ("false", "0", "Não", "off", "STARTTLS", "STARTTLS (587)")
        ),
        *((word, STARTTLS, TLS) for word in ("tls", "TLSv1.2", "auto", "")),
    ],
)
def test_tls_in_words(word, at_587, at_465):
    for port, security in (("587", at_587), ("465", at_465)):
        assert row(smtpsecure=word, smtpport=port).mailbox.smtp.security is security


def test_where_nothing_is_said_of_imap_its_port_tells():
    assert row(imapport="143").mailbox.imap.security is STARTTLS
    assert row(imapport="993").mailbox.imap.security is TLS
    assert row(imapport="143", imapsecure="true").mailbox.imap.security is TLS


@pytest.mark.parametrize("word", ["none", "None", "plain", "no encryption", "keine"])
def test_no_encryption_is_refused_unless_the_host_allows_it(word):
    found = row(smtpsecure=word)
    assert found.failure.code.value == "invalid_boolean"
    assert "not sent in clear" in found.failure.error
    allowed = Config.from_mapping({**KEYS, "MAILBOX_IMPORT_ALLOW_PLAINTEXT": True})
    assert row(allowed, smtpsecure=word).mailbox.smtp.security is STARTTLS


def test_columns_named_after_a_kind_of_tls():
    assert row(smtpTls="true").mailbox.smtp.security is STARTTLS
    assert row(smtpTls="true", smtpport="465").mailbox.smtp.security is TLS
    assert row(smtpTls="ssl").mailbox.smtp.security is TLS
    assert row(smtp_starttls="yes", smtp_ssl="").mailbox.smtp.security is STARTTLS
    assert row(use_ssl="true", use_tls="false").mailbox.smtp.security is TLS


def test_one_user_name_is_for_both_servers_and_a_servers_own_goes_first():
    found = row(username="ann", imap_login="ann-in").mailbox
    assert (found.smtp.username, found.imap.username) == ("ann", "ann-in")


def test_first_and_last_name_are_the_display_name_where_there_is_none():
    assert row(**{"First Name": "Ann", "Last Name": "Lee"}).mailbox.display_name == "Ann Lee"
    assert row(firstname="Ann", displayname="A. Lee").mailbox.display_name == "A. Lee"


def test_a_text_that_is_written_as_a_formula_is_the_text():
    found = row(smtpport='="587"', email='="a@x.test"')
    assert (found.mailbox.smtp.port, found.mailbox.email) == (587, "a@x.test")
    assert {code for _, code in said(found)} == {"formula"}


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
