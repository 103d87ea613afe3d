"""The JSON contract: keys, order of the checks, fields, and the error body."""

from __future__ import annotations

import io

import pytest
from conftest import Header
from flask import Flask, Response, abort, request
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.core.secret import generate_encryption_key

PATH = "/v1/mailboxes/import/smtp"
CSV = Header + "a@example.com,pw,smtp.example.com,,587,false\n"


@pytest.fixture
def key(host) -> str:
    return host.create_key("w1")


def form(**fields: object) -> dict[str, object]:
    return {
        "file": (io.BytesIO(CSV.encode()), "mailboxes.csv"),
        "skipConnectionTest": "true",
        **fields,
    }


def assert_error(answer, status: int, reason: str) -> None:
    assert (answer.status_code, answer.json["code"]) == (status, status)
    assert answer.json["reason"] == reason
    assert answer.json["message"].endswith(".")
    assert answer.json["error"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_header_and_both_open_the_workspace(client, key):
    for headers in (
        {"X-Api-Key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key} "},
        {"X-Api-Key": key, "Authorization": f"Bearer {key}"},
        {"X-Api-Key": key, "Authorization": "Basic dTpw"},
        {"X-Api-Key": key, "X-Workspace-Id": "w1"},
    ):
        answer = client.post(PATH, data=form(dryRun="true"), headers=headers)
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
        answer = client.post(PATH, data=form(), headers=headers)
        assert_error(answer, 401, "bad_key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for headers in ({}, {"Authorization": "Basic dTpw"}):
        assert_error(client.post(PATH, data=form(), headers=headers), 401, "no_key")


def test_a_key_in_the_address_is_no_key(client, key):
    assert_error(client.post(f"{PATH}?api_key={key}", data=form()), 401, "no_key")


def test_a_revoked_key_is_refused(client, host, key):
    listed = host.run("keys").output
    assert key not in listed
    assert key[:7] in listed
    host.run("revoke-key", listed.split("\t")[0])
    assert_error(client.post(PATH, data=form(), headers={"X-Api-Key": key}), 401, "bad_key")
    assert host.run("keys").output == ""


def test_workspaces_of_keys(client, host, key):
    platform = host.create_key("w1", "w2", platform=True)
    assert platform.startswith("sk_user_")

    def post(key: str, **headers: str):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(PATH, data=form(), headers={"X-Api-Key": key, **headers})

    assert_error(post(key, X_Workspace_Id="w2"), 403, "wrong_workspace")
    assert_error(post(platform), 400, "workspace_required")
    assert_error(post(platform, X_Workspace_Id="w3"), 403, "wrong_workspace")
    assert post(platform, X_Workspace_Id="w2").status_code == 200
    assert len(host.mailboxes("w2")) == 1
    assert host.mailboxes("w1") == []


def test_only_the_hash_of_a_key_is_stored(host, key):
    with host.app.app_context():
        stored = host.db.session.scalars(host.db.select(host.extension.models.api_key)).one()
        assert key not in str(vars(stored))


def test_the_checks_come_in_order(client, key):
    headers = {"X-Api-Key": key}
    big = {"data": b"x" * 600_000, "content_type": "multipart/form-data; boundary=b"}
    assert_error(client.get(PATH), 401, "no_key")
    assert_error(client.put(PATH, **big), 401, "no_key")
    answer = client.put(PATH, data=b"x", headers=headers)
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"
    answer = client.post(PATH, data=b"x" * 600_000, headers=headers, content_type="text/csv")
    assert_error(answer, 415, "not_multipart")
    assert_error(client.post(PATH, headers=headers, **big), 413, "file_too_large")
    answer = client.post(PATH, data=form(nope="1"), headers=headers)
    assert_error(answer, 400, "invalid_field")


def test_a_compressed_body_is_refused(client, key):
    headers = {"X-Api-Key": key, "Content-Encoding": "gzip"}
    assert_error(client.post(PATH, data=form(), headers=headers), 415, "not_multipart")


@pytest.mark.parametrize("size", [500_000, 500_001])
def test_a_file_of_the_limit_is_read_and_one_byte_more_is_not(client, key, size):
    data = (CSV + "\n" * size)[:size].encode()
    fields = form(file=(io.BytesIO(data), "mailboxes.csv"))
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert answer.status_code == (200 if size == 500_000 else 413)


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
    answer = client.post(PATH, data=form(**{field: value}), headers={"X-Api-Key": key})
    assert_error(answer, 400, "invalid_field")
    assert field in answer.json["message"]


def test_of_two_wrong_fields_the_first_of_the_contract_is_named_whatever_their_order(client, key):
    wrong = {"onDuplicate": "replace", "encoding": "klingon", "dryRun": "2", "tag": "x" * 65}
    for name in ("tag", "dryRun", "encoding", "onDuplicate"):
        for fields in (form(**wrong), {**wrong}):
            answer = client.post(
                PATH,
                data=fields,
                headers={"X-Api-Key": key},
                content_type="multipart/form-data",
            )
            assert (answer.json["reason"], answer.json["details"]) == (
                "invalid_field",
                {"field": name},
            )
        del wrong[name]


def test_fields_at_their_default_and_empty_ones_are_fine(client, key):
    fields = form(testImap="false", onDuplicate="skip", columnMapping="", dryRun="", tag="")
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert answer.status_code == 200


def test_without_a_file(client, key):
    for fields in ({}, {"tag": "x"}, {"file": "example_string"}):
        answer = client.post(
            PATH, data=fields, headers={"X-Api-Key": key}, content_type="multipart/form-data"
        )
        assert_error(answer, 400, "no_file")
        assert "file=@mailboxes.csv" in answer.json["message"]


def test_two_files_are_refused(client, key):
    files = [(io.BytesIO(b"a"), "a.csv"), (io.BytesIO(b"b"), "b.csv")]
    answer = client.post(PATH, data={"file": files}, headers={"X-Api-Key": key})
    assert_error(answer, 400, "invalid_field")


def test_faults_of_the_file_are_400_and_store_nothing(client, host, key):
    fields = form(file=(io.BytesIO(b"email,password\na,b\n"), "x.csv"))
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert_error(answer, 400, "missing_column")
    assert answer.json["details"]["missing"] == ["smtphost", "imaphost"]
    assert host.rows() == []


def test_options_tells_the_method(client):
    answer = client.options(PATH)
    assert (answer.status_code, answer.headers["Allow"]) == (204, "POST, OPTIONS")


def test_a_fault_of_ours_tells_a_reference_and_no_detail(client, host, key, caplog):
    with host.app.app_context():
        host.db.drop_all()
        host.db.session.execute(host.db.text("CREATE TABLE mailbox_import_api_key (id INTEGER)"))
        host.db.session.commit()
    answer = client.post(PATH, data=form(), headers={"X-Api-Key": key})
    assert_error(answer, 500, "internal")
    reference = answer.json["details"]["reference"]
    assert reference in caplog.text
    assert "no such" not in answer.text
    assert key not in caplog.text


def test_nothing_changes_on_the_hosts_own_routes(client):
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert not answer.is_json


def test_the_hosts_own_loader_serves_calls_without_a_key(client, host):
    @host.extension.api_workspace_loader
    def loader() -> str | None:
        return "w9" if request.headers.get("Authorization") == "Bearer jwt" else None

    answer = client.post(PATH, data=form(), headers={"Authorization": "Bearer jwt"})
    assert answer.json["data"]["imported"] == 1
    assert len(host.mailboxes("w9")) == 1
    assert_error(client.post(PATH, data=form()), 401, "no_key")
    headers = {"X-Api-Key": "sk_wrong", "Authorization": "Bearer jwt"}
    assert_error(client.post(PATH, data=form(), headers=headers), 401, "bad_key")


@pytest.mark.parametrize("csrf_first", [True, False])
def test_a_hosts_csrf_protection_leaves_the_api_alone_and_keeps_the_rest(tmp_path, csrf_first):
    app, db = Flask("host"), SQLAlchemy()
    app.config["SECRET_KEY"] = "x"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/x.sqlite"
    app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = [generate_encryption_key()]
    db.init_app(app)
    if csrf_first:
        CSRFProtect(app)
    MailboxImport(app, db)
    if not csrf_first:
        CSRFProtect(app)
    app.add_url_rule("/own", view_func=lambda: "own", methods=["POST"])
    with app.app_context():
        db.create_all()
        key = app.extensions["mailbox_import"].api_keys.create(["w1"])
    client = app.test_client()
    assert client.post(PATH, data=form(), headers={"X-Api-Key": key}).status_code == 200
    assert client.post("/own").status_code == 400
    with app.app_context():
        db.engine.dispose()


def multipart(*parts: str) -> dict[str, object]:
    body = "".join(f"--b\r\n{each}\r\n" for each in parts) + "--b--\r\n"
    return {"data": body.encode(), "content_type": "multipart/form-data; boundary=b"}


def test_odd_parts_are_named_faults(client, key):
    headers = {"X-Api-Key": key}
    disposition = "Content-Disposition: form-data; "
    nameless = multipart(disposition + 'filename="a.csv"\r\n\r\nfoo')
    assert_error(client.post(PATH, headers=headers, **nameless), 400, "invalid_field")
    unchosen = multipart(disposition + 'name="file"; filename=""\r\n\r\n')
    assert_error(client.post(PATH, headers=headers, **unchosen), 400, "no_file")
    text = multipart(disposition + 'name="file"\r\n\r\n' + "x" * 300_000)
    assert_error(client.post(PATH, headers=headers, **text), 400, "no_file")
    many = multipart(*[disposition + f'name="tag"\r\n\r\n{each}' for each in range(30)])
    assert_error(client.post(PATH, headers=headers, **many), 400, "invalid_field")


def test_a_file_that_is_too_large_is_so_before_anything_is_invalid(client, key):
    fields = form(file=(io.BytesIO(b"x" * 500_001), "m.csv"), nope="1")
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert_error(answer, 413, "file_too_large")


@pytest.mark.parametrize(("value", "status"), [("", 401), (None, 401), (7, 500), ("w\n9", 500)])
def test_a_loader_that_names_no_workspace(client, host, caplog, value, status):
    host.extension.api_workspace_loader(lambda: value)
    assert client.post(PATH, data=form()).status_code == status
    assert ("api_workspace_loader" in caplog.text) == (status == 500)
    assert host.rows() == []


def test_a_loader_may_abort_with_a_response_of_its_own(client, host):
    def loader():
        abort(Response("the host's own words", status=418))

    host.extension.api_workspace_loader(loader)
    answer = client.post(PATH, data=form())
    assert (answer.status_code, answer.text) == (418, "the host's own words")


def test_an_empty_workspace_header_is_none(client, host, key):
    platform = host.create_key("w1", platform=True)
    headers = {"X-Api-Key": platform, "X-Workspace-Id": ""}
    assert_error(client.post(PATH, data=form(), headers=headers), 400, "workspace_required")
    headers["X-Api-Key"] = key
    assert client.post(PATH, data=form(), headers=headers).status_code == 200


def test_nothing_is_taken_in_the_address(client, key):
    for query in ("skipconnectiontest=true", "dry_run=1", "x=", "tag=a"):
        answer = client.post(
            f"/v1/mailboxes/import/smtp?{query}", data=form(), headers={"X-Api-Key": key}
        )
        assert_error(answer, 400, "invalid_field")


def test_a_workspace_is_named_in_utf_8(client, host):
    key = host.create_key("größe", "東京", platform=True)
    for name in ("größe", "東京"):
        headers = {"X-Api-Key": key, "X-Workspace-Id": name.encode().decode("latin-1")}
        address = "/v1/mailboxes/import/smtp/template.csv"
        assert client.get(address, headers=headers).status_code == 200
