"""No statement, no id and no key of one workspace reaches what is another's."""

from __future__ import annotations

import functools
import inspect
import io
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import Header, Host, row
from sqlalchemy import event
from traces import READY, delete, imported, rest, stage
from ways import by_pages

from flask_mailbox_import import Importer, ImportNotFound, ImportStatus
from flask_mailbox_import.records import Notice

#: The tables of which each row is of a workspace.
OWNED = re.compile(r"\b(?:FROM|UPDATE|INTO|JOIN) mailbox_import_(?:import|mailbox)\b")
NAMES_WORKSPACE = re.compile(r"\bWHERE\b.*\bworkspace_id = \?", re.DOTALL)

#: What needs not name the workspace, as it can reach nothing of another.
EXCEPTIONS = {
    "a write of a run, by the token that it drew": r"^UPDATE .*\brun_token = \?",
    "a remark on the import that a run holds": r"^UPDATE \S+ SET notices=\? WHERE \S+\.id = \?$",
    "what is over is over in all workspaces": r"(?:file_expires_at|deleted_at) < \?",
    "the file of one that was found": r"^SELECT \S+\.sealed_file .*FROM \S+ WHERE \S+\.id = \?$",
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


def use_everything(host: Host, port: int) -> None:
    """Go all the ways of the API, the pages and the importer, as users of one workspace."""
    key = host.create_key()
    csv = Header + row("ok@x.com", "pw", port) + row("no@x.com", "no", port) + READY * 2
    client = host.app.test_client()
    import_id = host.post(csv, key).json["data"]["importId"]
    assert host.post(csv, key, dryRun="1").status_code == 200
    address = f"/v1/mailboxes/imports/{import_id}"
    assert client.get(f"{address}/report.csv", headers={"X-Api-Key": key}).status_code == 200
    assert delete(host, import_id, key, "?mailboxes=1").status_code == 204
    by_pages(host, Quiet(), Header + READY, skipConnectionTest="1")
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
        host.runs().remark(run, Notice(row=0, column="", code="port_unreachable", message="x"))
        host.runs().end(run, ImportStatus.INTERRUPTED)
        importer.continue_import(import_id, workspace_id="w1")
        importer.report(import_id, workspace_id="w1")
        importer.check_file(io.BytesIO(csv.encode()), workspace_id="w1")
        importer.delete(import_id, workspace_id="w1")


def test_every_statement_names_the_workspace(make_host, mail_server):
    server = mail_server(accounts={"ok@x.com": "pw"})
    host = make_host(server.port)
    host.extension.workspace_loader(lambda: "w1")
    with statements(host) as heard:
        use_everything(host, server.port)
    unbound = heard.unbound()
    for statement in unbound:
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
    more = {"read_as": ["windows-1252"]}
    with host.app.app_context():
        importer = host.extension.importer
        asked = [
            name
            for name, method in inspect.getmembers(Importer, inspect.isfunction)
            if {"import_id", "workspace_id"} <= set(inspect.signature(method).parameters)
        ]
        assert len(asked) == 6
        for name in asked:
            for other, import_id in itertools.product(("w2", "W1", "w1 x", "%", "w_"), ids):
                method = functools.partial(getattr(importer, name), workspace_id=other)
                with pytest.raises(ImportNotFound):
                    method(import_id, *more.get(name, []))
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
