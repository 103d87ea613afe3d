"""Whoever listens to signals disturbs nobody, and nobody forges a line of the log."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import abort, g
from host_apps import Host
from import_calls import delete
from mailbox_files import READY, Header
from signals_and_logs import SIGNALS, parsed
from sqlalchemy import text

from flask_mailbox_import import signals
from flask_mailbox_import.signals import import_ended, import_started

pytestmark = pytest.mark.slow

CSV = Header + READY


@contextmanager
def heard(host: Host, receive: Callable[..., object]) -> Iterator[None]:
    """Let a receiver hear every signal of an app."""
    with ExitStack() as stack:
        for each in SIGNALS:
            stack.enter_context(each.connected_to(receive, host.app))
        yield


def run(host: Host, workspace_id: str = "w1"):
    with host.app.app_context():
        return host.extension.importer.run_file(
            io.BytesIO(CSV.encode()), workspace_id=workspace_id, skip_connection_test=True
        )


def add_note(host: Host, words: str) -> None:
    host.db.session.execute(text("INSERT INTO note VALUES (:words)"), {"words": words})


def notes(host: Host) -> list[str]:
    with host.app.app_context():
        return list(host.db.session.scalars(text("SELECT words FROM note ORDER BY words")))


@pytest.fixture
def host(make_host) -> Host:
    made = make_host()
    with made.app.app_context():
        made.db.session.execute(text("CREATE TABLE note (words TEXT)"))
        made.db.session.commit()
    return made


def refuse(_host: Host) -> None:
    raise RuntimeError("hunter2")


def answer(_host: Host) -> None:
    abort(418)


def leave_open(host: Host) -> None:
    add_note(host, "lost")


def break_session(host: Host) -> None:
    add_note(host, "lost")
    host.db.session.execute(text("SELECT nothing FROM nowhere"))


def roll_back(host: Host) -> None:
    host.db.session.rollback()
    host.db.session.remove()


def commit(host: Host) -> None:
    add_note(host, "kept")
    host.db.session.commit()


def look_up(host: Host) -> None:
    model = host.extension.models.mailbox
    for each in host.db.session.scalars(host.db.select(model)):
        each.email = "changed@x.com"


DEEDS = [refuse, answer, leave_open, break_session, roll_back, commit, look_up]


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_whatever_a_receiver_does_the_import_is_as_without_it(host, caplog, deed):
    calls = []

    def receive(_app: object, **_facts: object) -> None:
        calls.append(1)
        deed(host)

    key = host.create_key()
    with heard(host, receive):
        import_id = host.post(CSV, key, skipConnectionTest="1").json["data"]["importId"]
        assert len(calls) == 4
        assert [(each.email, each.clear) for each in host.mailboxes()] == [("a@x.com", "pw")]
        assert host.run("rotate-keys").exit_code == 0
        assert delete(host, import_id, key).status_code == 204
    assert notes(host) == (["kept"] * len(calls) if deed is commit else [])
    fails = deed in (refuse, answer, break_session)
    faults = [each.message for each in caplog.records if "receiver" in each.message]
    assert len(faults) == (len(calls) if fails else 0)
    assert "hunter2" not in caplog.text


def test_a_receiver_hears_what_is_committed_and_has_nothing_of_the_caller(host):
    seen = []

    def receive(_app: object, import_id: str, **facts: object) -> None:
        model = host.extension.models.import_
        found = host.db.session.get(model, import_id)
        seen.append((found.status, facts.get("imported"), "mine" in g, len(host.mailboxes())))

    with (
        import_started.connected_to(receive, host.app),
        import_ended.connected_to(receive, host.app),
        host.app.app_context(),
    ):
        g.mine = 1
        assert run(host).imported == 1
        assert g.mine == 1
    assert seen == [("running", None, False, 0), ("finished", 1, False, 1)]


def test_who_comes_after_one_that_failed_is_told_as_well(host):
    told = []

    def fail(_app: object, **_facts: object) -> None:
        raise ValueError("no")

    def receive(_app: object, **_facts: object) -> None:
        told.append(1)

    with ExitStack() as stack:
        for each in (fail, receive, lambda _app, **_facts: told.append(1)):
            stack.enter_context(import_ended.connected_to(each, host.app))
        run(host)
    assert len(told) == 2


def test_two_apps_in_one_process_are_told_apart(make_host):
    one, two, told = make_host(), make_host(), []

    def receive_all(app: object, workspace_id: str, **_facts: object) -> None:
        told.append((app, workspace_id))

    def receive_two(_app: object, **_facts: object) -> None:
        told.append("two")

    with import_ended.connected_to(receive_all), import_ended.connected_to(receive_two, two.app):
        run(one, "w1")
        run(two, "w2")
    assert told[:1] == [(one.app, "w1")]
    assert set(map(str, told[1:])) == {"two", str((two.app, "w2"))}
    assert len(told) == 3


#: Ids that a host may have, and what somebody would have them do to a line.
FORGED = [
    "w1 status=finished imported=500",
    'w1" status="finished',
    "w1=2",
    'w1\\" x=1',
    "wörk space",
    "a,b",
    "null",
    "{}",
]


def test_a_workspace_forges_no_line_and_no_fact(host, caplog):
    caplog.set_level(logging.INFO, "flask_mailbox_import")
    for workspace_id in FORGED:
        run(host, workspace_id)
    lines = [each.message for each in caplog.records if "event=import_ended" in each.message]
    assert "\n" not in "".join(lines)
    found = [parsed(line) for line in lines]
    assert [each["workspace_id"] for each in found] == FORGED
    assert {(each["status"], each["imported"]) for each in found} == {("finished", "1")}


def test_no_fact_ends_a_line(host, caplog):
    caplog.set_level(logging.INFO, "flask_mailbox_import")
    facts = ["a\nevent=b", "a\r", "\x1b[31m", "\u2028", "\x85", "é", "", " "]
    with host.app.app_context():
        for each in facts:
            signals.tell(signals.import_deleted, import_id=each, mailboxes=1)
    lines = [each.message for each in caplog.records if hasattr(each, "mailbox_import")]
    assert all(each.isprintable() and each.isascii() for each in lines)
    assert [parsed(each) for each in lines] == [
        {"event": "import_deleted", "import_id": each, "mailboxes": "1"} for each in facts
    ]
