"""The API's own description: valid, of all routes and no others, and what answers really are."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from app_routes import OPENAPI
from database_contents import change
from flask import Flask
from http_forms import FORM, form_fields
from import_calls import call, ended, retry, send
from jsonschema import Draft202012Validator
from mailbox_files import Header, file_of, row, untested
from openapi_spec_validator import validate
from waiting import runner_threads, wait_for

import flask_mailbox_import
from flask_mailbox_import import Code
from flask_mailbox_import.core.rows import COLUMNS
from flask_mailbox_import.storage.models import now
from flask_mailbox_import.web import forms

SMTP, TEST = "/v1/mailboxes/import/smtp", "/v1/mailboxes/connection-test"
ONE = "/v1/mailboxes/imports/{import_id}"


@pytest.fixture
def document(make_host) -> dict[str, Any]:
    return make_host().app.test_client().get(OPENAPI).json


def strict(part: Any) -> Any:
    """Return a schema that refuses members which it does not name."""
    if isinstance(part, list):
        return [strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {name: strict(each) for name, each in part.items()}
    if isinstance(part.get("properties"), dict) and part.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


class Described:
    """Checks answers against a description, and keeps which of its answers there were."""

    def __init__(self, document: dict[str, Any], host: Any) -> None:
        self.document = document
        self.host = host
        self.key = host.create_key()
        self.seen: set[tuple[str, str, str]] = set()

    def ask(self, path: str, method: str, import_id: str = "0" * 32, **options: Any):
        address = path.replace("{import_id}", import_id)
        options = {"key": self.key, **options}
        return self.check(path, method, call(self.host, method, address, **options))

    def check(self, path: str, method: str, answer: Any):
        status = str(answer.status_code)
        told = self.document["paths"][path][method.lower()]["responses"]
        assert status in told, (path, method, answer.text)
        self.seen.add((path, method.upper(), status))
        told = self.resolved(told[status])
        for name in told.get("headers", {}):
            schema = self.resolved(told["headers"][name])["schema"]
            self.fits(answer.headers[name], schema)
        if "content" in told:
            schema = told["content"][answer.mimetype]["schema"]
            self.fits(answer.json if answer.is_json else answer.text, schema)
        else:
            assert answer.data == b""
        return answer

    def resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in part:
            *_, kind, name = part["$ref"].split("/")
            return self.document["components"][kind][name]
        return part

    def fits(self, value: object, schema: dict[str, Any]) -> None:
        components = {"components": strict(self.document["components"])}
        Draft202012Validator({**strict(schema), **components}).validate(value)


def test_it_is_valid_and_told_to_everybody(make_host):
    host = make_host(URL_PREFIX="/mail")
    answer = host.app.test_client().get(f"/mail{OPENAPI}")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    validate(answer.json)
    assert answer.json["servers"] == [{"url": "/mail"}]
    inside = host.app.test_client().get(f"/mail{OPENAPI}", base_url="http://x.com/tools")
    assert inside.json["servers"] == [{"url": "/tools/mail"}]


def test_every_route_is_described_and_no_other(document, make_host):
    app: Flask = make_host().app
    described = {
        path: {method.upper() for method in methods} for path, methods in document["paths"].items()
    }
    client, routed = app.test_client(), {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1/"):
            allowed = client.options(rule.rule.replace("<import_id>", "x")).headers["Allow"]
            path = rule.rule.replace("<import_id>", "{import_id}")
            routed[path] = set(allowed.split(", ")) - {"OPTIONS"}
    assert described == routed


def test_its_lists_are_ours(document):
    schemas = document["components"]["schemas"]
    assert schemas["Code"]["enum"] == [each.value for each in Code]
    columns = schemas["Cells"]["propertyNames"]["enum"]
    assert sorted(columns) == sorted(COLUMNS)
    body = document["components"]["requestBodies"]["ImportForm"]
    form = body["content"]["multipart/form-data"]
    assert set(form["schema"]["properties"]) == {"file", *forms.FIELDS}
    assert [*flask_mailbox_import.ImportStatus] == schemas["Import"]["properties"]["status"]["enum"]


def test_examples_are_as_described(document, make_host):
    api = Described(document, make_host())
    shown = [
        (content["example"], content["schema"])
        for response in document["components"]["responses"].values()
        for content in response.get("content", {}).values()
        if "example" in content
    ]
    assert len(shown) == 16
    for example, schema in shown:
        api.fits(example, schema)
    assert all(each.get("description") for each in document["components"]["parameters"].values())


def test_links_lead_to_operations_and_each_has_a_tag(document):
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    links = {
        link["operationId"]: link["parameters"]
        for response in document["components"]["responses"].values()
        for link in response.get("links", {}).values()
    }
    assert set(links) == {"getImport", "listRows", "getReport", "retryRows", "deleteImport"}
    assert links.keys() <= operations.keys()
    tags = {each["name"] for each in document["tags"]}
    assert {tag for each in operations.values() for tag in each["tags"]} == tags
    assert all(each["summary"] for each in operations.values())


@pytest.mark.usefixtures("gate")
def test_answers_are_as_described_and_each_that_is_described_is_given(
    document, make_host, mail_server
):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port, RUNNER="thread", MAX_REFUSED_LOGINS=3)
    api = Described(document, host)
    csv = file_of(server.port, "a", "A", "b") + row("", "pw", server.port)
    csv += row("odd@x.com", " pw ", 99)
    result = api.ask(SMTP, "POST", data=form_fields(csv, tag="t"))
    import_id = result.json["data"]["importId"]
    api.ask(SMTP, "POST", data=form_fields(csv, dryRun="1", onDuplicate="update"))
    api.ask(SMTP, "POST", data=form_fields(csv, onDuplicate="update", skipConnectionTest="1"))
    api.check(SMTP, "POST", later := send(host, untested(2), key=api.key, skipConnectionTest="1"))
    ended(host, later.json["data"]["id"])
    for path, method in (
        *[("/v1/mailboxes/imports", "GET"), (ONE, "GET"), (f"{ONE}/rows", "GET")],
        *[(f"{ONE}/report.csv", "GET"), (f"{SMTP}/template.csv", "GET"), (OPENAPI, "GET")],
        (f"{ONE}/failed.csv", "GET"),
        *[(f"{ONE}/cancel", "POST"), (f"{ONE}/continue", "POST")],
    ):
        assert api.ask(path, method, import_id).status_code in (200, 202)
    correction = {"corrections": {"6": {"smtpport": server.port}}}
    api.check(f"{ONE}/retry", "POST", retry(host, import_id, correction, key=api.key))
    ended(host, import_id)
    wait_for(lambda: not runner_threads())  # one would run what is queued next
    for values in (
        {"status": "queued"},
        {"status": "running", "beat": int(time.time()), "cancelled_at": now()},
    ):
        change(host, import_id, **values)
        path = f"{ONE}/{'retry' if len(values) == 1 else 'continue'}"
        assert api.ask(path, "POST", import_id).status_code == 409
    change(host, import_id, status="finished", cancelled_at=None)
    refuse_all(api)
    assert api.ask(SMTP, "POST", data=form_fields("x" * 500_001)).status_code == 413
    assert api.ask(f"{ONE}/retry", "POST", import_id, data=b" " * 600_000).status_code == 413
    assert api.ask(SMTP, "POST", data=b"x").status_code == 415
    packed = {"content_type": FORM, "headers": {"Content-Encoding": "gzip"}, "data": b"x"}
    assert api.ask(f"{ONE}/retry", "POST", import_id, **packed).status_code == 415
    for each in ("", "email\n", Header + "a@x.com,pw,x.com,,1\n" * 501, Header):
        assert api.ask(SMTP, "POST", data=form_fields(each)).status_code == 400
    test = api.ask(TEST, "POST").json["data"]["id"]
    ended(host, test)
    api.ask(f"{ONE}/rows", "GET", test)
    host.post(file_of(server.port, "r", "s", "t"))
    api.ask(SMTP, "POST", data=form_fields(csv))
    for path in (f"{ONE}/retry", f"{ONE}/continue", TEST):
        assert api.ask(path, "POST", import_id).status_code == 429
    assert api.ask(ONE, "DELETE", import_id).status_code == 204
    break_all(api)
    every = {
        (path, method.upper(), status)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
    }
    assert every - api.seen == set()


def refuse_all(api: Described) -> None:
    """Ask each route for what is refused everywhere."""
    client = api.host.app.test_client()
    for path, methods in api.document["paths"].items():
        address = path.replace("{import_id}", "0" * 32)
        for method, operation in methods.items():
            told = operation["responses"]
            if "404" in told:
                api.ask(path, method.upper())
            if "401" in told:
                api.check(path, method, client.open(address, method=method))
            api.check(path, method, call(api.host, "PUT", address, key=api.key))
            wrong = {"X-Workspace-Id": "w2"}
            data = form_fields(Header) if path == SMTP else None
            if "403" in told:
                api.ask(path, method.upper(), headers=wrong, data=data)
            data = form_fields(Header) if path == SMTP else None
            api.ask(path, method.upper(), query_string="what=1", data=data)


def break_all(api: Described) -> None:
    """Let the database be gone, and ask each route that needs it."""
    host = api.host
    with host.app.app_context():
        host.db.drop_all()
    for path, methods in api.document["paths"].items():
        for method, operation in methods.items():
            if "500" in operation["responses"]:
                answer = api.ask(path, method.upper())
                assert json.loads(answer.data)["details"]["reference"]
