"""The file of failed rows: what is in it, and what comes back from a spreadsheet."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from database_contents import age
from failed_files import as_csv, as_xlsx, corrected, got, saved_by_a_spreadsheet, send_back
from flask import request
from http_forms import FORM, assert_json, form
from import_calls import IMPORTS, call, ended, look, retry, rows_of, sent
from mailbox_files import Header, report_cells, row
from sqlalchemy import event
from waiting import wait_for

from flask_mailbox_import.core.rows import COLUMNS
from flask_mailbox_import.web.errors import RequestError
from flask_mailbox_import.web.failed_rows import retry_file

HEADER = ["row", *COLUMNS, "error", "hint"]
#: Rows of an import that failed untested, each for another reason.
ROWS = (
    "a@x.com,CANARY1,smtp.x.com,,abc,true\n"
    "bad,CANARY2,smtp.x.com,,587,false\n"
    "c@x.com,CANARY3,smtp.x.com,,99,\n"
    "shifted@x.com,CANARY4,smtp.x.com,,587,false,more\n"
    "=1+1,CANARY5,smtp.x.com,,587,false\n"
)


@pytest.fixture
def import_id(host) -> str:
    """An import of which five rows failed, and one was imported."""
    csv = Header + row("ok@x.com", "pw", 587) + ROWS
    return host.post(csv, skipConnectionTest="1").json["data"]["importId"]


def cells(host, import_id: str, number: int) -> dict[str, str]:
    header, *rows = got(host, import_id)
    (found,) = [each for each in rows if each[0] == str(number)]
    return dict(zip(header, found, strict=True))


def emails(host) -> dict[str, str]:
    """Return the mailboxes that there are, with their passwords."""
    return {each.email: each.clear for each in host.mailboxes() if each.email != "ok@x.com"}


def codes(host, import_id: str) -> dict[int, str | None]:
    return {each["row"]: each["code"] for each in rows_of(host, import_id)}


# What is given out.


def test_the_file_has_the_failed_rows_without_a_password(host, client, import_id):
    answer = call(host, "GET", f"/{import_id}/failed.csv")
    assert answer.mimetype == "text/csv"
    assert "failed.csv" in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]
    header, *rows = report_cells(answer.data)
    assert header == HEADER
    assert [each[:2] for each in rows] == [
        ["3", "a@x.com"],
        ["4", "bad"],
        ["5", "c@x.com"],
        ["6", "shifted@x.com"],
        ["7", "'=1+1"],
    ]
    found = cells(host, import_id, 3)
    assert (found["smtpport"], found["smtpsecure"]) == ("abc", "true")
    assert found["error"] == "The column smtpport is not a port number."
    assert found["hint"].startswith("Use one of 25,")
    assert b"CANARY" not in answer.data
    assert client.get(f"/mailboxes/import/{import_id}/failed.csv").data == answer.data


def test_of_a_row_that_is_not_kept_what_is_known_is_there(host, import_id):
    age(host, timedelta(hours=24, minutes=1))
    assert host.run("purge").exit_code == 0
    found = cells(host, import_id, 5)
    assert [found[each] for each in ("email", "smtphost", "smtpport", "smtpsecure")] == [
        *("c@x.com", "smtp.x.com", "99", "")
    ]
    assert cells(host, import_id, 6)["email"] == "shifted@x.com"


def test_what_may_be_a_part_of_a_password_is_not_shown(host):
    csv = "email,password,smtphost,imaphost\n" + 'a@x.com,"Tr0ub4",d0r&3,\n'
    import_id = host.post(csv, skipConnectionTest="1").json["data"]["importId"]
    assert "d0r" not in str(got(host, import_id))


def test_it_takes_as_many_statements_for_many_rows(host):
    counts = []
    with host.app.app_context():
        engine = host.db.engine
    key = host.create_key()
    for size in (2, 200):
        csv = Header + "bad,pw,smtp.x.com,,587,false\n" * size
        import_id = host.post(csv, key).json["data"]["importId"]
        heard: list[str] = []

        def hear(*heard_of: object, heard: list[str] = heard) -> None:
            heard.append(str(heard_of[2]))

        event.listen(engine, "before_cursor_execute", hear)
        answer = call(host, "GET", f"/{import_id}/failed.csv", key=key)
        event.remove(engine, "before_cursor_execute", hear)
        assert len(report_cells(answer.data)) == size + 1
        counts.append(len(heard))
    assert counts[0] == counts[1]


def test_the_page_says_why_in_the_readers_language(make_host):
    host = make_host(texts={"This is not a valid email address.": "Keine Adresse."})
    host.extension.workspace_loader(lambda: "w1")
    answer = host.post(f"{Header}bad,pw,smtp.x.com,,,\n", skipConnectionTest="1")
    import_id = answer.json["data"]["importId"]
    page = host.app.test_client().get(f"/mailboxes/import/{import_id}/failed.csv")
    assert report_cells(page.data)[1][-2] == "Keine Adresse."
    assert got(host, import_id)[1][-2] == "This is not a valid email address."


def test_it_is_its_workspaces_own(host, client, import_id):
    foreign = host.create_key("w2")
    path = f"{IMPORTS}/{import_id}/failed.csv"
    assert_json(client.get(path, headers={"X-Api-Key": foreign}), 404, "not_found")
    host.extension.workspace_loader(lambda: "w2")
    assert client.get(f"/mailboxes/import/{import_id}/failed.csv").status_code == 404


# What comes back.

#: How the file comes back: its bytes, and the fields beside it.
FORMS = {
    "comma": lambda table: (as_csv(table), {}),
    "semicolon": lambda table: (as_csv(table, ";"), {}),
    "tab": lambda table: (as_csv(table, "\t", "utf-8"), {}),
    "utf-16": lambda table: (as_csv(table, "\t", "utf-16"), {}),
    "windows-1252": lambda table: (as_csv(table, ";", "cp1252"), {"encoding": "windows-1252"}),
    "xlsx": lambda table: (as_xlsx(table), {}),
}


@pytest.mark.parametrize("kind", FORMS)
def test_corrections_come_back_in_every_form(host, import_id, kind):
    right = {
        3: {"smtpport": "465", "displayname": "Zoë"},
        4: {"email": "b@x.com"},
        6: {"password": "né 7", "displayname": "Six", "smtphost": "smtp.y.com"},
    }
    file, fields = FORMS[kind](corrected(got(host, import_id), right))
    answer = send_back(host, import_id, file, **fields)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"{IMPORTS}/{import_id}"
    assert emails(host) == {"a@x.com": "CANARY1", "b@x.com": "CANARY2", "shifted@x.com": "né 7"}
    found = {each.email: each for each in host.mailboxes()}
    assert [found[each].display_name for each in ("a@x.com", "shifted@x.com")] == ["Zoë", "Six"]
    assert (found["a@x.com"].smtp_port, found["b@x.com"].smtp_port) == (465, 587)
    # The rows that were not changed are as they were.
    assert codes(host, import_id) == {
        2: None,
        3: None,
        4: None,
        6: None,
        5: "port_not_allowed",
        7: "invalid_email",
    }


def test_columns_and_rows_may_be_moved_left_out_or_added(host, import_id):
    table = [
        ["Notes (k@x.com)", "password", "Row", "smtphost", "smtpport", "SMTP Server"],
        ["", "", "", "", "", ""],
        ["ask Kim", "", " 5 ", "", "587.0", "of.mine.x.com"],
        ["of mine alone", "", "", "", "", ""],
        ["", "new", "3.0", "", "465", ""],
    ]
    assert send_back(host, import_id, table).status_code == 202
    assert emails(host) == {"c@x.com": "CANARY3", "a@x.com": "new"}
    assert {each.smtp_host for each in host.mailboxes()} == {"localhost", "smtp.x.com"}


def test_the_row_and_one_column_are_enough(host, import_id):
    table = [["My corrections"], [], ["row", "smtpport"], ["5", "587"], ["3", "465"]]
    assert send_back(host, import_id, table).status_code == 202
    assert emails(host) == {"a@x.com": "CANARY1", "c@x.com": "CANARY3"}


def test_a_column_that_was_renamed_is_still_known(host, import_id):
    table = [["row", "SMTP Server Port"], ["5", "587"]]
    assert send_back(host, import_id, table).status_code == 202
    assert emails(host) == {"c@x.com": "CANARY3"}
    table = [["Zeile", "was"], ["3", "465"]]
    mapping = '{"Zeile": "row", "was": "smtpport"}'
    assert send_back(host, import_id, table, columnMapping=mapping).status_code == 202
    assert emails(host) == {"a@x.com": "CANARY1", "c@x.com": "CANARY3"}


@pytest.mark.parametrize(
    ("columns", "how"),
    [
        (["row"], lambda text: f"{text}.0"),
        (["row"], lambda text: f"{text},00"),
        (["row", "email"], lambda text: f" {text} "),
        (["row"], lambda text: f"'{text}"),
        (["smtpport"], lambda text: f"{text}.0" if text.isdecimal() else text),
        (["smtpsecure"], lambda text: text.upper()),
        (["smtpsecure"], lambda text: {"true": "WAHR", "false": "FALSCH"}.get(text, "")),
        (["email", "displayname"], lambda text: text.removeprefix("'")),
        (COLUMNS, lambda _text: ""),
        (["error", "hint"], lambda _text: "mine@x.com"),
    ],
)
def test_a_file_that_says_the_same_in_another_way_is_not_changed(host, import_id, columns, how):
    before = look(host, import_id)
    table = saved_by_a_spreadsheet(got(host, import_id), columns, how)
    answer = send_back(host, import_id, table)
    assert_json(answer, 400, "invalid_field")
    assert answer.json["message"].startswith("Nothing is changed in this file")
    assert look(host, import_id) == before


def test_guards_are_taken_off_the_cells_that_had_them_and_no_others(host):
    named = "email,password,smtphost,imaphost,smtpport,displayname,smtpusername\n"
    csv = named + "a@x.com,pw,smtp.x.com,,abc,@home,x;=1\nb@x.com,pw,smtp.x.com,,abc,Ann,-b\n"
    import_id = host.post(csv, skipConnectionTest="1").json["data"]["importId"]
    first, second = cells(host, import_id, 2), cells(host, import_id, 3)
    assert (first["displayname"], first["smtpusername"]) == ("'@home", "x;'=1")
    right = {
        2: {"smtpport": "587", "password": "'=secret"},
        3: {"smtpport": "587", "displayname": "'=Ann", "smtpusername": "'-bb"},
    }
    assert second["smtpusername"] == "'-b"
    assert send_back(host, import_id, corrected(got(host, import_id), right)).status_code == 202
    one, two = host.mailboxes()
    assert (one.display_name, one.smtp_username, one.clear) == ("@home", "x;=1", "'=secret")
    assert (two.display_name, two.smtp_username, two.clear) == ("'=Ann", "-bb", "pw")


@pytest.mark.parametrize("username", ["0012345", "123456789012"])
def test_a_number_that_a_spreadsheet_cut_is_not_changed(host, username):
    csv = "email,password,smtphost,imaphost,smtpport,smtpusername\n"
    csv += f"a@x.com,pw,smtp.x.com,,abc,{username}\n"
    import_id = host.post(csv, skipConnectionTest="1").json["data"]["importId"]
    shown = {"0012345": "12345", "123456789012": "1.23457E+11"}[username]
    right = {2: {"smtpport": "587", "smtpusername": shown}}
    assert send_back(host, import_id, corrected(got(host, import_id), right)).status_code == 202
    assert [each.smtp_username for each in host.mailboxes()] == [username]


def test_what_an_encoding_cannot_hold_is_not_changed(host):
    csv = "email,password,smtphost,imaphost,smtpport,displayname\n"
    csv += "a@x.com,pw,smtp.x.com,,abc,Łukasz Zoë\n"
    import_id = host.post(csv, skipConnectionTest="1").json["data"]["importId"]
    table = corrected(got(host, import_id), {2: {"smtpport": "587"}})
    text = as_csv(table, encoding="utf-8").decode("utf-8")
    answer = send_back(host, import_id, text.encode("cp1252", "replace"), encoding="cp1252")
    assert answer.status_code == 202
    assert [each.display_name for each in host.mailboxes()] == ["Łukasz Zoë"]


def test_a_server_may_be_given_with_its_port(host, import_id):
    right = {3: {"smtphost": "smtps://mail.x.com:465"}}
    assert send_back(host, import_id, corrected(got(host, import_id), right)).status_code == 202
    (mailbox,) = [each for each in host.mailboxes() if each.email == "a@x.com"]
    assert (mailbox.smtp_host, mailbox.smtp_port) == ("mail.x.com", 465)


def test_a_name_beside_a_new_address_is_taken_only_where_there_is_none(host):
    csv = "email,password,smtphost,imaphost,displayname\n"
    csv += "bad,pw,smtp.x.com,,Annie\nbad,pw,smtp.x.com,,\n"
    import_id = host.post(csv, skipConnectionTest="1").json["data"]["importId"]
    right = {2: {"email": "Ann <a@x.com>"}, 3: {"email": "Ben <b@x.com>"}}
    assert send_back(host, import_id, corrected(got(host, import_id), right)).status_code == 202
    found = [(each.email, each.display_name) for each in host.mailboxes()]
    assert found == [("a@x.com", "Annie"), ("b@x.com", "Ben")]


def test_a_cell_of_several_lines_is_one_cell(host, import_id):
    table = [["row", "smtpport", "displayname"], ["3", "465", "Ann\n@home"]]
    assert send_back(host, import_id, table).status_code == 202
    assert [each.display_name for each in host.mailboxes()] == ["", "Ann @home"]


def test_no_line_is_a_remark(host):
    csv = 'email,password,smtphost,imaphost\n"//a@x.com",pw,smtp.x.com,\n'
    import_id = host.post(csv, skipConnectionTest="1").json["data"]["importId"]
    answer = send_back(host, import_id, [["email", "row"], ["//b@x.com", "2"]])
    assert answer.status_code == 202, answer.text
    assert [each["email"] for each in rows_of(host, import_id)] == ["//b@x.com"]


def test_a_wrong_correction_fails_its_row_at_once(host, import_id):
    right = {3: {"smtpport": "70000"}, 5: {"smtpport": "587"}}
    assert send_back(host, import_id, corrected(got(host, import_id), right)).status_code == 202
    assert codes(host, import_id)[3] == "invalid_port"
    assert emails(host) == {"c@x.com": "CANARY3"}
    # What was given is kept, and given out again.
    assert cells(host, import_id, 3)["smtpport"] == "70000"


def test_what_is_not_kept_needs_its_password(host, import_id):
    age(host, timedelta(hours=24, minutes=1))
    assert host.run("purge").exit_code == 0
    table, before = got(host, import_id), look(host, import_id)
    answer = send_back(host, import_id, corrected(table, {5: {"smtpport": "587"}}))
    assert_json(answer, 400, "invalid_field")
    assert answer.json["message"].startswith("Line 4: the password of row 5 is not kept any more.")
    assert look(host, import_id) == before
    right = {
        5: {"smtpport": "587", "password": "again"},
        6: {"password": "pw", "smtphost": "smtp.y.com"},
    }
    assert send_back(host, import_id, corrected(table, right)).status_code == 202
    assert emails(host) == {"c@x.com": "again", "shifted@x.com": "pw"}
    assert {each.email: each.smtp_host for each in host.mailboxes()} == {
        "ok@x.com": "localhost",
        "c@x.com": "smtp.x.com",
        "shifted@x.com": "smtp.y.com",
    }


# What is tested of it.


def test_rows_that_may_pass_are_tested_and_others_only_if_they_changed(make_host, mail_server):
    def reply(session) -> bytes:
        user, password = session.logins[-1]
        if user.startswith("busy"):
            return b"454 4.7.0 Temporary authentication failure\r\n"
        return b"235 2.7.0 ok\r\n" if password == "pw" else b"535 5.7.8 no\r\n"

    server = mail_server(replies={"AUTH": reply})
    host = make_host(server.port, RETRIES=0)
    names = ("no", "busy", "busy.too", "mend")
    csv = Header + "".join(
        row(f"{each}@x.com", "pw" if "busy" in each else "bad", server.port) for each in names
    )
    import_id = host.post(csv).json["data"]["importId"]
    table = got(host, import_id)
    assert [each[-2] for each in table[1:]].count("Authentication failed. Check username/password.")
    server.sessions.clear()
    # One that was busy is left out of the file.
    back = [each for each in corrected(table, {5: {"password": "pw"}}) if each[0] != "4"]
    assert send_back(host, import_id, back).status_code == 202
    assert sorted(server.logins) == [("busy@x.com", "pw"), ("mend@x.com", "pw")]
    assert [each.email for each in host.mailboxes()] == ["mend@x.com"]


# What is refused.


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["14,587"], "Line 2: Row 14 is not a row of this import that failed."),
        (["2,587"], "Line 2: Row 2 is not a row of this import that failed."),
        (["3,465", "", "3,587"], "Line 4: Row 3 is in line 2, too."),
        (["3,465", "five,587"], "Line 3: The column row holds no number of a row."),
        ([",587"], "Line 2: The column row holds no number of a row."),
        (["0,587"], "Line 2: Row 0 is not a row of this import that failed."),
        (["-3,587"], "Line 2: The column row holds no number of a row."),
        (["3.5,587"], "Line 2: The column row holds no number of a row."),
        (["5,smtp.x.com"], "Line 2: The address of this row stands in another column"),
        (["5,587,more"], "Line 2: This row has more cells than the header's 2."),
    ],
)
def test_a_line_that_is_wrong_is_named_and_changes_nothing(host, import_id, lines, words):
    before = look(host, import_id)
    file = "\n".join(["row,smtpport", *lines]).encode()
    answer = send_back(host, import_id, file)
    assert_json(answer, 400, "invalid_field")
    assert answer.json["message"].startswith(words)
    assert look(host, import_id) == before


@pytest.mark.parametrize(
    ("file", "reason", "words"),
    [
        (Header.encode() + b"a@x.com,CANARY1,smtp.x.com,,587,false\n", "missing_column", "This is"),
        (b"a@x.com,CANARY1,smtp.x.com,\n", "missing_column", "This is not the file of failed rows"),
        (b"row,Notes\n3,x\n", "missing_column", "This file of failed rows has none of our columns"),
        (b"row,smtpport,Row\n3,465,3\n", "duplicate_column", "The column row is there more than"),
        (b"row,smtpport\n", "no_rows", "The file has a header and nothing below it"),
        (b"", "empty_file", "The file is empty"),
        (b"%PDF-1.4", "not_a_table", "This is a PDF"),
        ("row,displayname\n3,Zoë\n".encode("cp1252"), "unreadable_encoding", "The text near line"),
        (b"row,smtpport\n" + b"3,465\n" * 501, "too_many_rows", "The file has 501"),
    ],
)
def test_a_file_that_is_another_is_refused(host, import_id, file, reason, words):
    before = look(host, import_id)
    answer = send_back(host, import_id, file)
    assert_json(answer, 400, reason)
    assert answer.json["message"].startswith(words)
    assert "CANARY" not in answer.text
    assert look(host, import_id) == before


def test_a_cell_that_is_too_long_is_refused(host, import_id):
    right = {3: {"displayname": "x" * 129}}
    answer = send_back(host, import_id, corrected(got(host, import_id), right))
    assert_json(answer, 400, "invalid_field")
    assert answer.json["message"].startswith("Row 3: The column displayname is longer than 128")


def test_the_checks_of_the_call_come_in_order(host, client, import_id):
    path, key = f"{IMPORTS}/{import_id}/retry", {"X-Api-Key": host.create_key()}
    big = {"data": b"x" * 600_000, "content_type": FORM}
    assert_json(client.post(path, **big), 401, "no_key")
    assert_json(client.put(path, headers=key, **big), 405, "method_not_allowed")
    packed = {**key, "Content-Encoding": "gzip"}
    assert_json(client.post(path, headers=packed, **big), 415, "not_multipart")
    assert_json(client.post(path, headers=key, **big), 413, "file_too_large")
    file = as_csv(got(host, import_id))
    assert_json(send_back(host, import_id, file, tag="x"), 400, "invalid_field")
    assert_json(send_back(host, import_id, file, encoding="nope"), 400, "invalid_field")
    assert_json(send_back(host, import_id, file, columnMapping="[]"), 400, "invalid_mapping")
    assert_json(send_back(host, "0" * 32, file), 404, "not_found")
    nothing = client.post(
        path, data=form(csv=None, encoding="utf-8"), content_type=FORM, headers=key
    )
    assert_json(nothing, 400, "no_file")
    # JSON, and no body, go on as ever.
    assert retry(host, import_id).status_code == 202
    assert retry(host, import_id, {"corrections": {"5": {"smtpport": 587}}}).status_code == 202
    assert emails(host) == {"c@x.com": "CANARY3"}


@pytest.mark.usefixtures("gate")
def test_an_import_that_runs_is_not_changed(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread")
    import_id = sent(host, Header + row("a@x.com", "pw", server.port) + ROWS)
    wait_for(lambda: gate.came)
    file = b"row,smtpport\n2,1\n"
    assert_json(send_back(host, import_id, file), 409, "import_running")
    gate.open()
    ended(host, import_id)
    assert_json(send_back(host, import_id, file), 400, "invalid_field")


def test_a_page_takes_the_file_with_fields_of_its_own(host, import_id):
    def page(beside: tuple[str, ...]) -> list[int]:
        file = as_csv(corrected(got(host, import_id), {3: {"smtpport": "0"}}))
        fields = {"file": (io.BytesIO(file), "failed.csv"), "csrf_token": "x", "what": "file"}
        with host.app.test_request_context("/", method="POST", data=fields):
            refused = retry_file(request, import_id, "w1", beside=beside)
        return [each.record.row for each in refused]

    with pytest.raises(RequestError, match="'what' is not known"):
        page(("csrf_token",))
    assert page(("csrf_token", "what")) == [3]


# Sent to where files of mailboxes are imported.


def test_a_file_of_failed_rows_that_is_imported_is_known(host, import_id):
    answer = host.post(as_csv(got(host, import_id)), dryRun="1")
    assert answer.status_code == 200, answer.text
    of_file = [each for each in answer.json["data"]["warnings"] if each["row"] < 2]
    assert [(each["row"], each["code"]) for each in of_file] == [(0, "failed_rows_file")]
    assert "/retry" in of_file[0]["message"]


def test_a_file_with_some_of_these_columns_is_none_of_failed_rows(host):
    csv = "row,email,password,smtphost,imaphost,hint\n2,a@x.com,pw,smtp.x.com,,pet\n"
    warnings = host.post(csv, dryRun="1").json["data"]["warnings"]
    assert [each["code"] for each in warnings] == ["unknown_column"] * 2
