"""What is mounted: headers, a host's CSRF protection, and nothing on the host's own routes."""

from __future__ import annotations

import re

import pytest
from flask import Flask, Response
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from http_forms import FORM, PATH, form, part, untested_form
from mailbox_files import ROW, Header
from page_imports import UPLOAD, csrf_token, upload
from werkzeug.exceptions import TooManyRequests

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.core.secret import generate_encryption_key


def test_nothing_changes_on_the_hosts_own_routes(client):
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert not answer.is_json


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
    assert client.post(PATH, data=untested_form(), headers={"X-Api-Key": key}).status_code == 200
    assert client.post("/own").status_code == 400
    with app.app_context():
        db.engine.dispose()


def test_without_the_token_nothing_happens(client, host):
    answer = client.post(UPLOAD, data=form(csv=Header + ROW), content_type=FORM)
    assert answer.status_code == 400
    assert "Your session ended" in answer.text
    assert host.rows() == []
    location = upload(client, Header + ROW, skipConnectionTest="1").location
    assert client.post(location).status_code == 400
    assert host.mailboxes() == []


def test_the_pages_headers(client):
    headers = client.get(UPLOAD).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_style_sheets_are_served(client):
    page = client.get(UPLOAD).text
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert len(sheets) == 2
    for sheet in sheets:
        with client.get(sheet) as answer:
            assert answer.mimetype == "text/css"


@pytest.mark.parametrize("first", [True, False])
def test_under_a_hosts_csrf_protection_our_page_answers(make_host, first):
    host = make_host()
    host.extension.workspace_loader(lambda: "w1")
    CSRFProtect(host.app)
    client = host.app.test_client()
    location = upload(client, Header + ROW, skipConnectionTest="1").location
    address = UPLOAD if first else location
    answer = client.post(address, data=form(part("tag", "x"), csv=None), content_type=FORM)
    assert answer.status_code == 400
    assert "Your session ended: try again." in answer.text
    assert csrf_token(answer.text)
    big = client.post(UPLOAD, data=b"x" * 600_000, content_type="multipart/form-data; boundary=b")
    assert big.status_code == 413
    assert "larger than 500000 bytes" in big.text
    host.extension.workspace_loader(lambda: None)
    assert client.post(UPLOAD, data=form(csv=None), content_type=FORM).status_code == 401


def test_a_limit_of_the_hosts_own_is_json_for_a_call_and_a_page_for_a_browser(host, client):
    """As Flask-Limiter's is: raised before the view, with headers added afterwards."""

    @host.app.before_request
    def limit() -> None:
        raise TooManyRequests("5 per 1 minute")

    @host.app.after_request
    def told(response: Response) -> Response:
        response.headers["Retry-After"] = "7"
        return response

    answer = client.get("/v1/mailboxes/imports", headers={"X-Api-Key": host.create_key()})
    assert (answer.status_code, answer.mimetype) == (429, "application/json")
    assert (answer.json["reason"], answer.headers["Retry-After"]) == ("too_many_requests", "7")
    page = client.get("/mailboxes/import")
    assert (page.status_code, page.mimetype) == (429, "text/html")
