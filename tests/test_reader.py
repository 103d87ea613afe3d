"""Bytes to rows: tables, columns, and what is wrong with a row."""

from __future__ import annotations

import csv
import io

import pytest
from checking import read as read_file

from flask_mailbox_import import Code, FileError
from flask_mailbox_import.config import Config
from flask_mailbox_import.core.mailboxes import Mailbox, Security
from flask_mailbox_import.core.rows import COLUMNS, RowStatus
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.reading.validation import mark_doubles

CONFIG = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]})
HEADER = "email,password,smtphost,imaphost\n"


def read(data: str | bytes, config: Config = CONFIG):
    return read_file(data.encode() if isinstance(data, str) else data, config).rows


def mailbox(line: str, header: str = HEADER) -> Mailbox:
    (row,) = read(header + line)
    assert row.mailbox is not None, row.failure
    return row.mailbox


def fault(data: str | bytes) -> FileError:
    with pytest.raises(FileError) as caught:
        read(data)
    return caught.value


def test_defaults_of_the_contract():
    found = mailbox("Bob@Example.com,pw,smtp.example.com,imap.example.com")
    assert (found.email, found.email_key) == ("Bob@example.com", "bob@example.com")
    smtp, imap = found.smtp, found.imap
    assert (smtp.host, smtp.port, smtp.security) == ("smtp.example.com", 587, Security.STARTTLS)
    assert (imap.host, imap.port, imap.security) == ("imap.example.com", 993, Security.TLS)
    assert smtp.username == imap.username == "Bob@Example.com"
    assert smtp.password.reveal() == imap.password.reveal() == "pw"


def test_every_column():
    header = (
        "displayname,imappassword,imapusername,smtppassword,smtpusername,imapsecure,smtpsecure,"
        "imapport,smtpport,imaphost,smtphost,password,email\n"
    )
    line = "Bob B,ip,iu,sp,su,0,TRUE,143,2525,imap.x.com,smtp.x.com,,b@x.com"
    found = mailbox(line, header)
    assert found.display_name == "Bob B"
    assert (found.smtp.username, found.smtp.password.reveal()) == ("su", "sp")
    assert (found.imap.username, found.imap.password.reveal()) == ("iu", "ip")
    assert (found.smtp.port, found.smtp.security) == (2525, Security.TLS)
    assert (found.imap.port, found.imap.security) == (143, Security.STARTTLS)


def test_ports_that_only_speak_tls_do_so_whatever_the_file_says():
    found = mailbox("b@x.com,pw,smtp.x.com,,465", HEADER[:-1] + ",smtpport\n")
    assert found.smtp.security is Security.TLS
    assert found.imap is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_dialects(delimiter, encoding, end):
    password = 'p;w,"ä'
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["E mail", "PASS_word", "SMTP host", "Imap_Host"])
    writer.writerow(["b@x.com", password, "smtp.x.com", "imap.x.com"])
    writer.writerow(["c@x.com", "pw", "smtp.x.com", ""])
    rows = read(text.getvalue().encode(encoding))
    assert [each.record.row for each in rows] == [2, 3]
    assert rows[0].record.secrets["password"].reveal() == password
    assert all(each.mailbox is not None for each in rows)


def test_row_numbers_are_those_of_the_spreadsheet():
    lines = ["", " ", HEADER[:-1] + ",displayname", ",,,,", "", 'a@x.com,pw,smtp.x.com,,"x\ny"']
    lines += [",,", "", "b@x.com,pw,smtp.x.com"]
    rows = read("\n".join(lines))
    assert [each.record.row for each in rows] == [6, 9]
    assert rows[0].failure.code is Code.CONTROL_CHARACTER


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (",pw,smtp.x.com,", Code.MISSING_EMAIL),
        ("b@x,pw,smtp.x.com,", Code.INVALID_EMAIL),
        ("bob,pw,smtp.x.com,", Code.INVALID_EMAIL),
        ("b@x.com,,smtp.x.com,", Code.MISSING_CREDENTIALS),
        ("b@x.com,pw,,", Code.MISSING_CREDENTIALS),
        ("b@x.com,pw,10.0.0.1,", Code.INVALID_HOST),
        ("b@x.com,pw,smtp.x.com,localhost", Code.INVALID_HOST),
        ("b@x.com,pw,smtp.x.com,,66123", Code.INVALID_PORT),
        ("b@x.com,pw,smtp.x.com,,587.5", Code.INVALID_PORT),
        ("b@x.com,pw,smtp.x.com,,22", Code.PORT_NOT_ALLOWED),
        ("b@x.com,pw,smtp.x.com,,,maybe", Code.INVALID_BOOLEAN),
        ("b@x.com,p\x07w,smtp.x.com,", Code.CONTROL_CHARACTER),
        ('b@x.com,"p\nw",smtp.x.com,', Code.CONTROL_CHARACTER),
        ("b@x.com,p\u2028w,smtp.x.com,", Code.CONTROL_CHARACTER),
        ("b@x.com," + "p" * 1025 + ",smtp.x.com,", Code.FIELD_TOO_LONG),
        ("b" * 250 + "@x.com,pw,smtp.x.com,", Code.FIELD_TOO_LONG),
        ("b@x.com,pw,smtp.x.com,,,,extra", Code.WRONG_COLUMN_COUNT),
    ],
)
def test_faults_of_a_row(line, code):
    (row,) = read(HEADER[:-1] + ",smtpport,smtpsecure\n" + line)
    assert (row.status, row.failure.code) == (RowStatus.FAILED, code)
    assert row.failure.hint


def test_a_row_tells_all_its_faults():
    (row,) = read(HEADER + "bob,,smtp.x.com,localhost")
    assert row.failure.code is Code.INVALID_EMAIL
    assert "Also: Missing SMTP host or password. Fill in" in row.failure.hint
    assert "imaphost" in row.failure.hint


@pytest.mark.parametrize("domain", ["b.test", "b.local", "b.internal", "b.TEST"])
def test_special_use_domains_are_addresses(domain):
    assert mailbox(f"a@{domain},pw,smtp.x.com,").email == f"a@{domain.lower()}"


def test_missing_and_empty_cells_at_the_end_are_nothing():
    assert mailbox("b@x.com,pw,smtp.x.com").imap is None
    assert mailbox("b@x.com,pw,smtp.x.com,,,,").imap is None


def test_spaces_go_except_from_passwords():
    found = mailbox(" b@x.com ,  p w ,\tsmtp.x.com ,")
    assert (found.email, found.smtp.host) == ("b@x.com", "smtp.x.com")
    assert found.smtp.password.reveal() == "  p w "


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
    assert fault(data).reason == reason
    assert fault(data).message.endswith((".",))


def test_faults_of_a_file_name_what_to_look_for():
    assert fault("email,password\nx,y").details == {
        "missing": ["smtphost", "imaphost"],
        "found": ["email", "password"],
    }
    assert fault(HEADER + 'a,b,c,d\na,"b,c,d\n').details == {"row": 3}
    assert fault(HEADER + "b,p,s,i\n" * 501).details == {"rows": 501, "maxRows": 500}


def test_doubles_skip_the_later_row_and_a_known_address_goes_first():
    lines = ["a@x.com,1,h.x.com,", "A@x.com,2,h.x.com,", "bad,1,h.x.com,", "k@x.com,1,h.x.com,"]
    lines += ["K@X.com,1,h.x.com,"]
    rows = list(mark_doubles(read(HEADER + "\n".join(lines)), {"k@x.com"}))
    assert [(each.status.value, each.failure and each.failure.code.value) for each in rows] == [
        ("ready", None),
        ("skipped", "duplicate_in_file"),
        ("failed", "invalid_email"),
        ("skipped", "duplicate"),
        ("skipped", "duplicate"),
    ]


def test_a_second_password_for_one_login_is_not_tried():
    header = HEADER[:-1] + ",smtpusername\n"
    lines = ["a@x.com,1,h.x.com,,u", "b@x.com,2,h.x.com,,u", "c@x.com,1,H.x.com,,u"]
    rows = list(mark_doubles(read(header + "\n".join(lines)), set()))
    assert [each.status.value for each in rows] == ["ready", "failed", "ready"]
    assert rows[1].failure.code is Code.DUPLICATE_LOGIN


def test_our_columns_are_those_of_the_contract():
    assert len(COLUMNS) == len(set(COLUMNS)) == 13


def test_a_file_without_a_header_is_not_repeated():
    for data in ("a@x.com,CANARY,smtp.x.com,i\n", "email,CANARY,b@x.com,password\n"):
        found = fault(data + "b@x.com,pw,smtp.x.com,i\n")
        assert found.reason == "missing_column"
        assert "CANARY" not in f"{found.message} {found.details}"


def test_a_fault_of_a_file_holds_nothing_of_it():
    found = fault((HEADER + "b@x.com,CANARY\xe9,h,").encode("latin-1"))
    assert found.__context__ is None


def test_of_a_row_with_too_many_cells_only_a_sure_address_is_kept():
    (row,) = read(HEADER + "a@x.com,CAN,ARY,smtp.x.com,i")
    assert row.failure.code is Code.WRONG_COLUMN_COUNT
    assert {name: cell for name, cell in row.record.cells.items() if cell} == {"email": "a@x.com"}
    (row,) = read("password,email,smtphost,imaphost\nCAN,ARY@,a@x.com,smtp.x.com,i")
    assert not any(row.record.cells.values())


def test_cells_under_a_blank_header_are_too_many():
    (row,) = read(HEADER[:-1] + ",\na@x.com,sec,ret.word,smtp.x.com,imap.x.com")
    assert row.failure.code is Code.WRONG_COLUMN_COUNT
    assert mailbox("b@x.com,pw,smtp.x.com,,", HEADER[:-1] + ",,\n").email == "b@x.com"


def test_a_refused_second_password_leaves_the_address_free_for_a_later_row():
    header = HEADER[:-1] + ",smtpusername\n"
    lines = ["a@x.com,1,h.x.com,,u", "b@x.com,2,h.x.com,,u", "b@x.com,3,other.x.com,,"]
    rows = list(mark_doubles(read(header + "\n".join(lines)), set()))
    assert [each.status.value for each in rows] == ["ready", "failed", "ready"]


def test_blank_lines_of_another_dialect_before_the_header():
    (row,) = read(" ; \nemail;password;smtphost;imaphost\nb@x.com;pw;smtp.x.com;\n")
    assert row.mailbox is not None


def test_a_far_too_long_address_is_cut_where_it_is_shown():
    (row,) = read(HEADER + "b" * 70_000 + "@x.com,pw,smtp.x.com,")
    assert row.failure.code is Code.FIELD_TOO_LONG
    assert len(row.record.shown_email) == 320
