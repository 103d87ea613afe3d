"""A run that meets a fault, is stopped, or dies: what is known is saved, the rest can be done."""

from __future__ import annotations

import _thread
import io
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from database_contents import change
from flask import g
from import_calls import call, ended, look, retry, sent
from mailbox_files import Header, file_of, row
from page_imports import csrf_token
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from waiting import runner_threads, wait_for

from flask_mailbox_import.core.imports import ImportStatus

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
    silent = {"beat": 0, "finished_at": None}
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
        form = {"csrf_token": csrf_token(page), "3.password": "new"}
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
    change(host, import_id, status="running", run_token="0" * 32, beat=int(time.time()))
    assert retry(host, import_id, {"rows": [2]}).status_code == 409
    assert call(host, "GET", f"/{import_id}").json["data"]["status"] == "running"


def test_what_is_told_of_progress_has_no_part_in_the_callers_session(make_host):
    host = make_host()
    csv = Header + row("a@x.com", "pw", 587, host="smtp.x.com")
    seen = []

    def tell(_done: int, _of: int) -> None:
        seen.append(("ours" in g, host.db.session().in_transaction()))

    with host.app.app_context():
        g.ours = True
        host.db.session.execute(host.db.select(host.extension.models.row))
        host.extension.importer.run_file(
            io.BytesIO(csv.encode()), workspace_id="w1", skip_connection_test=True, progress=tell
        )
        assert host.db.session().in_transaction()
    assert set(seen) == {(False, False)}


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Interrupt the main thread, also where a shell started us with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield _thread.interrupt_main
    signal.signal(signal.SIGINT, before)


def test_what_is_known_when_a_run_is_stopped_is_saved(make_host, mail_server, ctrl_c):
    server = mail_server()
    host = make_host(server.port, CONCURRENCY=1)

    def reply(_session: object) -> bytes:
        if len(server.logins) == 4:
            ctrl_c()
        return b"235 2.7.0 ok\r\n" if len(server.logins) != 2 else b"535 5.7.8 no\r\n"

    server.replies["AUTH"] = reply
    csv = Header + "".join(row(f"u{each}@x.com", "pw", server.port) for each in range(9))
    with host.app.app_context():
        with pytest.raises(KeyboardInterrupt):
            host.extension.importer.run_file(io.BytesIO(csv.encode()), workspace_id="w1")
        (left,) = host.extension.importer.unfinished()
        summary = host.extension.importer.summary(left.import_id, workspace_id="w1")
    assert (summary.imported, summary.failed) in [(2, 1), (1, 1)]
    assert summary.status is ImportStatus.INTERRUPTED
    assert len(host.mailboxes()) == summary.imported
