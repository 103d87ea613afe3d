"""The JSON face of imports: their bodies, lists by cursor, and calls that rather do not wait."""

from __future__ import annotations

import io
import itertools
import re
from datetime import timedelta

import pytest
from database_contents import age
from import_calls import call, delete, ended, imported, look, rows_of, send, stage
from mailbox_files import READY, Header, file_of, row, untested
from waiting import runner_threads, wait_for


def test_an_import_and_its_rows_in_full(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port)
    csv = file_of(server.port, "a", "A", "b") + row("", "pw", server.port)
    import_id = host.post(csv, tag="  spring ").json["data"]["importId"]
    found = look(host, import_id)
    times = {name: found.pop(name) for name in ("createdAt", "finishedAt")}
    for each in times.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each)
    errors = found.pop("errors")
    assert found == {
        "id": import_id,
        "status": "finished",
        "tag": "spring",
        "fileName": "mailboxes.csv",
        "rows": 4,
        "ready": 0,
        "imported": 1,
        "updated": 0,
        "skipped": 1,
        "failed": 2,
    }
    assert [(each["row"], each["email"], each["code"]) for each in errors] == [
        (4, "b@x.com", "bad_credentials"),
        (5, "", "missing_email"),
    ]
    rows = rows_of(host, import_id)
    assert [list(each) for each in rows] == [
        [
            *("row", "email", "status", "mailboxStatus", "code", "error", "hint", "reply"),
            *("smtphost", "smtpport"),
            *("retryable", "smtp", "imap", "warnings"),
        ]
    ] * 4
    assert [(each["row"], each["status"], each["mailboxStatus"]) for each in rows] == [
        *[(2, "imported", "active"), (3, "skipped", None), (4, "failed", None)],
        (5, "failed", None),
    ]
    assert [each["code"] for each in rows] == [
        *(None, "duplicate_in_file", "bad_credentials", "missing_email"),
    ]
    words = "Authentication failed. Check username/password."
    assert rows[2]["smtp"] == {"code": "bad_credentials", "error": words}
    assert rows[2]["error"] == words
    assert "535" in rows[2]["reply"]
    assert "pw" not in str(rows)
    (listed,) = call(host, "GET").json["data"]
    assert listed == look(host, import_id)


def test_imports_are_listed_newest_first_and_page_by_page(host):
    key = host.create_key()
    ids = []
    for number in range(43):
        ids.append(stage(host, Header + READY, skip_connection_test=True))
        if number in (5, 30):
            # Several of one moment, too.
            age(host, timedelta(seconds=1))
    imported(host, READY, workspace_id="w2")
    delete(host, ids.pop(7), key)
    pages, cursor = [], None
    while cursor or not pages:
        query = {"cursor": cursor} if cursor else {}
        answer = call(host, "GET", key=key, query_string=query)
        assert list(answer.json) == ["success", "data", "nextCursor"]
        pages.append([each["id"] for each in answer.json["data"]])
        cursor = answer.json["nextCursor"]
        # What comes meanwhile is ahead of the first page.
        stage(host, Header + READY)
    assert [len(each) for each in pages] == [20, 20, 2]
    listed = [*itertools.chain(*pages)]
    assert sorted(listed) == sorted(ids)
    moments = [look(host, each)["createdAt"] for each in (listed[0], listed[20], listed[41])]
    assert moments == sorted(moments, reverse=True)
    assert set(listed[-6:]) == set(ids[:6])


def test_rows_are_listed_in_the_files_order_page_by_page_and_by_status(host):
    key = host.create_key()
    bad = [row(f"f{each}", "pw", 587) for each in range(101)]
    import_id = host.post(
        untested(205) + row("U0@x.com", "pw", 587) + "".join(bad), key, skipConnectionTest="1"
    ).json["data"]["importId"]

    def listed(status: str) -> list[list[int]]:
        pages, cursor = [], ""
        while cursor is not None:
            query = {"status": status, "cursor": cursor}
            answer = call(host, "GET", f"/{import_id}/rows", key=key, query_string=query)
            pages.append([each["row"] for each in answer.json["data"]])
            cursor = answer.json["nextCursor"]
        return pages

    every = listed("")
    assert [len(each) for each in every] == [100, 100, 100, 7]
    assert [*itertools.chain(*every)] == list(range(2, 309))
    failed = listed("failed")
    assert [len(each) for each in failed] == [100, 1]
    assert [*itertools.chain(*failed)] == list(range(208, 309))
    assert [len(each) for each in listed("ready")] == [0]


@pytest.mark.usefixtures("gate")
def test_who_prefers_not_to_wait_is_told_where_to_look(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread")
    answer = send(host, file_of(server.port, "a", "b"), tag="spring")
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    body = answer.json["data"]
    assert (body["tag"], body["fileName"]) == ("spring", "mailboxes.csv")
    assert body["status"] in ("queued", "running")
    assert (body["rows"], body["ready"], body["imported"]) == (2, 2, 0)
    assert answer.headers["Location"] == f"/v1/mailboxes/imports/{body['id']}"
    wait_for(lambda: gate.came == 2)
    there = call(host, "GET", answer.headers["Location"]).json["data"]
    assert (there["status"], there["ready"], there["finishedAt"]) == ("running", 2, None)
    gate.open()
    done = ended(host, body["id"])
    assert (done["ready"], done["imported"], done["failed"]) == (0, 2, 0)
    assert done["finishedAt"] >= done["createdAt"]
    assert [each.email for each in host.mailboxes()] == ["a@x.com", "b@x.com"]


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize(
    ("preference", "status"),
    [
        ("respond-async", 202),
        ("wait=5, Respond-Async; x=1", 202),
        ("respond-asynchronously", 200),
        ("handling=lenient", 200),
    ],
)
def test_the_preference_is_read_as_rfc_7240_has_it(make_host, preference, status):
    host = make_host(RUNNER="thread")
    data = {"file": (io.BytesIO(untested(1).encode()), "m.csv"), "skipConnectionTest": "1"}
    path = "/v1/mailboxes/import/smtp"
    answer = call(host, "POST", path, data=data, headers={"Prefer": preference})
    assert answer.status_code == status
    assert ("Preference-Applied" in answer.headers) == (status == 202)


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize(
    "settings", [{"RUNNER": "inline"}, {"RUNNER": "thread", "database": "sqlite://"}]
)
def test_where_imports_run_while_the_caller_waits_the_preference_is_left_aside(make_host, settings):
    host = make_host(**settings)
    answer = send(host, untested(2), skipConnectionTest="1")
    assert (answer.status_code, answer.json["data"]["imported"]) == (200, 2)
    assert "Preference-Applied" not in answer.headers
    assert runner_threads() == []
    import_id = stage(host, untested(3), skip_connection_test=True)
    again = call(host, "POST", f"/{import_id}/continue")
    assert (again.status_code, again.json["data"]["status"]) == (202, "finished")


@pytest.mark.usefixtures("gate")
def test_a_dry_run_is_answered_at_once(make_host):
    host = make_host(RUNNER="thread")
    answer = send(host, untested(2), dryRun="1")
    assert (answer.status_code, answer.json["data"]["dryRun"]) == (200, True)
    assert host.rows() == []
