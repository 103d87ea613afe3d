"""Each route: its methods, its arguments, and in which order a call is checked."""

from __future__ import annotations

import base64

import pytest
from app_routes import OPENAPI, ROUTES
from http_forms import PATH, assert_json, untested_form
from import_calls import IMPORTS, call, imported
from mailbox_files import READY


def test_the_checks_come_in_order(client, key):
    headers = {"X-Api-Key": key}
    big = {"data": b"x" * 600_000, "content_type": "multipart/form-data; boundary=b"}
    assert_json(client.get(PATH), 401, "no_key")
    assert_json(client.put(PATH, **big), 401, "no_key")
    answer = client.put(PATH, data=b"x", headers=headers)
    assert_json(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"
    answer = client.post(PATH, data=b"x" * 600_000, headers=headers, content_type="text/csv")
    assert_json(answer, 415, "not_multipart")
    assert_json(client.post(PATH, headers=headers, **big), 413, "file_too_large")
    answer = client.post(PATH, data=untested_form(nope="1"), headers=headers)
    assert_json(answer, 400, "invalid_field")


def test_options_tells_the_method(client):
    answer = client.options(PATH)
    assert (answer.status_code, answer.headers["Allow"]) == (204, "POST, OPTIONS")


def test_nothing_is_taken_in_the_address(client, key):
    for query in ("skipconnectiontest=true", "dry_run=1", "x=", "tag=a"):
        answer = client.post(
            f"/v1/mailboxes/import/smtp?{query}", data=untested_form(), headers={"X-Api-Key": key}
        )
        assert_json(answer, 400, "invalid_field")


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
        "/failed.csv": ["status=failed"],
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
        assert client.open(address, method=method).status_code == (405 if path == OPENAPI else 401)
    answer = client.options(address)
    assert (answer.status_code, answer.headers["Allow"]) == (204, f"{ROUTES[path]}, OPTIONS")
