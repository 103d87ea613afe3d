"""Bad luck: a fault for a moment, a process that dies at the last write, logins that queue up."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from steering import (
    call,
    change,
    ended,
    file_of,
    look,
    retry,
    runner_threads,
    sent,
    untested,
    wait_for,
)
from steering import gate as gate
from test_pages import token_of

from flask_mailbox_import.core.imports import STALE_AFTER
from flask_mailbox_import.storage.models import now

READS = {
    "is it cancelled": "SELECT mailbox_import_import.cancelled_at",
    "what is to be done": "SELECT mailbox_import_row.id",
}


@pytest.mark.parametrize("read", READS)
def test_a_read_that_fails_once_ends_no_run(make_host, mail_server, gate, read):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread")
    met = []

    def fail_once(_connection, _cursor, statement, *_):
        runs = threading.current_thread() in runner_threads()
        if runs and statement.startswith(READS[read]) and not met:
            met.append(statement)
            raise OperationalError(statement, {}, Exception("database is locked"))

    with host.app.app_context():
        event.listen(host.db.engine, "before_cursor_execute", fail_once)
    import_id = sent(host, file_of(server.port, "a", "b"))
    wait_for(lambda: met and gate.came == 2)
    gate.open()
    assert ended(host, import_id)["imported"] == 2


def dead(host, import_id):
    """Let its process have died before the last write of its run."""
    silent = {"heartbeat_at": now() - 2 * STALE_AFTER, "finished_at": None}
    change(host, import_id, status="running", run_token="0" * 32, **silent)


def test_all_rows_done_by_a_run_that_died_is_finished(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port)
    host.extension.workspace_loader(lambda: "w1")
    import_id = host.post(file_of(server.port, "a", "b")).json["data"]["importId"]
    dead(host, import_id)
    there = look(host, import_id)
    assert (there["status"], there["ready"], there["failed"]) == ("finished", 0, 1)
    assert there["finishedAt"]
    page = host.app.test_client().get(f"/mailboxes/import/{import_id}").text
    assert "1 mailbox imported, 1 failed" in page
    assert "stopped before its end" not in page


@pytest.mark.parametrize("by", ["page", "api"])
def test_failed_rows_of_a_run_that_died_are_corrected(make_host, mail_server, by):
    server = mail_server(accounts={"a@x.com": "pw", "b@x.com": "new"})
    host = make_host(server.port)
    host.extension.workspace_loader(lambda: "w1")
    import_id = host.post(file_of(server.port, "a", "b")).json["data"]["importId"]
    dead(host, import_id)
    if by == "page":
        client = host.app.test_client()
        page = client.get(f"/mailboxes/import/{import_id}").text
        form = {"csrf_token": token_of(page), "3.password": "new"}
        assert client.post(f"/mailboxes/import/{import_id}/retry", data=form).status_code == 303
    else:
        body = {"corrections": {"3": {"password": "new"}}}
        assert retry(host, import_id, body).status_code == 202
    assert look(host, import_id)["status"] == "finished"
    assert [each.email for each in host.mailboxes()] == ["a@x.com", "b@x.com"]


def test_failed_rows_of_a_run_that_is_alive_are_not(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port)
    import_id = host.post(file_of(server.port, "a")).json["data"]["importId"]
    change(host, import_id, status="running", run_token="0" * 32, heartbeat_at=now())
    assert retry(host, import_id, {"rows": [2]}).status_code == 409
    assert call(host, "GET", f"/{import_id}").json["data"]["status"] == "running"


def test_a_queue_is_no_way_around_the_limit_of_refused_logins(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    limits = {"MAX_RUNNING": 1, "MAX_REFUSED_LOGINS": 5}
    host = make_host(server.port, RUNNER="thread", **limits)
    files = [file_of(server.port, *(f"{n}-{k}" for k in range(5)), password="no") for n in "abc"]
    first, *others = [sent(host, each) for each in files]
    skips = sent(host, untested(1), skipConnectionTest="true")
    gate.open()
    assert ended(host, skips)["imported"] == 1
    assert ended(host, first)["failed"] == 5
    for each in others:
        assert ended(host, each, "interrupted")["ready"] == 5
        assert call(host, "POST", f"/{each}/continue").status_code == 429
    assert len(server.logins) == 5
