"""Workbooks as people meet them: cells that are no text, merged cells, notes, rows of ticks."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, read, warnings_of
from workbook_files import parts, styles, xlsx_row, zipped

NAMES = ("email", "password", "smtphost", "imaphost")
REST = ("smtp.x.com", "imap.x.com")


def inline(*texts: str) -> str:
    return "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)


def mailbox(password: str) -> str:
    """Return a row with a cell of its own for the password."""
    return f"<row>{inline('a@x.com')}{password}{inline(*REST)}</row>"


def checked(*rows: str, styled: str = ""):
    return read(zipped(parts("".join((xlsx_row(*NAMES), *rows)), styled=styled)), CONFIG)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("<c><v>12345678</v></c>", "a number"),
        ('<c s="1"><v>0.5</v></c>', "a percentage"),
        ('<c s="2"><v>100</v></c>', "an amount of money"),
        ('<c s="3"><v>46024.5</v></c>', "a date"),
        ('<c s="4"><v>0.4375</v></c>', "a time"),
        ('<c t="b"><v>1</v></c>', "true or false"),
    ],
)
def test_a_password_that_is_no_text_is_said(cell, kind):
    styled = styles("9", "&quot;$&quot;#,##0.00", "14", "20")
    (row,) = checked(mailbox(cell), styled=styled).rows
    (warning,) = [each for each in row.record.warnings if each.code == "not_text"]
    assert (warning.column, kind in warning.message) == ("password", True)
    assert row.mailbox.smtp.password.reveal() not in warning.message


def test_a_text_is_a_text_and_a_port_may_be_a_number():
    head = xlsx_row(*NAMES, "smtpport")
    line = f"<row>{inline('a@x.com', '12345678', *REST)}<c><v>587</v></c></row>"
    (row,) = read(zipped(parts(head + line)), CONFIG).rows
    assert warnings_of(row) == []


def test_a_formula_without_a_result_is_named_where_it_is_missed():
    (row,) = checked(mailbox("<c><f>A1&amp;B1</f></c>")).rows
    assert row.failure.code.value == "missing_credentials"
    assert "password holds a formula" in row.failure.hint
    assert warnings_of(row) == [("password", "empty_formula")]


def test_a_note_beside_the_table_is_no_row_with_too_many_cells():
    found = checked(f"<row>{inline('a@x.com', 'pw', *REST, '', 'ask Kim first')}</row>")
    assert [row.failure for row in found.rows] == [None]


def test_rows_of_ticks_are_blank_however_many():
    head = xlsx_row(*NAMES, "smtpsecure")
    tick = '<row><c r="E{}" t="b"><v>0</v></c></row>'
    ticks = "".join(tick.format(number) for number in range(3, 703))
    line = f'<row>{inline("a@x.com", "pw", *REST)}<c t="b"><v>1</v></c></row>'
    found = read(zipped(parts(head + line + ticks)), CONFIG)
    assert [row.mailbox.email for row in found.rows] == ["a@x.com"]
    assert [each.code for each in found.warnings] == ["blank_rows"]


def test_a_sheet_that_is_one_column_of_lines_is_taken_apart():
    lines = [",".join(NAMES), "a@x.com,pw,smtp.x.com,imap.x.com"]
    found = read(zipped(parts("".join(xlsx_row(each) for each in lines))), CONFIG)
    (row,) = found.rows
    assert row.mailbox.smtp.password.reveal() == "pw"
    assert "quoted_cells" in [each.code for each in found.warnings]
