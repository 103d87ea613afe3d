"""Fields are judged the same for pages and calls."""

from __future__ import annotations

import pytest
from http_forms import PATH, assert_json, form_fields, untested_form
from mailbox_files import ROW, Header
from page_imports import UPLOAD, upload


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("skipConnectionTest", "yes"),
        ("dryRun", "2"),
        ("tag", "x" * 65),
        ("nope", "1"),
        ("onDuplicate", "replace"),
        ("onDuplicate", "UPDATE"),
        ("onDuplicate", ["update", "update"]),
        ("encoding", "klingon"),
        ("dryRun", ["true", "true"]),
        ("findServers", "yes"),
        *(("smtphost", "no host"), ("smtpport", "22"), ("smtpsecure", "starttls")),
        *(("imaphost", ["i.x.com", "i.y.com"]), ("imapport", "many"), ("imapsecure", "2")),
    ],
)
def test_fields_that_are_wrong_are_named(client, key, field, value):
    answer = client.post(PATH, data=untested_form(**{field: value}), headers={"X-Api-Key": key})
    assert_json(answer, 400, "invalid_field")
    assert field in answer.json["message"]


def test_servers_for_all_rows_make_two_columns_enough(client, key):
    fields = {"smtphost": "smtp.x.com", "smtpport": "465", "smtpsecure": "TRUE", "dryRun": "1"}
    form = form_fields("email,password\na@x.com,pw\n", **fields)
    answer = client.post(PATH, data=form, headers={"X-Api-Key": key})
    assert answer.json["data"]["imported"] == 1
    form = form_fields("email,password\na@x.com,pw\n", dryRun="1", smtphost="")
    assert_json(client.post(PATH, data=form, headers={"X-Api-Key": key}), 400, "missing_column")


def test_servers_that_are_found_make_two_columns_enough(client, key):
    for value, is_enough in (("true", True), ("1", True), ("false", False), ("", False)):
        form = form_fields("email,password\na@gmail.com,pw\n", dryRun="1", findServers=value)
        answer = client.post(PATH, data=form, headers={"X-Api-Key": key})
        if is_enough:
            assert answer.json["data"]["imported"] == 1
            found = [each["code"] for each in answer.json["data"]["warnings"]]
            assert found == ["server_found", "server_found", "app_password_expected"]
        else:
            assert_json(answer, 400, "missing_column")


def test_of_wrong_fields_the_first_in_the_contracts_order_is_named(client, key):
    wrong = {"onDuplicate": "replace", "encoding": "klingon", "dryRun": "2", "tag": "x" * 65}
    for name in ("tag", "dryRun", "encoding", "onDuplicate"):
        for fields in (untested_form(**wrong), {**wrong}):
            answer = client.post(
                PATH,
                data=fields,
                headers={"X-Api-Key": key},
                content_type="multipart/form-data",
            )
            assert_json(answer, 400, "invalid_field")
            assert answer.json["details"] == {"field": name}
        del wrong[name]


def test_fields_at_their_default_and_empty_ones_are_fine(client, key):
    fields = untested_form(
        testImap="false", onDuplicate="skip", columnMapping="", dryRun="", tag=""
    )
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("value", "button"),
    [("0", "Test and import"), ("FALSE", "Test and import"), ("1", "without a test")],
)
def test_booleans_are_the_apis(client, value, button):
    location = upload(client, Header + ROW, skipConnectionTest=value).location
    assert button in client.get(location).text


@pytest.mark.parametrize(
    ("field", "value"), [("skipConnectionTest", "no"), ("nope", "1"), ("dryRun", "true")]
)
def test_a_field_that_means_nothing_here_is_refused(client, host, field, value):
    answer = upload(client, Header + ROW, **{field: value})
    assert answer.status_code == 422
    assert field in answer.text
    assert host.rows() == []


def test_a_json_body_is_no_form(client):
    assert client.post(UPLOAD, json=[1]).status_code == 400
