"""Imports that go on without their caller: queued, begun, cancelled, continued."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from broken_parts import refuse
from database_contents import change, status_of, stored
from host_apps import Host
from import_calls import call, ended, look, rows_of, send, sent, stage
from mailbox_files import file_of, untested
from sqlalchemy import event
from waiting import runner_threads, wait_for

from flask_mailbox_import.signals import import_started

pytestmark = pytest.mark.usefixtures("gate")

NAMES = [f"u{each}" for each in range(8)]


def test_one_too_many_waits_and_begins_when_the_first_ends(make_host, mail_server, gate):
    server, other = mail_server(replies={"AUTH": gate}), mail_server()
    host = make_host(server.port, other.port, RUNNER="thread", MAX_RUNNING=1)
    first = sent(host, file_of(server.port, "a"))
    wait_for(lambda: gate.came)
    second = sent(host, file_of(other.port, "b"))
    third = sent(host, file_of(other.port, "c"))
    assert [look(host, each)["status"] for each in (first, second, third)] == [
        *("running", "queued", "queued"),
    ]
    # Who waits for the answer is told at once that there is no place.
    answer = host.post(file_of(other.port, "d"))
    assert (answer.status_code, answer.json["reason"]) == (429, "too_many_running")
    assert answer.headers["Retry-After"]
    assert other.sessions == []
    gate.open()
    # The database is asked, not the API, which would wake the runner.
    wait_for(lambda: [status_of(host, each) for each in (second, third)] == ["finished"] * 2)
    assert [login[0] for login in other.logins] == ["b@x.com", "c@x.com"]


def test_what_waits_begins_when_an_import_ends_whose_caller_waited(make_host, mail_server, gate):
    server, other = mail_server(replies={"AUTH": gate}), mail_server()
    host = make_host(server.port, other.port, RUNNER="thread", MAX_RUNNING=1)
    poster = threading.Thread(target=host.post, args=(file_of(server.port, "a"),))
    poster.start()
    wait_for(lambda: gate.came)
    second = sent(host, file_of(other.port, "b"))
    assert status_of(host, second) == "queued"
    gate.open()
    wait_for(lambda: status_of(host, second) == "finished")
    poster.join(10)


def test_one_place_stays_for_another_workspace(make_host, mail_server, gate):
    """One workspace fills the queue with imports of a server that hangs."""
    server, other = mail_server(replies={"AUTH": gate}), mail_server()
    host = make_host(server.port, other.port, RUNNER="thread", MAX_RUNNING=3)
    many = [sent(host, file_of(server.port, f"a{each}")) for each in range(6)]
    wait_for(lambda: gate.came == 2)
    statuses = [status_of(host, each) for each in many]
    assert (statuses.count("running"), statuses.count("queued")) == (2, 4)
    key = host.create_key("w2")
    answer = host.post(file_of(other.port, "b"), key)
    assert answer.json["data"]["imported"] == 1
    queued = send(host, file_of(other.port, "c"), key=key).json["data"]["id"]
    wait_for(lambda: status_of(host, queued) == "finished")
    assert gate.came == 2


def test_the_next_import_is_of_the_workspace_with_the_fewest_running(make_host):
    host = make_host()
    running, early, late = (stage(host, untested(1)) for _ in range(3))
    other = stage(host, untested(1), workspace_id="w2")
    began = datetime.fromisoformat("2026-01-01")
    change(host, running, status="running", beat=int(time.time()))
    for minutes, each in enumerate((early, late, other)):
        change(host, each, status="queued", started_at=began + timedelta(minutes=minutes))
    queries = host.app.extensions["mailbox_import"].importer._queries
    with host.app.app_context():
        order: list[str] = []
        while (found := queries.next_queued(but=order)) is not None:
            order.append(found.import_id)
    assert order == [other, early, late]


def test_the_queue_of_a_workspace_has_an_end(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", MAX_RUNNING=1, WORKSPACE_QUEUED=2)
    many = [sent(host, file_of(server.port, f"a{each}")) for each in range(3)]
    wait_for(lambda: gate.came)
    staged = stage(host, file_of(server.port, "b"))
    rows = len(host.rows())
    answers = [send(host, file_of(server.port, "c")), call(host, "POST", f"/{staged}/continue")]
    for answer in answers:
        assert (answer.status_code, answer.json["reason"]) == (429, "too_many_waiting")
        assert int(answer.headers["Retry-After"]) > 0
    assert len(host.rows()) == rows
    # What waits already may be asked for again, and another workspace has a queue of its own.
    assert call(host, "POST", f"/{many[2]}/continue").status_code == 202
    other = send(host, file_of(server.port, "d"), key=host.create_key("w2"))
    assert other.status_code == 202
    gate.open()
    assert ended(host, many[2])["imported"] == 1
    wait_for(lambda: not runner_threads())


def test_what_tests_nothing_takes_no_place(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", MAX_RUNNING=1)
    sent(host, file_of(server.port, "a"))
    wait_for(lambda: gate.came)
    assert host.post(untested(2), skipConnectionTest="1").json["data"]["imported"] == 2
    queued = sent(host, untested(1), skipConnectionTest="1")
    wait_for(lambda: status_of(host, queued) == "finished")


def test_what_a_dead_process_left_in_the_queue_is_begun_by_a_look_at_any(make_host):
    host = make_host(RUNNER="thread")
    done = host.post(untested(1), skipConnectionTest="1").json["data"]["importId"]
    left = [
        stage(host, untested(2), workspace, skip_connection_test=True) for workspace in ("w1", "w2")
    ]
    for each in left:
        change(host, each, status="queued")
    look(host, done)
    wait_for(lambda: [status_of(host, each) for each in left] == ["finished"] * 2)
    assert len(host.mailboxes("w2")) == 2


@pytest.mark.parametrize("runner", ["inline", "thread"])
def test_a_process_that_only_imports_files_takes_nothing_from_the_queue(make_host, runner):
    """It may end with the file, as a command does, and would leave the other import undone."""
    host = make_host(RUNNER=runner)
    queued = stage(host, untested(1), "w2", skip_connection_test=True)
    change(host, queued, status="queued")
    host.post(untested(2), skipConnectionTest="1")
    assert host.run("run", "-", "--workspace", "w1", stdin=untested(1).encode()).exit_code == 0
    assert runner_threads() == []
    assert status_of(host, queued) == "queued"


@contextmanager
def looks_at_cancelled(host: Host) -> Iterator[list[str]]:
    """Collect each time that a run has asked whether it is to end."""
    heard: list[str] = []

    def receive(_connection, _cursor, statement, *_others) -> None:
        if statement.startswith("SELECT mailbox_import_import.cancelled_at"):
            heard.append(statement)

    with host.app.app_context():
        engine = host.db.engine
    event.listen(engine, "after_cursor_execute", receive)
    yield heard
    event.remove(engine, "after_cursor_execute", receive)


def test_cancelled_at_once_and_continued_with_exactly_the_rest(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", CONCURRENCY=2)
    import_id = sent(host, file_of(server.port, *NAMES))
    wait_for(lambda: gate.came == 2)
    assert call(host, "POST", f"/{import_id}/cancel").status_code == 202
    with looks_at_cancelled(host) as looks:
        # After the second look, what the first has found is done.
        wait_for(lambda: len(looks) > 1)
    gate.open()
    cancelled = ended(host, import_id, "cancelled")
    assert (cancelled["imported"], cancelled["ready"], cancelled["rows"]) == (2, 6, 8)
    assert cancelled["finishedAt"] is None
    assert len(server.sessions) == 2
    assert [each["email"] for each in rows_of(host, import_id, "ready")] == [
        f"{each}@x.com" for each in NAMES[2:]
    ]
    assert call(host, "POST", f"/{import_id}/continue").status_code == 202
    assert ended(host, import_id)["imported"] == 8
    assert sorted(server.logins) == [(f"{each}@x.com", "pw") for each in NAMES]
    assert len(host.mailboxes()) == 8


def test_one_that_is_ending_cannot_be_continued_yet(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", CONCURRENCY=1)
    import_id = sent(host, file_of(server.port, "a", "b"))
    wait_for(lambda: gate.came)
    # It runs, and stays as it is.
    assert call(host, "POST", f"/{import_id}/continue").json["data"]["status"] == "running"
    call(host, "POST", f"/{import_id}/cancel")
    answer = call(host, "POST", f"/{import_id}/continue")
    assert (answer.status_code, answer.json["reason"]) == (409, "import_running")
    gate.open()
    wait_for(lambda: status_of(host, import_id) != "running")


def test_what_waits_can_be_cancelled_and_then_is_not_begun(make_host, mail_server, gate):
    server, other = mail_server(replies={"AUTH": gate}), mail_server()
    host = make_host(server.port, other.port, RUNNER="thread", MAX_RUNNING=1)
    first = sent(host, file_of(server.port, "a"))
    wait_for(lambda: gate.came)
    second = sent(host, file_of(other.port, "b"))
    answer = call(host, "POST", f"/{second}/cancel")
    assert (answer.status_code, answer.json["data"]["status"]) == (202, "cancelled")
    gate.open()
    ended(host, first)
    for thread in runner_threads():
        thread.join(10)
    assert (status_of(host, second), other.sessions) == ("cancelled", [])
    call(host, "POST", f"/{second}/continue")
    assert ended(host, second)["imported"] == 1


def test_what_is_finished_stays_so_whatever_is_asked_of_it(make_host):
    host = make_host(RUNNER="thread")
    import_id = sent(host, untested(2), skipConnectionTest="1")
    before = ended(host, import_id)
    for action in ("cancel", "continue", "retry"):
        answer = call(host, "POST", f"/{import_id}/{action}")
        assert (answer.status_code, answer.json["data"]) == (202, before)
        assert answer.headers["Location"] == f"/v1/mailboxes/imports/{import_id}"
    assert stored(host, import_id).cancelled_at is None
    assert look(host, import_id) == before


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_what_a_dead_process_was_at_is_interrupted_and_can_be_continued(make_host, status):
    host = make_host(RUNNER="thread")
    import_id = stage(host, untested(2), skip_connection_test=True)
    change(host, import_id, status=status, run_token="another's")
    assert look(host, import_id)["status"] == "interrupted"
    call(host, "POST", f"/{import_id}/continue")
    assert ended(host, import_id)["imported"] == 2


def test_what_is_queued_while_a_runner_ends_is_not_left(make_host):
    host = make_host(RUNNER="thread", MAX_RUNNING=1)
    with host.app.app_context():
        engine = host.db.engine
    later: list[str] = []

    def queue(_connection, _cursor, statement, parameters, *_others) -> None:
        # The last look of the runner: all but the one that it has done.
        if not later and "NOT IN (?)" in statement and parameters[1] == first:
            later.append("")
            later[0] = sent(host, untested(1), skipConnectionTest="1")

    first = stage(host, untested(2), skip_connection_test=True)
    event.listen(engine, "after_cursor_execute", queue)
    call(host, "POST", f"/{first}/continue")
    wait_for(lambda: later and later[0] and status_of(host, later[0]) == "finished")


def test_one_that_is_cancelled_between_the_look_and_the_claim_is_not_run(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port, RUNNER="thread")
    with host.app.app_context():
        engine = host.db.engine
    cancelled: list[str] = []

    def cancel(_connection, _cursor, statement, parameters, *_others) -> None:
        if not cancelled and "run_token=?, beat=" in statement:
            cancelled.append(parameters[3])
            change(host, import_id, status="cancelled")

    import_id = stage(host, file_of(server.port, *NAMES))
    event.listen(engine, "before_cursor_execute", cancel)
    call(host, "POST", f"/{import_id}/continue")
    wait_for(lambda: cancelled and not runner_threads())
    assert status_of(host, import_id) == "cancelled"
    assert server.sessions == []


def test_a_run_that_is_held_up_does_not_look_dead(make_host, mail_server):
    """The receiver of a signal hangs, and the run goes on to beat."""
    server = mail_server()
    host = make_host(server.port, RUNNER="thread")
    came, released = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        came.set()
        assert released.wait(20)

    with import_started.connected_to(hang):
        import_id = sent(host, file_of(server.port, *NAMES))
        assert came.wait(10)
        change(host, import_id, beat=0)
        wait_for(lambda: stored(host, import_id).beat)
        assert look(host, import_id)["status"] == "running"
        released.set()
        assert ended(host, import_id)["imported"] == len(NAMES)
    wait_for(lambda: not [each for each in threading.enumerate() if "beater" in each.name])


def test_one_that_cannot_be_begun_waits_for_the_next_look_and_keeps_no_runner_busy(
    make_host, caplog
):
    host = make_host(RUNNER="thread")
    refuse(host, "run_token=?, beat=")
    import_id = sent(host, untested(1), skipConnectionTest="1")
    for thread in runner_threads():
        thread.join(10)
        assert not thread.is_alive()
    assert caplog.text.count("an import broke down") == 1
    assert status_of(host, import_id) == "queued"


def test_one_that_breaks_down_three_times_is_left_for_a_person(make_host, caplog):
    host = make_host(RUNNER="thread")
    refuse(host, "UPDATE mailbox_import_row SET status")
    import_id = sent(host, untested(1), skipConnectionTest="1")
    seen = []
    for _ in range(3):
        wait_for(lambda: not runner_threads())
        seen.append(status_of(host, import_id))
        look(host, import_id)
    assert seen == ["queued", "queued", "interrupted"]
    wait_for(lambda: not runner_threads())
    assert caplog.text.count("an import broke down") == 3
