"""The report: for a spreadsheet, without passwords, and nothing that it runs."""

from __future__ import annotations

import pytest
from mailbox_files import Header, report_cells, row

from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.failures import failure_for
from flask_mailbox_import.core.rows import RowResult, RowStatus
from flask_mailbox_import.web.report import report_csv

ADDRESS = "/v1/mailboxes/imports/{}/report.csv"


def cells_of(email: str, words: str) -> list[str]:
    """Return the cells of a failed row, with words in place of our own, as a translation is."""
    failure = failure_for(Code.UNKNOWN)
    row = RowResult(row=2, email=email, status=RowStatus.FAILED, failure=failure)
    _, cells = report_cells(report_csv([row], lambda _ours: words))
    assert [cells[0], *cells[2:4]] == ["2", "failed", "unknown"]
    assert cells[4] == cells[5]
    return [cells[1], cells[4]]


@pytest.mark.parametrize(
    "text",
    [
        *("=1", "+1", "-1", "@SUM(1)", "\tx", "\rx", " =1", "|cmd", "=cmd|'/c calc'!A0"),
        *("\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "  @x", "\n=1"),
    ],
)
def test_a_cell_that_a_spreadsheet_would_compute_is_text(text):
    assert cells_of(text, text) == [f"'{text}"] * 2


def test_a_cell_that_begins_behind_another_delimiter_is_text_as_well():
    assert cells_of("a;=1+1", "x\t @y") == ["a;'=1+1", "x\t '@y"]
    assert cells_of("a@x.com", "a; b - c") == ["a@x.com", "a; b - c"]


def test_a_nul_is_shown_as_what_no_character_is():
    assert cells_of("\0=1", "a\0b") == ["'\ufffd=1", "a\ufffdb"]


def test_the_report_has_every_row_and_no_password(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "CANARY1"})
    host = make_host(server.port)
    host.extension.workspace_loader(lambda: "w1")
    csv_file = (
        Header + row("a@x.com", "CANARY1", server.port) + row("b@x.com", "CANARY2", server.port)
    )
    csv_file += row("A@x.com", "CANARY1", server.port) + "=1+1,CANARY3,localhost,,,\n"
    key = host.create_key()
    import_id = host.post(csv_file, key=key).json["data"]["importId"]
    client = host.app.test_client()
    answer = client.get(ADDRESS.format(import_id), headers={"X-Api-Key": key})
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]
    header, *rows = report_cells(answer.data)
    assert header == ["row", "email", "status", "code", "error", "hint", "smtphost", "smtpport"]
    assert [each[:4] for each in rows] == [
        ["2", "a@x.com", "imported", ""],
        ["3", "b@x.com", "failed", "bad_credentials"],
        ["4", "A@x.com", "skipped", "duplicate_in_file"],
        ["5", "'=1+1", "failed", "invalid_email"],
    ]
    assert b"CANARY" not in answer.data
    assert client.get(f"/mailboxes/import/{import_id}/report.csv").data == answer.data
    assert (
        f"/mailboxes/import/{import_id}/report.csv"
        in client.get(f"/mailboxes/import/{import_id}").text
    )


def test_a_report_is_its_workspaces_own(make_host):
    host = make_host()
    posted = host.post(Header + "a@x.com,pw,h.x.com,,,\n", skipConnectionTest="true")
    import_id = posted.json["data"]["importId"]
    client, foreign = host.app.test_client(), {"X-Api-Key": host.create_key("w2")}
    ids = (import_id, "nope", "%00")
    answers = [client.get(ADDRESS.format(each), headers=foreign) for each in ids]
    assert {each.status_code for each in answers} == {404}
    assert len({each.data for each in answers}) == 1
    assert answers[0].json["reason"] == "not_found"
    host.extension.workspace_loader(lambda: "w2")
    assert client.get(f"/mailboxes/import/{import_id}/report.csv").status_code == 404
    assert client.get(ADDRESS.format(import_id)).status_code == 401
    assert client.post(ADDRESS.format(import_id), headers=foreign).status_code == 405
