"""A process is killed in the middle of an import: nothing is lost, nothing is there twice."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import runner_child
from child_processes import ENVIRONMENT
from database_contents import change, status_of
from databases import execute
from example_site import Server
from http_forms import form
from http_sockets import ask
from import_calls import call, ended, look
from mailbox_files import Header, row
from waiting import wait_for

from flask_mailbox_import.core.secret import generate_encryption_key

COUNT, ANSWERED = 70, 30
NO_PROGRESS = (
    "SELECT id FROM mailbox_import_import WHERE status = 'queued' OR attempts > 0"
    " OR (status = 'running' AND beat = 0)"
)


@contextmanager
def process(order: dict[str, object]) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run a process with imports under way; give it, and the imports' ids."""
    child = subprocess.Popen(
        [sys.executable, runner_child.__file__],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.flush()
        yield child, json.loads(child.stdout.readline())
    finally:
        child.kill()
        child.wait(10)
        child.stdin.close()
        child.stdout.close()


@pytest.mark.slow
@pytest.mark.usefixtures("gate")
def test_what_a_killed_process_was_at_is_done_by_another(make_host, database, mail_server):
    held, turns = threading.Event(), itertools.count()

    def reply(_session) -> bytes:
        return b"235 2.7.0 ok\r\n" if next(turns) < ANSWERED or held.wait(20) else b""

    server = mail_server(replies={"AUTH": reply})
    settings = {
        "RUNNER": "thread",
        "MAX_RUNNING": 1,
        "ENCRYPTION_KEYS": [generate_encryption_key()],
        "TIMEOUT": 60,
    }
    host = make_host(server.port, database=database, **settings)
    config = host.app.config
    files = [
        Header + "".join(row(f"{name}{each}@x.com", "pw", server.port) for each in range(size))
        for name, size in (("a", COUNT), ("b", 3))
    ]
    places = [database, config["MAILBOX_IMPORT_CA_FILE"], server.port]
    with process({"host": places, "settings": settings, "files": files}) as (child, ids):
        first, second = ids
        # Committed, and the rest of them under test.
        wait_for(lambda: len(host.mailboxes()) >= ANSWERED, 20)
        wait_for(lambda: len(server.logins) == ANSWERED + 20, 20)
        assert [status_of(host, each) for each in ids] == ["running", "queued"]
        child.kill()
        child.wait(10)
    saved = {each.email for each in host.mailboxes()}
    assert len(saved) == ANSWERED
    held.set()
    before = Counter(user for user, _ in server.logins)
    # What waited begins by a look at the first, which is not known to be dead yet.
    assert look(host, first)["status"] == "running"
    assert ended(host, second)["imported"] == 3
    change(host, first, beat=0)
    found = look(host, first)
    assert (found["status"], found["imported"]) == ("interrupted", ANSWERED)
    assert found["ready"] == COUNT - ANSWERED
    assert call(host, "POST", f"/{first}/continue").status_code == 202
    done = ended(host, first)
    assert (done["imported"], done["failed"], done["skipped"]) == (COUNT, 0, 0)
    emails = [each.email for each in host.mailboxes()]
    assert sorted(emails) == sorted(
        [f"a{each}@x.com" for each in range(COUNT)] + [f"b{each}@x.com" for each in range(3)]
    )
    again = Counter(user for user, _ in server.logins) - before
    assert not saved & set(again)
    assert set(again.values()) == {1}


@pytest.mark.slow
def test_a_killed_import_is_continued_with_nothing_lost_and_nothing_twice(mail_server, site):
    first_logins = threading.Event()

    def slow(session):
        if len(server.logins) >= 60:
            first_logins.set()
            session.sock.settimeout(1)
        return b"235 ok\r\n"

    server = mail_server(pause=0.5, replies={"AUTH": slow})
    host = site(server.port)
    emails = [f"u{each}@x.com" for each in range(120)]
    file = host.folder / "mailboxes.csv"
    file.write_text(Header + "".join(row(each, "pw", server.port) for each in emails))
    process = host.start("flask", "mailbox-import", "run", str(file), "--workspace", "w1")
    assert first_logins.wait(60)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    process.stderr.close()
    listed = host.command("continue").stdout
    import_id, _, rest = listed.partition("\t")
    to_do = int(rest.split("\t")[1].split()[0])
    assert 0 < to_do < 120
    done = host.command("continue", import_id)
    assert done.returncode == 0, done.stderr
    assert "120 imported, 0 skipped, 0 failed" in done.stdout
    tested = [user for user, _ in server.logins]
    assert set(tested) == set(emails)
    assert len(tested) <= 120 + to_do
    assert host.command("continue").stdout == ""


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing_and_double_nothing_and_nobody_clicks(
    mail_server, site, database
):
    """Three imports; five times the process is killed after some more logins."""
    good, wrong = mail_server(pause=0.3), mail_server(pause=0.3, accounts={})
    host = site(good.port, wrong.port)
    host.environment["FLASK_SQLALCHEMY_DATABASE_URI"] = database
    caller = {"X-Api-Key": host.command("create-key", "--workspace", "w1").stdout.strip()}
    ports = (good.port, good.port, wrong.port)
    emails = [[f"{name}{each}@x.com" for each in range(90)] for name in "abc"]
    chance, status = random.Random(3), "SELECT status FROM mailbox_import_import"  # noqa: S311

    def logins() -> Counter[str]:
        return Counter(user for mail in (good, wrong) for user, _ in mail.logins)

    server = Server(host)
    for each in emails:
        rows = "".join(row(email, "pw", ports[n % 3]) for n, email in enumerate(each))
        ask(server.port, {**caller, "Prefer": "respond-async"}, form(csv=Header + rows))
    try:
        for _ in range(5):
            # Three runs in a row without a saved batch would leave the import for a person.
            wait_for(lambda: not execute(database, NO_PROGRESS), 30)
            enough = min(260, logins().total() + chance.randint(1, 40))
            wait_for(lambda: logins().total() >= enough, 30)  # noqa: B023 (called here)
            server.kill()
            execute(database, "UPDATE mailbox_import_import SET beat = 0 WHERE status = 'running'")
            server = Server(host)
            ask(server.port, {}, target="/no-such-page", method="GET")
        wait_for(lambda: {each for (each,) in execute(database, status)} == {"finished"}, 60)
    finally:
        server.kill()
    saved = execute(database, "SELECT email FROM mailbox_import_mailbox")
    failed = execute(database, "SELECT email FROM mailbox_import_row WHERE status = 'failed'")
    assert sorted([*saved, *failed]) == sorted((each,) for some in emails for each in some)
    assert len(failed) == 90
    assert max(logins().values()) <= 4
