"""Databases that refuse a row, run full, or hang up in mid-import: what is saved is counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from databases import execute, hang_up
from host_apps import Host
from import_calls import look, sent
from mailbox_files import Header, row
from sqlalchemy import event, update
from waiting import runner_threads, wait_for

from flask_mailbox_import.core.imports import ImportStatus
from flask_mailbox_import.storage import session
from flask_mailbox_import.testing import SMTPServer

SERVERS = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)

#: How each database refuses an insert, by a condition upon it and the fault that it has then.
TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER refuse BEFORE INSERT ON mailbox_import_mailbox WHEN {when} "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {when} THEN "
        "RAISE EXCEPTION 'refused' {fault}; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON mailbox_import_mailbox "
        "FOR EACH ROW EXECUTE FUNCTION refuse()",
    ],
    "mysql": [
        "CREATE TRIGGER refuse BEFORE INSERT ON mailbox_import_mailbox FOR EACH ROW "
        "IF {when} THEN SIGNAL SQLSTATE '{state}' SET {fault} MESSAGE_TEXT = 'refused'; END IF"
    ],
}
DISK_FULL = {
    "postgresql": {"fault": "USING ERRCODE = '53100'"},
    "mysql": {"state": "HY000", "fault": "MYSQL_ERRNO = 1021,"},
}
DROP = {
    "postgresql": "DROP TRIGGER refuse ON mailbox_import_mailbox",
    "mysql": "DROP TRIGGER refuse",
}
SAVED = "SELECT count(*) FROM mailbox_import_mailbox"


def backend(database: str) -> str:
    return database.partition(":")[0].partition("+")[0]


def refuse(database: str, when: str, *, state: str = "45000", fault: str = "") -> None:
    """Let the database refuse mailboxes."""
    statements = TRIGGERS[backend(database)]
    execute(database, *(each.format(when=when, state=state, fault=fault) for each in statements))


@contextmanager
def on(host: Host, name: str, act: Callable[[Any], None]) -> Iterator[None]:
    """Act upon each connection to which an event of this name happens meanwhile."""
    within = [True]

    def listen(connection: Any, *_: object) -> None:
        if within:
            act(connection)

    with host.app.app_context():
        event.listen(host.db.engine, name, listen)
    yield
    within.clear()


@contextmanager
def full_disk(host: Host, database: str) -> Iterator[None]:
    """Let the database have no room for more, once the first batch is saved."""

    def no_page_more(connection: Any) -> None:
        if connection.execute(SAVED).fetchone()[0]:
            connection.execute("PRAGMA max_page_count = 1")

    if backend(database) == "sqlite":
        with on(host, "checkout", no_page_more):
            yield
        host.close()  # for the next connections there is room
        return
    refuse(database, f"({SAVED}) >= 60", **DISK_FULL[backend(database)])
    yield
    execute(database, DROP[backend(database)])


@contextmanager
def lost_when_idle(host: Host, database: str) -> Iterator[None]:
    """Let the server hang up, once, before the transaction after the first batch."""
    lost: list[int] = []

    def lose(_connection: Any) -> None:
        if not lost and saved(database):
            lost.append(hang_up(database))

    with on(host, "checkout", lose):
        yield
    assert len(lost) == 1


@contextmanager
def lost_at_the_commit(host: Host, database: str) -> Iterator[None]:
    """Let the server hang up, once, when all of the second batch but its commit is done."""
    lost: list[int] = []

    def lose(connection: Any) -> None:
        before = saved(database)
        if not lost and 0 < before < connection.exec_driver_sql(SAVED).scalar():
            lost.append(hang_up(database))

    with on(host, "commit", lose):
        yield
    assert len(lost) == 1


@contextmanager
def lost_for_good(host: Host, database: str) -> Iterator[None]:
    """Let the server hang up again and again after the first batch, until the run is dead."""

    def lose(_connection: Any) -> None:
        if saved(database):
            hang_up(database)

    with on(host, "checkout", lose):
        yield
    with host.app.app_context():
        dead = update(host.extension.models.import_).values(beat=0)
        host.db.session.execute(dead)
        host.db.session.commit()


def saved(database: str) -> int:
    return execute(database, SAVED)[0][0]


def test_a_row_that_the_database_refuses_fails_alone(make_host, database):
    host = make_host(database=database)
    refuse(database, "NEW.email_key = 'u1@x.com'")
    csv = Header + "".join(row(f"u{each}@x.com", "pw", 587) for each in range(3))
    data = host.post(csv, skipConnectionTest="1").json["data"]
    assert (data["imported"], data["skipped"], data["failed"]) == (2, 0, 1)
    assert [(each["row"], each["code"]) for each in data["errors"]] == [(3, "internal")]
    assert [each.email for each in host.mailboxes()] == ["u0@x.com", "u2@x.com"]


@pytest.mark.slow
@SERVERS
def test_a_row_that_a_check_refuses_fails_alone(make_host, database):
    host = make_host(database=database)
    execute(database, "ALTER TABLE mailbox_import_mailbox ADD CHECK (email_key <> 'u1@x.com')")
    csv = Header + "".join(row(f"u{each}@x.com", "pw", 587) for each in range(3))
    data = host.post(csv, skipConnectionTest="1").json["data"]
    assert (data["imported"], data["failed"]) == (2, 1)
    assert [(each["row"], each["code"]) for each in data["errors"]] == [(3, "internal")]


def import_through(fault, host: Host, database: str, server: SMTPServer) -> None:
    """Post mailboxes into a fault that comes after the first batch; continue when it is over."""
    wanted = {f"u{each}@x.com": f"pässwörd {each}" for each in range(120)}
    csv = Header + "".join(row(*each, server.port) for each in wanted.items())
    key = host.create_key()
    with fault(host, database):
        answer = host.post(csv, key)
    assert answer.status_code == 500
    assert answer.json["code"] == 500
    with host.app.app_context():
        importer = host.extension.importer
        (left,) = importer.unfinished()
        summary = importer.summary(left.import_id, workspace_id="w1")
        before = {each.email for each in host.mailboxes()}
        statuses = {each.email: each.status for each in host.rows()}
        assert 0 < len(before) < 120
        assert statuses == {each: "imported" if each in before else "ready" for each in wanted}
        assert summary.status is ImportStatus.INTERRUPTED
        assert (summary.imported, summary.ready) == (len(before), left.ready)
        assert summary.rows == 120
        told = answer.json["details"]
        assert told["importId"] == left.import_id
        # Where the database stays away, no more is known.
        assert told.get("imported", len(before)) == len(before)
        assert told.get("ready", left.ready) == left.ready
        assert ("imported" in told) is (fault is not lost_for_good)
        done = importer.continue_import(left.import_id)
        assert done.status is ImportStatus.FINISHED
        assert (done.imported, done.rows) == (120, 120)
    assert {each.email: each.clear for each in host.mailboxes()} == wanted
    tested = Counter(user for user, _ in server.logins)
    assert set(tested) == set(wanted)
    assert {tested[each] for each in before} == {1}


@pytest.mark.slow
def test_a_full_disk_stops_an_import_that_is_continued_later(make_host, database, mail_server):
    server = mail_server()
    import_through(full_disk, make_host(server.port, database=database), database, server)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_disk_that_is_full_at_the_start_keeps_nothing_of_a_file(make_host, database):
    host = make_host(database=database)
    csv = Header + "".join(row(f"u{each}@x.com", "pw", 587) for each in range(120))
    key = host.create_key()
    with on(host, "checkout", lambda each: each.execute("PRAGMA max_page_count = 1")):
        answer = host.post(csv, key, skipConnectionTest="1")
    assert (answer.status_code, answer.json["code"]) == (500, 500)
    assert host.rows() == host.mailboxes() == []
    assert execute(database, "SELECT count(*) FROM mailbox_import_import") == [(0,)]
    host.close()
    assert host.post(csv, key, skipConnectionTest="1").json["data"]["imported"] == 120


@pytest.mark.slow
@SERVERS
def test_a_database_that_stays_away_stops_an_import_that_is_continued_later(
    make_host, database, mail_server, monkeypatch
):
    monkeypatch.setattr(session, "LONGEST_LOSS", 1.0)
    server = mail_server()
    import_through(lost_for_good, make_host(server.port, database=database), database, server)


@contextmanager
def lost_again_and_again(_host: Host, database: str) -> Iterator[None]:
    """Let the server hang up five times a second."""
    over = threading.Event()

    def lose() -> None:
        while not over.wait(0.2):
            hang_up(database)

    thread = threading.Thread(target=lose)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.slow
@SERVERS
@pytest.mark.parametrize("fault", [lost_when_idle, lost_at_the_commit, lost_again_and_again])
def test_a_lost_connection_is_not_a_lost_import(make_host, database, mail_server, fault):
    """Nobody knows whether the batch was committed: it is saved again, and nothing twice."""
    server = mail_server(pause=0.2)
    host = make_host(server.port, database=database, RUNNER="thread")
    wanted = [f"u{each}@x.com" for each in range(200)]
    key = host.create_key()
    csv = Header + "".join(row(each, "pw", server.port) for each in wanted)
    import_id = sent(host, csv, key=key)
    with fault(host, database):
        wait_for(lambda: not runner_threads(), seconds=60)
    with host.app.app_context():
        host.db.engine.dispose()  # the host's own connections may be lost too
    found = look(host, import_id)
    assert (found["status"], found["imported"]) == ("finished", 200)
    assert sorted(each.email for each in host.mailboxes()) == sorted(wanted)
    assert Counter(user for user, _ in server.logins) == dict.fromkeys(wanted, 1)


@pytest.mark.slow
@SERVERS
def test_a_connection_that_is_lost_when_all_is_saved_costs_nothing(make_host, database):
    host = make_host(database=database)
    lost: list[int] = []

    def lose(_connection: Any) -> None:
        if not lost and saved(database) == 1:
            lost.append(hang_up(database))

    with on(host, "checkout", lose):
        answer = host.post(Header + row("u@x.com", "pw", 587), skipConnectionTest="1")
    assert len(lost) == 1
    assert answer.json["data"]["imported"] == 1
    with host.app.app_context():
        assert host.extension.importer.unfinished() == []
        summary = host.extension.importer.summary(
            answer.json["data"]["importId"], workspace_id="w1"
        )
    assert summary.status is ImportStatus.FINISHED
