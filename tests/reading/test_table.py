"""Where a table begins, how it is divided, and how its rows are numbered."""

from __future__ import annotations

import csv
import io

import pytest
from file_reading import CONFIG, HEADER, read, rows_of


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
    rows = rows_of(text.getvalue().encode(encoding))
    assert [each.record.row for each in rows] == [2, 3]
    assert rows[0].record.secrets["password"].reveal() == password
    assert all(each.mailbox is not None for each in rows)


def test_row_numbers_are_those_of_the_spreadsheet():
    lines = ["", " ", HEADER[:-1] + ",displayname", ",,,,", "", 'a@x.com,pw,smtp.x.com,,"x\ny"']
    lines += [",,", "", "b@x.com,pw,smtp.x.com"]
    rows = rows_of("\n".join(lines))
    assert [each.record.row for each in rows] == [6, 9]
    assert rows[0].record.cells["displayname"] == "x y"


def test_blank_lines_of_another_dialect_before_the_header():
    (row,) = rows_of(" ; \nemail;password;smtphost;imaphost\nb@x.com;pw;smtp.x.com;\n")
    assert row.mailbox is not None


def test_a_delimiter_within_a_name_does_not_hide_the_spaces_after_the_others():
    text = 'email, password, smtphost, imaphost, "notes,more"\na@x.com, pw, smtp.x.com, , x\n'
    (row,) = read(text.encode(), CONFIG).rows
    assert row.record.secrets["password"].reveal() == "pw"
