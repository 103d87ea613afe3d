"""Files as people meet them: what a person can read is read, and what is wrong is named."""

from __future__ import annotations

import contextlib
import time

import pytest
from file_reading import CONFIG, HEADER, fault_of, read

from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.errors import FileError

NAMES = ("email", "password", "smtphost", "imaphost")
ANN = ("ann@x.com", "s3cret", "smtp.x.com", "imap.x.com")
BOB = ("bob@x.com", "pw", "smtp.x.com", "imap.x.com")


def checked(text: str, **given):
    return read(text.encode(), CONFIG, **given)


def mailboxes(text: str, **given) -> list[tuple[str, ...]]:
    """Return address, password and hosts of each row, all of which have to be right."""
    rows = checked(text, **given).rows
    assert [row.failure for row in rows] == [None] * len(rows)
    found = [row.mailbox for row in rows]
    return [
        (
            each.email,
            each.smtp.password.reveal(),
            each.smtp.host,
            each.imap.host if each.imap else "",
        )
        for each in found
    ]


def codes(text: str, **given) -> list[tuple[int, str]]:
    summary = checked(text, **given).summary()
    return [(each.row, each.code) for each in summary.warnings]


def joined(*rows, by: str = ",") -> str:
    return "".join(by.join(each) + "\n" for each in rows)


@pytest.mark.parametrize("by", [*"^:~\uff0c\uff1b\u00a6\u2502|;\t", "||"])
def test_rarer_delimiters_are_read(by):
    assert mailboxes(joined(NAMES, ANN, BOB, by=by)) == [ANN, BOB]


def test_an_address_and_a_password_with_the_rarer_delimiters_stay_whole():
    ann = ("ann@x.com", "a:b^c~d", "smtp.x.com", "imap.x.com")
    assert mailboxes(joined(NAMES, ann)) == [ann]


@pytest.mark.parametrize("end", ["\x1a", "\r\n\x1a", "\x1a\r\n", "\n\x1a\x1a"])
def test_the_mark_by_which_old_programs_end_a_file_is_its_end(end):
    assert mailboxes(joined(NAMES, ANN) + end) == [ANN]


def test_such_a_mark_within_quotation_marks_ends_nothing():
    text = "email,password,smtphost,imaphost,note\r" + ",".join(ANN) + ',"\x1a"\r'
    assert mailboxes(text) == [ANN]


def test_such_a_mark_as_the_last_cell_is_a_character_of_it():
    (row,) = checked("email,smtphost,imaphost,password\nann@x.com,smtp.x.com,,\x1a\n").rows
    assert row.failure.code is Code.CONTROL_CHARACTER


def test_an_old_mac_file_may_end_with_a_line_feed():
    assert mailboxes(joined(NAMES, ANN, BOB).replace("\n", "\r") + "\n") == [ANN, BOB]


def test_lone_carriage_returns_among_line_feeds_end_rows():
    text = joined(NAMES) + ",".join(ANN) + "\r" + ",".join(BOB) + "\n" + ",".join(BOB[:1])
    rows = checked(text + ",x,smtp.x.com,\n").rows
    assert [row.record.row for row in rows] == [2, 3, 4]
    within = joined(NAMES) + "ann@x.com,a\rb,smtp.x.com,imap.x.com\n"
    assert fault_of(within).reason == "malformed_csv"


@pytest.mark.parametrize(
    "line",
    [
        'ann@x.com, "a,b", smtp.x.com, imap.x.com',
        '"ann@x.com" , "a,b" , "smtp.x.com" , "imap.x.com"',
        'ann@x.com,   "a,b",smtp.x.com,imap.x.com',
    ],
)
def test_a_quoted_cell_between_spaces_is_a_quoted_cell(line):
    assert mailboxes(HEADER + line + "\n") == [("ann@x.com", "a,b", "smtp.x.com", "imap.x.com")]


def test_a_quoted_cell_that_looks_like_another_one_stays_whole():
    text = 'ann@x.com, "a, ""b"", c",smtp.x.com,imap.x.com\n'
    assert mailboxes(HEADER + text)[0][1] == 'a, "b", c'
    # A space in front of a password that is not quoted is the password's own.
    assert mailboxes(HEADER + "ann@x.com, pw,smtp.x.com,\n")[0][1] == " pw"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            r'ann@x.com,"pa\"ss",smtp.x.com,',
            'a backslash stands in front of a quotation mark (\\")',
        ),
        ('ann@x.com,""pa#ss",smtp.x.com,', "row 2, cell 2"),
        ('"ann@x.com","pw","smtp"x,', "row 2, cell 3"),
    ],
)
def test_an_odd_quotation_mark_is_named_by_its_place(line, said):
    assert said in fault_of(HEADER + line + "\n").message


def test_rows_that_begin_with_a_sign_of_remarks_are_left_out_and_counted():
    text = "# of May\n" + joined(NAMES, ("# sales",), ANN, ("//" + BOB[0], *BOB[1:]), BOB)
    assert mailboxes(text) == [ANN, BOB]
    assert (0, "remark_rows") in codes(text)
    assert "not read: 2." in str([each.message for each in checked(text).warnings])


def test_a_password_or_a_quoted_address_with_such_a_sign_is_no_remark():
    first = "password,email,smtphost,imaphost\n#1Secret!,ann@x.com,smtp.x.com,\n"
    assert mailboxes(first)[0][:2] == ("ann@x.com", "#1Secret!")
    assert mailboxes(HEADER + '"#ann@x.com",pw,smtp.x.com,\n')[0][0] == "#ann@x.com"


@pytest.mark.parametrize(
    "text",
    [
        "".join(f'"{line}"\n' for line in joined(NAMES, ANN, BOB).splitlines()),
        joined(NAMES) + "".join(f'"{line}"\n' for line in joined(ANN, BOB).splitlines()),
        joined(NAMES) + joined(ANN, BOB, by=";"),
        joined(NAMES, by=";") + joined(ANN, BOB),
        joined(NAMES, by="\t") + joined(ANN, BOB, by=";"),
    ],
)
def test_rows_in_one_cell_are_taken_apart_and_said(text):
    assert mailboxes(text) == [ANN, BOB]
    assert (0, "quoted_cells") in codes(text)


@pytest.mark.parametrize(
    "cell",
    [
        "ann@x.com;CANARY;smtp.x.com",
        "ann@x.com CANARY smtp.x.com imap.x.com",
        "ann@x.com:CANARY",
        "CANARY ann@x.com",
        "CANARY;smtp.x.com;imap.x.com;587",
        '"ann@x.com,CANARY"',
        "ann@x.com|CANARY|smtp",
    ],
)
def test_a_row_in_one_cell_never_shows_its_password(cell):
    (row,) = checked(HEADER + cell + "\n").rows
    assert row.failure is not None
    assert "CANARY" not in repr((row.record.shown_email, row.record.cells, row.failure.text))
    assert row.failure.code is Code.WRONG_COLUMN_COUNT


def test_an_address_with_a_password_in_its_cell_is_shown_without_it():
    (row,) = checked(HEADER + "ann@x.com/CANARY,,smtp.x.com,imap.x.com\n").rows
    assert row.record.shown_email == "ann@x.com"


@pytest.mark.parametrize(
    "text",
    [
        ",,Outgoing,,Incoming,\nEmail,Password,Server,Port,Server,Port\n",
        "Email,Password,SMTP,,IMAP,\n,,Host,Port,Host,Port\n",
        "Account,,SMTP,,IMAP,\nEmail,Password,Host,Port,Host,Port\n",
        "Account,,SMTP Settings,,IMAP Settings,\nEmail,Password,Host,Port,Host,Port\n",
        ",,Versand,,Empfang,\nE-Mail,Passwort,Server,Port,Server,Port\n",
        "E-mail,Mot de passe,SMTP,,IMAP,\n,,H\u00f4te,Port,H\u00f4te,Port\n",
        "Title\nAccount,,SMTP,,IMAP,\nEmail,Password,Host,Port,Host,Port\n",
    ],
)
def test_two_rows_of_names_are_one_header(text):
    text += "ann@x.com,s3cret,smtp.x.com,465,imap.x.com,993\n"
    assert mailboxes(text) == [ANN]
    assert (0, "two_headers") in codes(text)


def test_a_mailbox_below_the_header_is_no_second_header():
    text = joined(NAMES, ("host@x.com", "port", "smtp.x.com", "imap.x.com"))
    assert mailboxes(text)[0][1] == "port"
    assert codes(text) == []


def test_the_column_whose_cells_are_addresses_is_the_address():
    street = "Username,Address,Password,SMTP Host,IMAP Host\n"
    assert mailboxes(f"{street}ann@x.com,1 Road,s3cret,smtp.x.com,imap.x.com\n") == [ANN]
    assert mailboxes(f"{street}ann@x.com,,s3cret,smtp.x.com,imap.x.com\n") == [ANN]
    unknown = "Kontakt,Kennwort,SMTP,IMAP\nann@x.com,s3cret,smtp.x.com,imap.x.com\n"
    assert mailboxes(unknown) == [ANN]
    login = "Login,Password,SMTP Host,IMAP Host\nann@x.com,s3cret,smtp.x.com,imap.x.com\n"
    assert mailboxes(login) == [ANN]


def test_a_column_of_addresses_is_not_taken_from_one_that_is_called_so():
    text = "Email,Login,Password,SMTP,IMAP\nann@x.com,other@x.com,s3cret,smtp.x.com,imap.x.com\n"
    (row,) = checked(text).rows
    assert (row.mailbox.email, row.mailbox.smtp.username) == ("ann@x.com", "other@x.com")
    mapped = "A,B,password,smtphost,imaphost\nann@x.com,bob@x.com,s3cret,smtp.x.com,imap.x.com\n"
    assert fault_of(mapped).reason == "missing_column"
    assert mailboxes(mapped, column_mapping={"B": "email"})[0][0] == "bob@x.com"


def test_rows_of_defaults_ticks_and_numbers_are_blank():
    head = "No,email,password,smtphost,imaphost,smtpport,smtpsecure\n"
    text = head + "1,ann@x.com,s3cret,smtp.x.com,imap.x.com,465,TRUE\n"
    blank = ["2,,,,,,FALSE", "3,,,smtp.x.com,imap.x.com,465,", "☐,,,,,,☐", "4,NULL,N/A,,,587,"]
    text += "".join(f"{line}\n" for line in blank)
    assert mailboxes(text) == [ANN]
    assert "left out: 4." in str([each.message for each in checked(text).warnings])


def test_a_row_with_a_server_of_its_own_or_a_password_is_no_blank_row():
    text = HEADER + joined(ANN) + ",,other.x.com,\n,pw,,\n,,,\n"
    rows = checked(text).rows
    assert [row.failure and row.failure.code.value for row in rows] == [
        None,
        "missing_email",
        "missing_email",
    ]


def test_more_rows_of_defaults_than_a_file_may_have_are_no_mailboxes():
    text = HEADER.replace("\n", ",smtpsecure\n") + ",".join(ANN) + ",TRUE\n" + ",,,,FALSE\n" * 700
    assert mailboxes(text) == [ANN]


@pytest.mark.parametrize(
    "text",
    [
        "email    ,password ,smtphost  ,imaphost\nann@x.com,s3cret   ,smtp.x.com,imap.x.com\n",
        "| email     | password | smtphost   | imaphost   |\n|---|---|---|---|\n"
        "| ann@x.com | s3cret   | smtp.x.com | imap.x.com |\n",
        "   email   | password |  smtphost  |  imaphost\n-----------+----------+------------+---\n"
        " ann@x.com | s3cret   | smtp.x.com | imap.x.com\n(1 row)\n",
    ],
)
def test_the_padding_of_whole_columns_is_taken_off(text):
    assert mailboxes(text) == [ANN]


def test_a_space_at_the_end_of_one_password_stays():
    text = joined(NAMES, ("ann@x.com", "secret1 ", *ANN[2:]), BOB)
    assert mailboxes(text)[0][1] == "secret1 "


@pytest.mark.parametrize(
    "number",
    [
        "{}. ",
        "({}) ",
        "{}) ",
        "{}: ",
        " {} - ",
        "#{} ",
        "0{}_",
        "{}\u00b0 ",
        "Col{}: ",
        "\u2116{} ",
    ],
)
def test_numbered_names_are_known(number):
    header = ",".join(number.format(place) + each for place, each in enumerate(NAMES, 1))
    assert mailboxes(header + "\n" + ",".join(ANN) + "\n") == [ANN]


def test_what_a_program_leaves_at_the_end_of_each_line_is_dropped():
    assert mailboxes(joined(NAMES, ANN, by=";").replace("\n", ",,,\n")) == [ANN]


@pytest.mark.parametrize(
    "text",
    [
        "Email,Password,SMTP,IMAP,Cc\nann\uff20x.com,pw,{},boss@x.com\n",
        "Email,Password,SMTP,IMAP,Recovery Email\nann,pw,{},ann@y.com\n",
        "Email,Password,SMTP,IMAP,Manager\nann.x.com,pw,{},boss@x.com\n",
        "Login,Password,SMTP,IMAP,Forward to\nann,pw,{},boss@x.com\n",
        "Username,Password,SMTP,IMAP,Reply-To\nann,pw,{},boss@x.com\n",
        "Konto,Passwort,SMTP,IMAP,Weiterleitung an\nann,pw,{},boss@x.com\n",
    ],
)
def test_the_address_of_somebody_else_is_never_the_mailboxs(text):
    rows = ()
    with contextlib.suppress(FileError):
        rows = checked(text.format("smtp.x.com,imap.x.com")).rows
    found = {row.mailbox.email for row in rows if row.mailbox}
    assert found <= {"ann@x.com"}


def test_user_names_stand_in_for_addresses_that_are_missing():
    head = "email,username,password,smtphost,imaphost\n"
    line = "{},{},s3cret,smtp.x.com,imap.x.com\n"
    assert mailboxes(head + line.format("", "ann@x.com")) == [ANN]
    rows = checked(head + line.format("", "ann@x.com") + line.format("bob@x.com", "bobby")).rows
    assert [row.mailbox.email for row in rows] == ["ann@x.com", "bob@x.com"]
    assert ("email", "read_as") in [(e.column, e.code) for e in rows[0].record.warnings]
    (row,) = checked(head + line.format("", "ann")).rows
    assert row.failure.code is Code.MISSING_EMAIL


def test_the_column_that_is_taken_for_the_addresses_is_said():
    text = "Kontakt,Kennwort,SMTP,IMAP\n" + "ann@x.com,s3cret,smtp.x.com,imap.x.com\n" * 1
    assert (1, "address_column") in codes(text)
    two = "Kontakt,Person,Kennwort,SMTP,IMAP\nann@x.com,bob@x.com,pw,smtp.x.com,imap.x.com\n"
    assert fault_of(two).reason == "missing_column"


def test_a_street_that_begins_with_a_sign_is_no_remark():
    text = "Address,Username,Password,SMTP Host,IMAP Host\n#5 Elm Street,ann@x.com,s3cret,{}\n"
    assert mailboxes(text.format("smtp.x.com,imap.x.com")) == [ANN]


def test_of_rows_that_end_with_a_lone_return_each_is_a_remark_by_itself():
    text = "#old@x.com,pw,smtp.x.com,\rann@x.com,s3cret,smtp.x.com,imap.x.com\n"
    assert mailboxes(HEADER + text + ",".join(BOB) + "\n") == [ANN, BOB]


def test_padding_is_said_and_one_row_may_be_so_by_chance():
    text = "email|password|smtphost|imaphost\nann@x.com|secret1 |smtp.x.com|imap.x.com\n"
    assert mailboxes(text)[0][1] == "secret1 "
    even = "email    ,password ,smtphost  ,imaphost\nann@x.com,s3cret   ,smtp.x.com,imap.x.com\n"
    assert (0, "padding") in codes(even)
    spaced = (
        "email ; password ; smtphost ; imaphost\nann@x.com ; s3cret ; smtp.x.com ; imap.x.com\n"
    )
    assert mailboxes(spaced) == [ANN]


@pytest.mark.parametrize(
    "footer",
    ["(2 rows)", "2 rows in set (0.00 sec)", "(1 Zeile)", "2 rows selected.", "(1 rows affected)"],
)
def test_what_a_database_writes_below_a_table_is_no_row(footer):
    table = (
        " email     | password | smtphost   | imaphost   \n-----------+----------+----+---\n"
        f" ann@x.com | s3cret   | smtp.x.com | imap.x.com \n{footer}\n"
    )
    assert mailboxes(table) == [ANN]


def test_doubled_marks_within_marks_of_another_kind_are_one():
    text = (
        "'email','password','smtphost','imaphost'\n'ann@x.com','it''s','smtp.x.com','imap.x.com'\n"
    )
    assert mailboxes(text)[0][1] == "it's"


def test_a_note_above_the_header_is_no_header():
    note = '"Required columns: email, password, smtphost, imaphost"\n'
    assert mailboxes(note + joined(("Name", *NAMES), ("Ann", *ANN))) == [ANN]
    remark = "# email, password, smtphost, imaphost\n"
    assert mailboxes(remark + joined(NAMES[::-1], ANN[::-1])) == [ANN]


@pytest.mark.parametrize("mark", ["'p,w'", "\u201cp,w\u201d", "\u00abp,w\u00bb"])
def test_a_mark_that_does_not_hold_a_cell_together_is_named(mark):
    (row,) = checked(joined(NAMES, ("ann@x.com", mark, *ANN[2:]))).rows
    assert f"The mark {mark[0]} does not hold" in row.failure.hint


def test_a_closing_quotation_mark_alone_is_taken_off_an_address():
    for mark in "'\u201d":
        assert mailboxes(joined(NAMES, (f"ann@x.com{mark}", *ANN[1:]))) == [ANN]


@pytest.mark.parametrize("by", ["/", "!", "+", "\u3001", "\u2022", "\u00a7"])
def test_a_delimiter_that_is_not_read_is_named(by):
    assert f"separated by '{by}'" in fault_of(joined(NAMES, ANN, by=by)).message


CANARIES = (
    "smtp://ann%40x.com:CANARY@smtp.x.com:587",
    "CANARY:99",
    "def/CANARY",
    "CANARY",
)


@pytest.mark.parametrize("host", CANARIES)
def test_what_stands_for_a_server_and_may_be_a_password_is_not_repeated(host):
    row = checked(joined(NAMES, ("ann@x.com", "abc", host, "imap.x.com"))).rows[0]
    told = repr((row.record.warnings, row.failure and row.failure.text, row.record.smtp_host))
    assert "CANARY" not in told


@pytest.mark.parametrize(
    "line",
    [
        "ann@x.com;CANARY,er2;smtp.x.com;imap.x.com",
        "ann@x.com=CANARY",
        "email=ann@x.com&password=CANARY",
        "ann@x.com:CANARY,pw",
        "ann@x.com\u2192CANARY",
        ",x@CANARY;w;x;y",
        "x" * 3000 + "@CANARY",
    ],
)
def test_a_row_that_is_glued_together_shows_no_password(line):
    (row,) = checked(HEADER + line + "\n").rows
    assert row.failure is not None
    assert "CANARY" not in row.record.shown_email
    assert "CANARY" not in repr((row.failure.text, row.record.warnings))


def test_a_row_that_lacks_its_first_cell_is_not_repeated():
    text = "No,Email,Password,SMTP,IMAP\nbob@x.com,CANARY,smtp.x.com,imap.x.com\n"
    (row,) = checked(text).rows
    assert row.failure.code is Code.WRONG_COLUMN_COUNT
    assert "CANARY" not in repr((row.record.shown_email, row.record.cells))


def test_a_row_whose_port_is_a_host_has_moved():
    text = HEADER.replace("\n", ",smtpport\n") + "ann@x.com,abc,x.CANARY,smtp.x.com,imap.x.com\n"
    (row,) = checked(text).rows
    assert row.failure.code is Code.WRONG_COLUMN_COUNT
    assert row.record.smtp_host == ""


def test_a_group_of_names_may_end_before_the_next_one():
    text = (
        ",,SMTP,,IMAP,,\nEmail,Password,Host,Port,Host,Port,First name\n"
        "ann@x.com,s3cret,smtp.x.com,465,imap.x.com,993,Ann\n"
    )
    assert mailboxes(text) == [ANN]
    assert checked(text).rows[0].mailbox.display_name == "Ann"


@pytest.mark.parametrize(
    "cell",
    ["a" + " " * 100_000 + "b", "@" * 9000, ":^~ " * 2400, "h" + " " * 500 + "x", "&" * 50_000],
)
def test_a_cell_takes_as_long_as_it_is_long(cell):
    head = "email,password,smtphost,imaphost,displayname\n"

    def seconds(size: int) -> float:
        text = cell[: len(cell) * size // 4]
        lines = [f"a@x.com,pw,{text},smtp.x.com,{text}\n", f"{text}\n"]
        started = time.process_time()
        for line in lines:
            checked(head + line)
        return time.process_time() - started

    seconds(1)
    assert seconds(4) < 20 * max(seconds(1), 0.01)
