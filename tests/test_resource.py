"""The JSON face of imports: their bodies, lists by cursor, methods, and what is not there."""

from __future__ import annotations

import base64
import itertools
import re
from datetime import timedelta

import pytest
from conftest import Header, row
from steering import IMPORTS, call, file_of, look, rows_of, untested
from traces import READY, age, delete, imported, stage

#: Each route, and the methods that it has.
ROUTES = {
    "/v1/mailboxes/import/smtp": "POST",
    "/v1/mailboxes/import/smtp/template.csv": "GET",
    "/v1/mailboxes/openapi.json": "GET",
    "/v1/mailboxes/connection-test": "POST",
    IMPORTS: "GET",
    f"{IMPORTS}/ID": "GET, DELETE",
    f"{IMPORTS}/ID/rows": "GET",
    f"{IMPORTS}/ID/report.csv": "GET",
    f"{IMPORTS}/ID/cancel": "POST",
    f"{IMPORTS}/ID/continue": "POST",
    f"{IMPORTS}/ID/retry": "POST",
}
OPEN = "/v1/mailboxes/openapi.json"


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


@pytest.mark.parametrize("path", [IMPORTS, f"{IMPORTS}/ID/rows"])
def test_what_is_no_cursor_is_told(host, path):
    key, import_id = host.create_key(), imported(host, READY)
    words = ["2026-01-01T00:00:00 x-y", "nonsense", "2026-13-01T00:00:00 abc", " ", "é"]
    cursors = [base64.urlsafe_b64encode(each.encode()).decode() for each in words]
    cursors += ["x", "-1", "1.5", "²", "\0", "%", "9" * 5000, "1' OR 1=1 --", "==", "é"]
    for cursor in cursors:
        query = {"cursor": cursor}
        address = path.replace("ID", import_id)
        answer = call(host, "GET", address, key=key, query_string=query)
        assert (answer.status_code, answer.json["reason"]) == (400, "invalid_field"), cursor
        assert answer.json["details"] == {"field": "cursor"}


def test_what_is_not_known_in_an_address_is_told(host):
    key, import_id = host.create_key(), imported(host, READY)
    asked = {
        "/rows": ["status=done", "status=failed&status=ready", "state=failed", "cursor=1&cursor=2"],
        "": ["cursor=1"],
        "/cancel": ["force=1"],
        "/continue": ["x"],
        "/retry": ["rows=3"],
        "/report.csv": ["status=failed"],
    }
    for path, queries in asked.items():
        for query in queries:
            method = "POST" if ROUTES[f"{IMPORTS}/ID{path}"] == "POST" else "GET"
            answer = call(host, method, f"/{import_id}{path}", key=key, query_string=query)
            assert (answer.status_code, answer.json["reason"]) == (400, "invalid_field"), query
    for query in ("cursor=1&cursor=1", "limit=5"):
        assert call(host, "GET", key=key, query_string=query).status_code == 400
    path = "/v1/mailboxes/import/smtp/template.csv"
    assert call(host, "GET", path, key=key, query_string="x=1").status_code == 400
    assert call(host, "POST", "/v1/mailboxes/connection-test?x=1", key=key).status_code == 400


@pytest.mark.parametrize("path", ROUTES)
def test_other_methods_are_refused_and_those_there_are_told(host, path, client):
    key, address = host.create_key(), path.replace("ID", "0" * 32)
    allowed = ROUTES[path].split(", ")
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {*allowed}:
        answer = call(host, method, address, key=key)
        assert (answer.status_code, answer.json["reason"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == ROUTES[path]
        assert client.open(address, method=method).status_code == (405 if path == OPEN else 401)
    answer = client.options(address)
    assert (answer.status_code, answer.headers["Allow"]) == (204, f"{ROUTES[path]}, OPTIONS")


def test_whats_foreign_is_answered_like_what_is_not_there_byte_for_byte(host):
    foreign, gone = imported(host, READY, workspace_id="w2"), imported(host, READY)
    key = host.create_key()
    assert delete(host, gone, key).status_code == 204
    before = look_as(host, foreign)
    asked = [foreign, gone, "0" * 32, foreign.upper(), foreign[:-1], "%00", "%ED%A0%80", "'--"]
    for route, methods in ROUTES.items():
        for method in methods.split(", ") if "ID" in route else ():
            for more in ({}, {"data": b'{"rows": [2]}'}):
                answers = [
                    call(host, method, route.replace("ID", each), key=key, **more) for each in asked
                ]
                assert {each.status_code for each in answers} == {404}
                assert len({(each.data, str(each.headers)) for each in answers}) == 1
    assert look_as(host, foreign) == before


def look_as(host, import_id: str) -> dict:
    """Look at an import of the second workspace."""
    return call(host, "GET", f"/{import_id}", key=host.create_key("w2")).json
