"""Whose workspace a request is for: by key, by the host's own loaders, or nobody's."""

from __future__ import annotations

import pytest
from flask import Response, abort, redirect, request
from http_forms import PATH, assert_json, untested_form
from page_imports import UPLOAD


def test_each_header_and_both_open_the_workspace(client, key):
    for headers in (
        {"X-Api-Key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key} "},
        {"X-Api-Key": key, "Authorization": f"Bearer {key}"},
        {"X-Api-Key": key, "Authorization": "Basic dTpw"},
        {"X-Api-Key": key, "X-Workspace-Id": "w1"},
    ):
        answer = client.post(PATH, data=untested_form(dryRun="true"), headers=headers)
        assert answer.status_code == 200, headers


def test_wrong_keys_are_401(client, host, key):
    other = host.create_key("w2")
    swapped = key[:-8] + ("A" if key[-8] != "A" else "B") + key[-7:]
    for headers in (
        {"X-Api-Key": ""},
        {"X-Api-Key": "sk_wrong"},
        {"X-Api-Key": swapped},
        {"X-Api-Key": f"{key}, {key}"},
        {"X-Api-Key": "sk_\xe9"},
        {"Authorization": "Bearer x"},
        {"X-Api-Key": key, "Authorization": "Bearer x"},
        {"X-Api-Key": key, "Authorization": f"Bearer {other}"},
    ):
        answer = client.post(PATH, data=untested_form(), headers=headers)
        assert_json(answer, 401, "bad_key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for headers in ({}, {"Authorization": "Basic dTpw"}):
        assert_json(client.post(PATH, data=untested_form(), headers=headers), 401, "no_key")


def test_a_key_in_the_address_is_no_key(client, key):
    assert_json(client.post(f"{PATH}?api_key={key}", data=untested_form()), 401, "no_key")


def test_a_revoked_key_is_refused(client, host, key):
    listed = host.run("keys").output
    assert key not in listed
    assert key[:7] in listed
    host.run("revoke-key", listed.split("\t")[0])
    assert_json(client.post(PATH, data=untested_form(), headers={"X-Api-Key": key}), 401, "bad_key")
    assert host.run("keys").output == ""


def test_workspaces_of_keys(client, host, key):
    platform = host.create_key("w1", "w2", platform=True)
    assert platform.startswith("sk_user_")

    def post(key: str, **headers: str):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(PATH, data=untested_form(), headers={"X-Api-Key": key, **headers})

    assert_json(post(key, X_Workspace_Id="w2"), 403, "wrong_workspace")
    assert_json(post(platform), 400, "workspace_required")
    assert_json(post(platform, X_Workspace_Id="w3"), 403, "wrong_workspace")
    assert post(platform, X_Workspace_Id="w2").status_code == 200
    assert len(host.mailboxes("w2")) == 1
    assert host.mailboxes("w1") == []


def test_the_hosts_own_loader_serves_calls_without_a_key(client, host):
    @host.extension.api_workspace_loader
    def loader() -> str | None:
        return "w9" if request.headers.get("Authorization") == "Bearer jwt" else None

    answer = client.post(PATH, data=untested_form(), headers={"Authorization": "Bearer jwt"})
    assert answer.json["data"]["imported"] == 1
    assert len(host.mailboxes("w9")) == 1
    assert_json(client.post(PATH, data=untested_form()), 401, "no_key")
    headers = {"X-Api-Key": "sk_wrong", "Authorization": "Bearer jwt"}
    assert_json(client.post(PATH, data=untested_form(), headers=headers), 401, "bad_key")


@pytest.mark.parametrize(("value", "status"), [("", 401), (None, 401), (7, 500), ("w\n9", 500)])
def test_a_loader_that_names_no_workspace(client, host, caplog, value, status):
    host.extension.api_workspace_loader(lambda: value)
    assert client.post(PATH, data=untested_form()).status_code == status
    assert ("api_workspace_loader" in caplog.text) == (status == 500)
    assert host.rows() == []


def test_a_loader_may_abort_with_a_response_of_its_own(client, host):
    def loader():
        abort(Response("the host's own words", status=418))

    host.extension.api_workspace_loader(loader)
    answer = client.post(PATH, data=untested_form())
    assert (answer.status_code, answer.text) == (418, "the host's own words")


def test_an_empty_workspace_header_is_none(client, host, key):
    platform = host.create_key("w1", platform=True)
    headers = {"X-Api-Key": platform, "X-Workspace-Id": ""}
    assert_json(client.post(PATH, data=untested_form(), headers=headers), 400, "workspace_required")
    headers["X-Api-Key"] = key
    assert client.post(PATH, data=untested_form(), headers=headers).status_code == 200


def test_a_workspace_is_named_in_utf_8(client, host):
    key = host.create_key("größe", "東京", platform=True)
    for name in ("größe", "東京"):
        headers = {"X-Api-Key": key, "X-Workspace-Id": name.encode().decode("latin-1")}
        address = "/v1/mailboxes/import/smtp/template.csv"
        assert client.get(address, headers=headers).status_code == 200


def test_who_may_see_the_page(client, host, caplog):
    host.extension.workspace_loader(lambda: None)
    assert client.get(UPLOAD).status_code == 401
    host.extension.workspace_loader(lambda: redirect("/login"))
    assert client.get(UPLOAD).location == "/login"
    host.extension.workspace_loader(None)
    assert client.get(UPLOAD).status_code == 403
    assert "@mailbox_import.workspace_loader" in caplog.text
