"""Fields are judged the same for pages and calls."""

from __future__ import annotations

import pytest
from http_forms import PATH, assert_json, untested_form
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
    ],
)
def test_fields_that_are_wrong_are_named(client, key, field, value):
    answer = client.post(PATH, data=untested_form(**{field: value}), headers={"X-Api-Key": key})
    assert_json(answer, 400, "invalid_field")
    assert field in answer.json["message"]


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
