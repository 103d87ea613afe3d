"""Imports at once, by threads and by processes: nothing twice, nothing lost, counted exactly."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import race_child
from child_processes import ENVIRONMENT
from file_reading import options
from host_apps import Host
from mailbox_files import Header, row
from sqlalchemy import func, make_url

from flask_mailbox_import.core.secret import generate_encryption_key

pytestmark = pytest.mark.slow

SETTINGS = {"MAX_RUNNING": 20, "TIMEOUT": 60}

Jobs = Sequence[Mapping[str, Any]]
AtOnce = Callable[[Host, Jobs], list[dict[str, Any]]]


def by_threads(host: Host, jobs: Jobs) -> list[dict[str, Any]]:
    """Do the jobs at once in this process, with one app."""
    barrier, done = threading.Barrier(len(jobs)), []

    def one(job: Mapping[str, Any]) -> None:
        barrier.wait(60)
        done.append(race_child.do(host, job))

    threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return done


def by_processes(host: Host, jobs: Jobs) -> list[dict[str, Any]]:
    """Do the jobs at once, each in a process with an app like this one."""
    config = host.app.config
    settings = {name: config[f"MAILBOX_IMPORT_{name}"] for name in (*SETTINGS, "ENCRYPTION_KEYS")}
    places = (
        config["SQLALCHEMY_DATABASE_URI"],
        config["MAILBOX_IMPORT_CA_FILE"],
        *config["MAILBOX_IMPORT_ALLOWED_PORTS"],
    )
    done = subprocess.run(
        [sys.executable, race_child.__file__],
        input=json.dumps({"host": places, "settings": settings, "jobs": jobs}),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(params=[by_threads, by_processes])
def at_once(request: pytest.FixtureRequest) -> AtOnce:
    return request.param


def racing_host(make_host, database: str, mail_server) -> Host:
    """Make a host whose mailboxes are all at one mail server, which it carries."""
    server = mail_server()
    host = make_host(
        server.port, database=database, ENCRYPTION_KEYS=[generate_encryption_key()], **SETTINGS
    )
    host.server, host.port = server, server.port
    return host


@pytest.fixture
def host(make_host, database, mail_server) -> Host:
    return racing_host(make_host, database, mail_server)


def addresses(count: int, start: int = 0) -> list[str]:
    return [f"u{each:03}@x.com" for each in range(start, start + count)]


def job(host: Host, key: str, emails: Sequence[str], **fields: str) -> dict[str, Any]:
    """Return a post of these mailboxes; the password of each is made of its address."""
    csv = Header + "".join(row(each, f"pässwörd {each}", host.port) for each in emails)
    return {"csv": csv, "key": key, "fields": fields}


def counted(host: Host, answer: Mapping[str, Any]) -> dict[str, int]:
    """Count the rows of an import in the database by what became of them."""
    with host.app.app_context():
        models, select = host.extension.models, host.db.select
        query = select(models.row.status, func.count()).filter_by(import_id=answer["importId"])
        found = host.db.session.execute(query.group_by(models.row.status))
        counts = {"imported": 0, "skipped": 0, "failed": 0, **{each[0]: each[1] for each in found}}
        saved = select(func.count()).select_from(models.mailbox)
        own = host.db.session.scalar(saved.filter_by(import_id=answer["importId"]))
        assert own == counts["imported"]
    return counts


def check(
    host: Host,
    answers: Sequence[Mapping[str, Any]],
    rows: int,
    emails: Sequence[str],
    *workspaces: str,
) -> None:
    """Check the answers of several posts, each of ``rows`` rows, by themselves and together."""
    for answer in answers:
        assert answer["status"] == 200, answer
        totals = {name: answer[name] for name in ("imported", "skipped", "failed")}
        assert totals == counted(host, answer)
        assert answer["failed"] == 0, answer["errors"]
        assert sum(totals.values()) == rows
    wanted = [(each, f"pässwörd {each}") for each in emails]
    for workspace in workspaces:
        saved = [(each.email, each.clear) for each in host.mailboxes(workspace)]
        assert sorted(saved) == wanted
    assert sum(each["imported"] for each in answers) == len(emails) * len(workspaces)


def test_the_same_file_ten_times_at_once_is_imported_once(host, at_once):
    emails = addresses(40)
    answers = at_once(host, [job(host, host.create_key(), emails)] * 10)
    assert len(answers) == 10
    check(host, answers, 40, emails, "w1")
    assert set(host.server.logins) == {(each, f"pässwörd {each}") for each in emails}


def test_two_workspaces_at_once_get_a_mailbox_each(host, at_once):
    emails = addresses(20)
    jobs = [job(host, host.create_key(each), emails) for each in ("w1", "w2")] * 3
    answers = at_once(host, jobs)
    assert len(answers) == 6
    check(host, answers, 20, emails, "w1", "w2")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_of_stricter_isolation_tells_a_double_all_the_same(
    make_host, database, mail_server, at_once
):
    options = {"options": r"-c default_transaction_isolation=repeatable\ read"}
    strict = make_url(database).update_query_dict(options).render_as_string(hide_password=False)
    host, emails = racing_host(make_host, strict, mail_server), addresses(120)
    one = job(host, host.create_key(), emails, skipConnectionTest="true")
    answers = at_once(host, [one] * 10)
    assert len(answers) == 10
    check(host, answers, 120, emails, "w1")


@pytest.mark.parametrize("tested", [True, False])
def test_files_that_overlap_in_other_orders_do_not_wait_for_each_other_in_vain(
    host, at_once, tested
):
    jobs, key, count = [], host.create_key(), 20 if tested else 120
    for number in range(10):
        emails = addresses(count, start=5 * number)
        random.Random(number).shuffle(emails)  # noqa: S311 (any order)
        jobs.append(job(host, key, emails, **({} if tested else {"skipConnectionTest": "true"})))
    answers = at_once(host, jobs)
    assert len(answers) == 10
    check(host, answers, count, addresses(count + 45), "w1")


def test_a_staged_import_is_run_by_one_of_many(host, at_once):
    emails = addresses(40)
    with host.app.app_context():
        import_id = host.extension.importer.stage_file(
            io.BytesIO(job(host, "", emails)["csv"].encode()), options()
        )
    done = at_once(host, [{"import_id": import_id}] * 10)
    (ran,) = [each for each in done if "refused" not in each]
    assert ran == {"imported": 40, "skipped": 0, "failed": 0}
    assert [each["refused"] for each in done if each != ran] == ["ImportNotRunnable"] * 9
    assert sorted(host.server.logins) == [(each, f"pässwörd {each}") for each in emails]
    assert sorted(each.email for each in host.mailboxes()) == emails
