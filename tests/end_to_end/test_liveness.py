"""Nobody has to click for what a machine can do: killed, recycled and queued imports go on."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from databases import execute, hang_up
from example_site import Server
from http_forms import form
from http_sockets import ask
from import_calls import IMPORTS
from mailbox_files import Header, row
from server_replies import CountingGate
from waiting import wait_for

pytestmark = pytest.mark.slow

FINISHED = "SELECT count(*) FROM mailbox_import_import WHERE status = 'finished'"
SAVED = "SELECT email FROM mailbox_import_mailbox ORDER BY email"


@pytest.fixture
def gate():
    made = CountingGate()
    yield made
    made.let()


def file_of(name: str, rows: int, port: int) -> bytes:
    return form(csv=Header + "".join(row(f"{name}{n}@x.com", "pw", port) for n in range(rows)))


def test_what_a_killed_process_ran_and_what_waited_is_done_by_the_next(mail_server, site, gate):
    """Two run and four wait, when the process is killed; then somebody asks for any page."""
    mail = mail_server(replies={"AUTH": gate})
    host = site(mail.port)
    host.environment["FLASK_MAILBOX_IMPORT_MAX_RUNNING"] = "2"
    host.environment["FLASK_MAILBOX_IMPORT_TIMEOUT"] = "60"
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    caller = {"X-Api-Key": key, "Prefer": "respond-async"}
    with Server(host) as doomed:
        for number in range(6):
            ask(doomed.port, caller, file_of(f"f{number}-", 30, mail.port))
        gate.let(5)
        wait_for(lambda: len(host.sql(SAVED)) == 5, 30)
        doomed.kill()
    saved = {email for (email,) in host.sql(SAVED)}
    assert len(saved) == 5
    gate.let()
    with Server(host) as server:
        # As if the 20 seconds were over that its runs must be silent.
        host.sql("UPDATE mailbox_import_import SET beat = 0 WHERE status = 'running'")
        ask(server.port, {}, target="/no-such-page", method="GET")
        wait_for(lambda: host.sql(FINISHED) == [(6,)], 60)
    emails = sorted(f"f{number}-{n}@x.com" for number in range(6) for n in range(30))
    assert [email for (email,) in host.sql(SAVED)] == emails
    logins = Counter(user for user, _ in mail.logins)
    assert {logins[each] for each in saved} == {1}
    assert max(logins.values()) <= 2


def test_a_row_that_is_tested_whenever_a_process_is_killed_is_left_for_a_person(mail_server, site):
    held = threading.Event()

    def answer(session) -> bytes:
        user = session.logins[-1][0]
        return b"235 ok\r\n" if user != "u7@x.com" or held.wait(60) else b""

    mail = mail_server(replies={"AUTH": answer}, pause=0.1)
    host = site(mail.port)
    host.environment["FLASK_MAILBOX_IMPORT_TIMEOUT"] = "60"
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    caller = {"X-Api-Key": key, "Prefer": "respond-async"}
    status = "SELECT status FROM mailbox_import_import"
    begun = "SELECT row FROM mailbox_import_row WHERE is_begun AND status = 'ready'"
    for death in range(1, 4):
        with Server(host) as doomed:
            if not host.sql(status):
                ask(doomed.port, caller, file_of("u", 60, mail.port))
            ask(doomed.port, {}, target="/no-such-page", method="GET")
            wait_for(lambda: Counter(user for user, _ in mail.logins)["u7@x.com"] == death, 30)  # noqa: B023 (called here)
            wait_for(lambda: (len(host.sql(SAVED)), host.sql(begun)) == (59, [(9,)]), 30)
            doomed.kill()
        host.sql("UPDATE mailbox_import_import SET beat = 0 WHERE status = 'running'")
        # Otherwise the run without progress would be the third.
        host.sql("UPDATE mailbox_import_import SET attempts = 0")
    with Server(host) as server:
        ask(server.port, {}, target="/no-such-page", method="GET")
        wait_for(lambda: host.sql(status) == [("interrupted",)], 30)
        assert Counter(user for user, _ in mail.logins)["u7@x.com"] == 3
        held.set()
        ((import_id,),) = host.sql("SELECT id FROM mailbox_import_import")
        ask(server.port, caller, target=f"{IMPORTS}/{import_id}/continue", method="POST")
        wait_for(lambda: host.sql(FINISHED) == [(1,)], 30)
    assert len(host.sql(SAVED)) == 60
    logins = Counter(user for user, _ in mail.logins)
    assert (logins.pop("u7@x.com"), set(logins.values())) == (4, {1})


@pytest.mark.parametrize("worker", ["gthread", "gevent"])
def test_a_worker_that_is_recycled_hands_its_import_over(mail_server, site, gunicorn, worker):
    mail = mail_server(pause=1)
    host = site(mail.port)
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    caller = {"X-Api-Key": key}
    options = ("-k", worker, "--threads", "4", "--max-requests", "5", "--graceful-timeout", "1")
    listening = gunicorn(host, *options)
    prefer = {**caller, "Prefer": "respond-async"}
    posted = ask(listening, prefer, file_of("u", 300, mail.port)).json["data"]
    target, asked = f"{IMPORTS}/{posted['id']}", time.monotonic()

    def is_finished() -> bool:
        """Look as an open page does: a worker is recycled every five seconds or so."""
        nonlocal asked
        if time.monotonic() > asked + 1:
            asked = time.monotonic()
            ask(listening, caller, target=target, method="GET")
        return host.sql(FINISHED) == [(1,)]

    wait_for(is_finished, 90)
    assert [email for (email,) in host.sql(SAVED)] == sorted(f"u{n}@x.com" for n in range(300))


def test_a_worker_runs_what_the_web_process_queues_and_hands_over_in_good_order(mail_server, site):
    mail = mail_server(pause=0.5)
    host = site(mail.port)
    host.environment["FLASK_MAILBOX_IMPORT_RUNNER"] = "worker"
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    caller = {"X-Api-Key": key, "Prefer": "respond-async"}
    with Server(host) as server:
        posted = ask(server.port, caller, file_of("u", 200, mail.port)).json["data"]
        assert posted["status"] == "queued"
        first = host.start("flask", "mailbox-import", "work")
        wait_for(lambda: host.sql(SAVED), 30)
        first.terminate()
        assert first.wait(30) == 0
        first.stderr.close()
        assert host.sql("SELECT status FROM mailbox_import_import") == [("queued",)]
        assert len(host.sql(SAVED)) == len(mail.logins)
        done = host.command("work", "--once")
        assert (done.returncode, host.sql(FINISHED)) == (0, [(1,)]), done.stderr
    assert Counter(user for user, _ in mail.logins) == {f"u{n}@x.com": 1 for n in range(200)}


def test_an_idle_process_takes_up_what_another_one_left_and_nobody_asks_it(mail_server, site):
    mail = mail_server(pause=0.2)
    host = site(mail.port)
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    caller = {"X-Api-Key": key, "Prefer": "respond-async"}
    with Server(host) as idle, Server(host) as doomed:
        ask(idle.port, {}, target="/no-such-page", method="GET")
        ask(doomed.port, caller, file_of("u", 200, mail.port))
        wait_for(lambda: host.sql(SAVED), 30)
        doomed.kill()
        host.sql("UPDATE mailbox_import_import SET beat = 0 WHERE status = 'running'")
        wait_for(lambda: host.sql(FINISHED) == [(1,)], 30)
    assert len(host.sql(SAVED)) == 200


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_a_worker_outlives_a_lost_connection(mail_server, site, database):
    mail = mail_server()
    host = site(mail.port)
    host.environment["FLASK_SQLALCHEMY_DATABASE_URI"] = database
    host.environment["FLASK_MAILBOX_IMPORT_RUNNER"] = "worker"
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    caller = {"X-Api-Key": key, "Prefer": "respond-async"}

    def finished_after(name: str) -> None:
        before = execute(database, FINISHED)[0][0]
        with Server(host) as server:
            ask(server.port, caller, file_of(name, 1, mail.port))
        wait_for(lambda: execute(database, FINISHED) == [(before + 1,)], 30)

    # The example app makes its tables with its first request.
    with Server(host) as server:
        ask(server.port, {}, target="/no-such-page", method="GET")
    worker = host.start("flask", "mailbox-import", "work")
    try:
        finished_after("a")
        assert hang_up(database)
        finished_after("b")
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
        worker.stderr.close()
