"""A process is killed in the middle of an import: nothing is lost, nothing is there twice."""

from __future__ import annotations

import itertools
import json
import os
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
from import_calls import call, ended, look
from mailbox_files import Header, row
from waiting import wait_for

from flask_mailbox_import.core.secret import generate_encryption_key

COUNT, ANSWERED = 70, 30


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
