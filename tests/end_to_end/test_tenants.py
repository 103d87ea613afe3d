"""No statement, no id and no key of one workspace reaches what is another's."""

from __future__ import annotations

import base64
import inspect
import io
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from database_contents import rest
from file_reading import options
from host_apps import Host
from import_calls import call, delete, imported, look, retry, rows_of, sent, stage
from mailbox_files import READY, Header, row
from page_imports import by_pages
from sqlalchemy import event
from waiting import wait_for

from flask_mailbox_import import ImportNotFound, ImportStatus
from flask_mailbox_import.core.rows import RowStatus, RowWarning

#: The tables of which each row is of a workspace.
OWNED = re.compile(r"\b(?:FROM|UPDATE|INTO|JOIN) mailbox_import_(?:import|mailbox)\b")
NAMES_WORKSPACE = re.compile(r"\bWHERE\b.*\bworkspace_id = \?", re.DOTALL)

#: What needs not name the workspace, as it can reach nothing of another.
EXCEPTIONS = {
    "a runner takes whose turn it is, of all workspaces": (
        r"^SELECT (\S+)\.id, \1\.workspace_id, \1\.skip_connection_test FROM \1"
        r" WHERE \1\.status = \? AND \1\.deleted_at IS NULL AND \(\1\.id NOT IN \(.*\)\) .*ORDER"
    ),
    "a write of a run, by the token that it drew": r"^UPDATE .*\brun_token = \?",
    "a remark on the import that a run holds": r"^UPDATE \S+ SET notices=\? WHERE \S+\.id = \?$",
    "what is over is over in all workspaces": r"(?:_expires_at|deleted_at) < \?",
    "the file of one that was found": r"^SELECT \S+\.sealed_\w+ .*FROM \S+ WHERE \S+\.id = \?$",
    "an import that was found, and is empty": r"^DELETE FROM (\S+_import) WHERE \1\.id = \?$",
    "a mailbox that was found": r"^DELETE FROM (\S+_mailbox) WHERE \1\.id = \?$",
}


class Statements:
    """What an engine is asked meanwhile; what is about the owned tables names the workspace."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def receive(self, _connection, _cursor, statement, *_others) -> None:
        self.heard.append(" ".join(statement.split()))

    def unbound(self) -> list[str]:
        asked = [
            each
            for each in self.heard
            if OWNED.search(each) and not each.startswith(("INSERT", "CREATE", "PRAGMA"))
        ]
        assert asked
        return [each for each in asked if not NAMES_WORKSPACE.search(each)]


@contextmanager
def statements(host: Host) -> Iterator[Statements]:
    with host.app.app_context():
        engine = host.db.engine
    heard = Statements()
    event.listen(engine, "before_cursor_execute", heard.receive)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", heard.receive)


def kept(host: Host) -> str:
    data = (Header + row("k@x.com", "pässwörd", 587, host="smtp.x.com")).encode("cp1252")
    return stage(host, data, ask=True)


class Quiet:
    """Takes answers in and forgets them."""

    def answer(self, response):
        return response


def steer(host: Host, port: int) -> None:
    """Queue, list, look at, cancel, continue, retry and test, by the API."""
    csv = Header + row("no@x.com", "no", port) + row("ok@x.com", "pw", port)
    import_id = sent(host, csv, onDuplicate="update")

    def ended(import_id: str) -> None:
        wait_for(lambda: look(host, import_id)["status"] == "finished")

    ended(import_id)
    assert call(host, "GET").json["nextCursor"] is None
    # The cursor names the place, not what is there.
    cursor = base64.urlsafe_b64encode(f"2999-01-01T00:00:00 {import_id}".encode()).decode()
    assert call(host, "GET", query_string={"cursor": cursor}).json["data"]
    assert rows_of(host, import_id, "failed")
    assert retry(host, import_id, {"corrections": {"2": {"smtphost": "no host"}}}).json
    assert retry(host, import_id, {"corrections": {"2": {"smtphost": "localhost"}}}).json
    ended(import_id)
    for action in ("cancel", "continue"):
        assert call(host, "POST", f"/{import_id}/{action}").status_code == 202
    post = call(host, "POST", "/v1/mailboxes/connection-test")
    ended(post.json["data"]["id"])
    with host.app.app_context():
        importer = host.extension.importer
        assert importer.kept_cells(import_id, workspace_id="w1", status=RowStatus.FAILED, limit=9)
        importer.same_file(import_id, workspace_id="w1")


def use_everything(host: Host, port: int) -> None:
    """Go all the ways of the API, the pages and the importer, as users of one workspace."""
    key = host.create_key()
    csv = Header + row("ok@x.com", "pw", port) + row("no@x.com", "no", port) + READY * 2
    client = host.app.test_client()
    import_id = host.post(csv, key).json["data"]["importId"]
    assert host.post(csv, key, dryRun="1").status_code == 200
    address = f"/v1/mailboxes/imports/{import_id}"
    assert client.get(f"{address}/report.csv", headers={"X-Api-Key": key}).status_code == 200
    assert client.get(f"{address}/failed.csv", headers={"X-Api-Key": key}).status_code == 200
    assert delete(host, import_id, key, "?mailboxes=1").status_code == 204
    by_pages(host, Quiet(), Header + READY, skipConnectionTest="1")
    steer(host, port)
    cp1252 = (Header + row("k@x.com", "pässwörd", 587, host="smtp.x.com")).encode("cp1252")
    by_pages(host, Quiet(), cp1252, skipConnectionTest="1")
    import_id = kept(host)
    with host.app.app_context():
        importer = host.extension.importer
        assert importer.question(import_id, workspace_id="w1")
        importer.read_as(import_id, "windows-1252", workspace_id="w1")
        importer.summary(import_id, workspace_id="w1")
        # What a run says of a port that nobody was reached on.
        run = host.runs().claim(import_id, "w1")
        run.warn(RowWarning(row=0, column="", code="blank_rows", values={"rows": 1}))
        run.end(ImportStatus.INTERRUPTED)
        importer.continue_import(import_id, workspace_id="w1")
        importer.rows(import_id, workspace_id="w1", limit=None)
        importer.check_file(io.BytesIO(csv.encode()), options())
        importer.delete(import_id, workspace_id="w1")


@pytest.mark.usefixtures("gate")
def test_every_statement_names_the_workspace(make_host, mail_server):
    server = mail_server(accounts={"ok@x.com": "pw"})
    host = make_host(server.port, RUNNER="thread")
    host.extension.workspace_loader(lambda: "w1")
    with statements(host) as heard:
        use_everything(host, server.port)
    unbound = heard.unbound()
    for statement in set(unbound):
        assert any(re.search(each, statement) for each in EXCEPTIONS.values()), statement
    for reason, each in EXCEPTIONS.items():
        assert any(re.search(each, statement) for statement in unbound), reason


def test_one_address_in_two_workspaces_is_two_mailboxes(make_host):
    host = make_host()
    imported(host, READY)
    imported(host, row("A@x.com", "other", 587, host="smtp.x.com"), workspace_id="w2")
    assert [(each.email, each.clear) for each in host.mailboxes("w1")] == [("a@x.com", "pw")]
    assert [each.clear for each in host.mailboxes("w2")] == ["other"]


def test_what_is_anothers_is_not_there_by_any_method(make_host):
    host = make_host()
    ids = [imported(host, READY), stage(host, Header + READY), kept(host)]
    before = rest(host)
    more = {
        "read_as": {"encoding": "windows-1252"},
        "kept_cells": {"status": RowStatus.READY, "limit": 9},
        "retry_file": {"stream": io.BytesIO(b"row,smtpport\n2,587\n")},
    }
    with host.app.app_context():
        importer = host.extension.importer
        asked = [
            name
            for name, method in inspect.getmembers(type(importer), inspect.isfunction)
            if {"import_id", "workspace_id"} <= set(inspect.signature(method).parameters)
            and not name.startswith("_")
        ]
        assert len(asked) == 13, asked
        for name in asked:
            for other, import_id in itertools.product(("w2", "W1", "w1 x", "%", "w_"), ids):
                with pytest.raises(ImportNotFound):
                    getattr(importer, name)(import_id, workspace_id=other, **more.get(name, {}))
    assert rest(host) == before
    assert len(host.mailboxes()) == 1


def test_a_key_opens_its_own_workspaces_and_no_others(make_host):
    host = make_host()
    import_id = imported(host, READY)
    platform = host.create_key("w1", "w2", platform=True)
    client = host.app.test_client()

    def ask(key: str, workspace_id: str | None) -> list[int]:
        headers = {"X-Api-Key": key}
        if workspace_id is not None:
            headers["X-Workspace-Id"] = workspace_id
        address = f"/v1/mailboxes/imports/{import_id}"
        report = client.get(f"{address}/report.csv", headers=headers)
        template = client.get("/v1/mailboxes/import/smtp/template.csv", headers=headers)
        gone = client.delete(f"{address}?mailboxes=1", headers=headers)
        return [each.status_code for each in (report, template, gone)]

    assert ask(host.create_key("w2"), "w1") == [403, 403, 403]
    assert ask(host.create_key("w1"), "w2") == [403, 403, 403]
    assert ask(host.create_key("w2"), None) == [404, 200, 404]
    assert ask(platform, None) == [400, 400, 400]
    assert ask(platform, "w3") == [403, 403, 403]
    assert ask(platform, "w2") == [404, 200, 404]
    assert len(host.mailboxes()) == 1
    assert ask(platform, "w1") == [200, 200, 204]


def test_the_session_of_a_page_and_the_key_of_a_call_do_not_mix(make_host):
    host = make_host()
    host.extension.workspace_loader(lambda: "w1")
    host.extension.api_workspace_loader(lambda: "w3")
    client = host.app.test_client()
    ids = {each: imported(host, READY, workspace_id=each) for each in ("w1", "w2", "w3")}
    headers = {"X-Api-Key": host.create_key("w2")}

    def found(address: str, **options: object) -> list[str]:
        asked = {name: client.get(address.format(each), **options) for name, each in ids.items()}
        return [name for name, answer in asked.items() if answer.status_code == 200]

    api = "/v1/mailboxes/imports/{}/report.csv"
    for page in ("/mailboxes/import/{}", "/mailboxes/import/{}/report.csv"):
        assert found(page, headers=headers) == ["w1"]
        assert found(page, headers={"X-Workspace-Id": "w2"}) == ["w1"]
    assert found(api, headers=headers) == ["w2"]
    assert found(api) == ["w3"]
    assert found(api, headers={"X-Workspace-Id": "w1"}) == ["w3"]
