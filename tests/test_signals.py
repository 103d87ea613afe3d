"""What happened is told once, as a signal and a line of the log, in ids, counts and slugs only."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator

import pytest
from database_contents import only_import
from host_apps import Host
from import_calls import delete, imported, stage
from mailbox_files import READY, Header, row
from signals_and_logs import SIGNALS, parsed
from sqlalchemy import event

from flask_mailbox_import import ImportInterrupted, ImportNotFound, TooManyRunning, signals
from flask_mailbox_import.engine.batches import BURST
from flask_mailbox_import.storage.api_keys import _new_key

Told = tuple[str, dict[str, object]]

TOTALS = {"imported": 0, "skipped": 0, "failed": 0, "ready": 0}


class Ear:
    """Hears every signal of one app, and checks that each has its line."""

    def __init__(self, host: Host, caplog: pytest.LogCaptureFixture) -> None:
        self.told: list[Told] = []
        self.threads: set[int] = set()
        self._caplog = caplog
        self._receivers = [self._receiver(each, host) for each in SIGNALS]

    def _receiver(self, signal: signals.NamedSignal, host: Host):
        def receive(app: object, **facts: object) -> None:
            assert app is host.app
            self.threads.add(threading.get_ident())
            self.told.append((signal.name, facts))

        signal.connect(receive, host.app)
        return receive

    def of(self, name: str) -> list[dict[str, object]]:
        return [facts for told, facts in self.told if told == name]

    def take(self) -> list[Told]:
        """Return what was told since the last time, each as its line says it, too."""
        lines = [each for each in self._caplog.records if hasattr(each, "mailbox_import")]
        assert [(each.mailbox_import["event"], each.mailbox_import) for each in lines] == [
            (name, {"event": name, **facts}) for name, facts in self.told
        ]
        for line, (name, facts) in zip(lines, self.told, strict=True):
            assert line.name == "flask_mailbox_import"
            assert line.message.startswith(f"event={name} ")
            assert list(parsed(line.message)) == ["event", *facts]
        told = [(name, self._without_seconds(facts)) for name, facts in self.told]
        self.told.clear()
        self._caplog.clear()
        return told

    def _without_seconds(self, facts: dict[str, object]) -> dict[str, object]:
        seconds = {name: facts[name] for name in facts if name.endswith("_seconds")}
        assert all(each >= 0 for each in seconds.values())
        assert seconds.keys() in (set(), {"run_seconds", "total_seconds"})
        return {name: fact for name, fact in facts.items() if name not in seconds}


@pytest.fixture
def hear(caplog) -> Iterator[object]:
    caplog.set_level(logging.DEBUG, "flask_mailbox_import")
    ears = []

    def make(host: Host) -> Ear:
        caplog.clear()
        ears.append(Ear(host, caplog))
        return ears[-1]

    return make


def run(host: Host, csv: str, workspace_id: str = "w1", **options: object):
    with host.app.app_context():
        stream = io.BytesIO(csv.encode())
        return host.extension.importer.run_file(stream, workspace_id=workspace_id, **options)


def test_the_begin_and_the_end_of_an_import(make_host, mail_server, hear):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port)
    key = host.create_key()
    ear = hear(host)
    csv = Header + row("a@x.com", "pw", server.port) + row("b@x.com", "no", server.port)
    import_id = host.post(csv + row("bad", "pw", server.port), key).json["data"]["importId"]
    mine = {"import_id": import_id, "workspace_id": "w1"}
    assert ear.take() == [
        ("api_key_used", {"api_key_id": 1}),
        ("import_started", {**mine, "api_key_id": 1, "rows": 2}),
        ("batch_saved", {**mine, "imported": 1, "skipped": 0, "failed": 1}),
        ("import_ended", {**mine, "status": "finished", **TOTALS, "imported": 1, "failed": 2}),
    ]
    assert delete(host, import_id, key, "?mailboxes=1").status_code == 204
    assert ear.take() == [("import_deleted", {**mine, "mailboxes": 1})]
    assert ear.threads == {threading.get_ident()}
    assert not logging.getLogger("flask_mailbox_import").handlers


@pytest.mark.parametrize("broken", ["end", "all", "stopped"])
def test_an_import_that_breaks_down_ends_as_well(make_host, hear, broken):
    host = make_host()
    import_id = stage(host, Header + READY, skip_connection_test=True)
    ear = hear(host)
    with host.app.app_context():
        engine = host.db.engine
    statements = []

    def break_down(_connection, _cursor, statement, *_others) -> None:
        statements.append(statement)
        saved = any("INTO mailbox_import_mailbox" in each for each in statements)
        if saved and (broken == "all" or statement.startswith("UPDATE mailbox_import_import")):
            raise RuntimeError("a@x.com pw")

    def stop(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    if broken != "stopped":
        event.listen(engine, "before_cursor_execute", break_down)
    with host.app.app_context(), pytest.raises((ImportInterrupted, KeyboardInterrupt)):
        host.extension.importer.continue_import(import_id, stop, workspace_id="w1")
    mine = {"import_id": import_id, "workspace_id": "w1"}
    counts = {
        "end": {**TOTALS, "imported": 1},
        "all": {},
        "stopped": {**TOTALS, "imported": 1},
    }
    saved = [("batch_saved", {**mine, "imported": 1, "skipped": 0, "failed": 0})]
    assert ear.take() == [
        ("import_started", {**mine, "api_key_id": None, "rows": 1}),
        *(saved if broken != "all" else []),
        ("import_ended", {**mine, "status": "interrupted", **counts[broken]}),
    ]


def test_hosts_as_written_and_targets_that_are_refused(make_host, hear):
    host = make_host(ALLOWED_NETWORKS=["127.0.0.0/8"], DENIED_NETWORKS=["127.0.0.1"])
    ear = hear(host)
    hosts = ["10.0.0.1", "169.254.169.254", "ok.example.com", "mail.localhost"]
    lines = [row(f"u{n}@x.com", f"pw{n}", 587, host=each) for n, each in enumerate(hosts[:2])]
    lines.append(row("p@x.com", "pw", 22, host=hosts[2]))
    import_id = run(host, Header + "".join(lines)).import_id
    mine = {"import_id": import_id, "workspace_id": "w1"}
    assert ear.of("hosts_refused") == [{**mine, "count": 3}]
    assert ear.of("targets_refused") == []
    ear.take()
    import_id = run(host, Header + row("d@x.com", "pw", 587, host=hosts[3])).import_id
    mine = {"import_id": import_id, "workspace_id": "w1"}
    assert ear.of("targets_refused") == [{**mine, "count": 1}]
    assert ear.of("hosts_refused") == []
    assert "localhost" not in str(ear.take())


@pytest.mark.parametrize("count", [BURST - 1, BURST])
def test_a_burst_of_refused_logins(make_host, mail_server, hear, count):
    server = mail_server(accounts={})
    host = make_host(server.port)
    ear = hear(host)
    lines = [row(f"u{n}@x.com", "no", server.port) for n in range(count)]
    run(host, Header + "".join(lines))
    told = [facts["count"] for facts in ear.of("logins_refused")]
    assert told == ([BURST] if count == BURST else [])
    ear.take()


@pytest.mark.slow
def test_a_burst_in_an_import_that_is_deleted_meanwhile(make_host, mail_server, hear):
    server = mail_server(accounts={})
    host = make_host(server.port, CONCURRENCY=1)
    key = host.create_key()

    def reply(_session: object) -> bytes:
        if len(server.logins) > BURST:
            delete(host, only_import(host).id, key)
        return b"535 5.7.8 no\r\n"

    server.replies["AUTH"] = reply
    ear = hear(host)
    lines = [row(f"u{n}@x.com", "no", server.port) for n in range(BURST + 1)]
    with pytest.raises(ImportNotFound):
        run(host, Header + "".join(lines))
    assert [facts["count"] >= BURST for facts in ear.of("logins_refused")] == [True]


def test_limits(make_host, mail_server, hear):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_RUNNING=1, MAX_REFUSED_LOGINS=1)
    csv, inner = Header + row("a@x.com", "no", server.port), []

    def during(_session: object) -> bytes:
        with pytest.raises(TooManyRunning):
            run(host, csv)
        inner.append(1)
        return b"535 no\r\n"

    server.replies["AUTH"] = during
    ear = hear(host)
    run(host, csv)
    assert inner
    assert [facts["limit"] for facts in ear.of("limit_reached")] == ["MAX_RUNNING"]
    ear.take()
    assert host.post(csv).status_code == 429
    assert ear.of("limit_reached") == [{"limit": "MAX_REFUSED_LOGINS", "workspace_id": "w1"}]
    ear.take()


#: Well formed, but of no host.
OTHER_KEY = _new_key("sk_")


def test_keys(make_host, hear):
    host = make_host()
    ear = hear(host)
    key = host.create_key("w1", "w2", platform=True)
    mine = {"api_key_id": 1}
    assert ear.take() == [("api_key_created", {**mine, "workspace_id": "w1,w2"})]
    for _ in range(3):
        assert delete(host, "0", key).status_code == 400
    assert ear.take() == [("api_key_used", mine)]
    host.run("revoke-key", "1")
    assert ear.take() == [("api_key_revoked", mine)]
    assert host.run("revoke-key", "1").exit_code == 1
    assert delete(host, "0", key).status_code == 401
    assert ear.take() == [("api_key_refused", {**mine, "reason": "revoked"})]
    for wrong, reason in ((key[:-1], "malformed"), (OTHER_KEY, "unknown")):
        assert delete(host, "0", wrong).status_code == 401
        assert ear.take() == [("api_key_refused", {"api_key_id": None, "reason": reason})]
    key = host.create_key("w1")
    ear.take()
    headers = {"X-Api-Key": key, "X-Workspace-Id": "w2"}
    address = "/v1/mailboxes/import/smtp/template.csv"
    assert host.app.test_client().get(address, headers=headers).status_code == 403
    refused = ("api_key_refused", {"api_key_id": 2, "reason": "wrong_workspace"})
    assert ear.take() == [("api_key_used", {"api_key_id": 2}), refused]


def test_passwords_keys_of_the_ring_and_what_is_not_there(make_host, hear):
    host = make_host()
    import_id = imported(host, READY)
    ear = hear(host)
    assert len(host.mailboxes()) == 1
    mine = {"workspace_id": "w1", "mailbox_id": 1, "field": "smtp_password"}
    assert ear.take() == [("password_opened", mine)]
    host.run("rotate-keys")
    key_id = host.app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"][0].partition(":")[0]
    counts = {"sealed": 0, "current": 2, "unopened": 0}
    assert ear.take() == [("keys_rotated", {"key_id": key_id, **counts})]
    with host.app.app_context():
        for asked, shown in ((import_id, import_id), ("a b=c\n", "?"), ("x" * 99, "x" * 32)):
            with pytest.raises(ImportNotFound):
                host.extension.importer.summary(asked, workspace_id="w2")
            facts = {"import_id": shown, "workspace_id": "w2"}
            assert ear.take() == [("import_not_found", facts)]
