"""Files as people have them, through the whole import: warnings, hints, workbooks, the dry run."""

from __future__ import annotations

import pytest
from import_calls import stage
from libreoffice_files import EXPECTED, FILES
from mailbox_files import Header, row

from flask_mailbox_import.core.password_pitfalls import password_remarks
from flask_mailbox_import.core.secret import Secret


def test_what_looks_wrong_about_a_refused_password_is_in_the_hint(make_host, mail_server):
    server = mail_server(accounts={"ok@x.com": "12345678", "sp@x.com": " pw "})
    host = make_host(server.port)
    accounts = {
        "ok@x.com": "12345678",
        "sp@x.com": " pw ",
        "app@x.com": "abcd efgh ijkl mnop",
        "space@x.com": " pw",
        "number@x.com": "1.23457E+11",
        "plain@x.com": "wrong",
    }
    data = host.post(Header + "".join(row(*each, server.port) for each in accounts.items())).json[
        "data"
    ]
    assert data["imported"] == 2
    hints = {each["email"]: each["hint"] for each in data["errors"]}
    for email in ("app@x.com", "space@x.com", "number@x.com"):
        (remark,) = password_remarks(Secret(accounts[email]))
        assert hints[email] == f"{remark.words} {hints['plain@x.com']}"
    warned = [(each["row"], each["column"], each["code"]) for each in data["warnings"]]
    assert warned == [
        (3, "password", "password_spaces"),
        (5, "password", "password_spaces"),
        (6, "password", "password_number"),
    ]
    assert len(server.logins) == len(accounts)


FILE = (
    "My mailboxes\n\nE-Mail;Mail Password;SMTP Server;IMAP Server;Port;Notes\n"
    "“a@x.com”;pw ;{host};-;{port};n\n;;;;;\nb@x.com;pw;{host};;;n\nbad;;;;;\n"
)


def test_the_dry_run_the_import_and_the_page_say_the_same(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "pw "})
    host = make_host(server.port)
    host.extension.workspace_loader(lambda: "w1")
    file = FILE.format(host="localhost", port=server.port).replace(
        f"{server.port},0", str(server.port)
    )
    dry = host.post(file, dryRun="true").json["data"]
    assert (dry["imported"], dry["failed"]) == (2, 1)
    real = host.post(file, skipConnectionTest="true").json["data"]
    assert real["warnings"] == dry["warnings"]
    assert [each["row"] for each in real["errors"]] == [7]
    codes = [(each["row"], each["code"]) for each in dry["warnings"]]
    assert codes == [
        (3, "unknown_column"),
        (0, "rows_above_header"),
        (0, "blank_rows"),
        (4, "quotation_marks"),
        (4, "read_as_empty"),
        (4, "password_spaces"),
    ]
    page = host.app.test_client().get(f"/mailboxes/import/{real['importId']}").text
    for each in real["warnings"][1:]:
        assert each["message"].replace("'", "&#39;") in page


def test_warnings_stay_with_their_rows_through_the_test(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "pw "})
    host = make_host(server.port)
    line = row("a@x.com", "pw ", server.port, secure="true")
    data = host.post(Header + line).json["data"]
    codes = [each["code"] for each in data["warnings"]]
    assert codes == ["password_spaces", "tls_mode_mismatch"]


@pytest.mark.parametrize("kind", ["ods", "xlsx", "xls"])
def test_a_workbook_is_imported_by_call_and_by_command(make_host, tmp_path, kind):
    host = make_host()
    data = (FILES / f"gaps.{kind}").read_bytes()
    answer = host.post(data, skipConnectionTest="true").json["data"]
    assert answer["imported"] + answer["failed"] == len(EXPECTED["gaps"])
    path = tmp_path / f"m.{kind}"
    path.write_bytes(data)
    found = host.run("run", str(path), "--workspace", "w2", "--skip-connection-test")
    assert f"{answer['imported']} imported" in found.output


def test_a_file_that_waits_for_an_answer_keeps_the_servers_for_all_rows(make_host):
    host = make_host()
    text = "email,password,displayname\na@x.com,pw,Zoë\n".encode("cp1252")
    servers = {"smtphost": "smtp.x.com", "smtpport": "465"}
    import_id = stage(host, text, ask=True, servers=servers, skip_connection_test=True)
    with host.app.app_context():
        importer = host.extension.importer
        importer.read_as(import_id, "windows-1252", workspace_id="w1")
        assert importer.continue_import(import_id).imported == 1
    assert [(each.smtp_host, each.smtp_port) for each in host.mailboxes()] == [("smtp.x.com", 465)]


def test_a_file_that_waits_for_an_answer_keeps_that_servers_are_to_be_found(make_host):
    host = make_host()
    text = "email,password,displayname\na@gmail.com,pw,Zoë\n".encode("cp1252")
    import_id = stage(host, text, ask=True, find_servers=True, skip_connection_test=True)
    with host.app.app_context():
        importer = host.extension.importer
        importer.read_as(import_id, "windows-1252", workspace_id="w1")
        assert importer.continue_import(import_id).imported == 1
    assert [each.smtp_host for each in host.mailboxes()] == ["smtp.gmail.com"]
