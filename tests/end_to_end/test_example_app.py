"""The example host, and its demo as a newcomer runs it: by its command, with curl."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mailbox_files import Header, row

from example_app import create_app


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLASK_SQLALCHEMY_DATABASE_URI", f"sqlite:///{tmp_path}/site.sqlite")
    monkeypatch.setenv("FLASK_SECRET_KEY", "test")
    app = create_app({"WTF_CSRF_ENABLED": False})
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def test_a_first_visit_is_the_workspace_demo_and_sign_in_chooses_another(host):
    client = host.test_client()
    assert "Mailboxes of demo" in client.get("/").text
    answer = client.post("/sign-in", data={"workspace": "acme"}, follow_redirects=True)
    assert "Mailboxes of acme" in answer.text


def test_the_list_shows_the_mailboxes_of_the_workspace(host):
    client = host.test_client()
    file = (Header + row("a@x.com", "pw", 587, host="smtp.x.com")).encode()
    with host.app_context():
        importer = host.extensions["mailbox_import"].importer
        importer.run_file(
            io.BytesIO(file), workspace_id="acme", tag="new", skip_connection_test=True
        )
    assert "a@x.com" not in client.get("/").text
    client.post("/sign-in", data={"workspace": "acme"})
    page = client.get("/").text
    assert re.search(r"<td>a@x.com</td>\s*<td>pending</td>\s*<td>new</td>", page)


def test_every_page_has_a_policy_without_exceptions(host):
    for address in ("/", "/mailboxes/import"):
        policy = host.test_client().get(address).headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.usefixtures("host")
def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("FLASK_MAILBOX_IMPORT_MAX_ROWS", "7")
    app = create_app()
    assert app.extensions["mailbox_import"].config.max_rows == 7
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.mark.parametrize("name", ["a  b", "a\u200db", " x ", "y" * 300, ""])
def test_any_name_of_a_workspace_leads_to_a_page(host, name):
    client = host.test_client()
    client.post("/sign-in", data={"workspace": name})
    assert client.get("/mailboxes/import").status_code == 200


@pytest.mark.slow
def test_a_second_demo_on_a_taken_port_leaves_the_first_alone(demo):
    port = re.search(r":(\d+)/", demo.page)[1]
    command = [sys.executable, "-m", "flask", "--app", "example_app", "demo", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "add --port 0" in done.stderr
    assert demo.sample.exists()


@pytest.mark.slow
def test_the_demos_curl_line_answers_and_ctrl_c_ends_it(demo):
    with demo.sample.open(encoding="utf-8") as file:
        rows = len(list(csv.reader(file))) - 1
    command = shlex.split(demo.curl)
    assert command[0] == "curl"
    done = subprocess.run([*command, "-sS"], check=True, capture_output=True, timeout=60)
    data = json.loads(done.stdout)["data"]
    assert data["imported"] + data["skipped"] + data["failed"] == rows
    assert len(data["errors"]) == data["failed"]
    assert {each["code"] for each in data["errors"]} == {
        *("bad_credentials", "app_password_required", "temporary_failure"),
        *("tls_cert_expired", "connection_closed", "connection_refused", "dns_failure"),
        *("missing_credentials", "invalid_email"),
    }
    assert {each["column"] for each in data["warnings"]} == {"smtpsecure"}
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(20) == 0
    assert "The demo has ended." in demo.process.stdout.read()
