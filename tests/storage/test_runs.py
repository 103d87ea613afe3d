"""Runs of one import: one at a time, and nothing is written by who lost it."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from import_calls import stage
from mailbox_files import Header, row

from flask_mailbox_import import ImportNotRunnable, RunLost
from flask_mailbox_import.core.imports import STALE_AFTER, ImportOptions, ImportStatus
from flask_mailbox_import.core.rows import Outcome
from flask_mailbox_import.storage.imports import Imports
from flask_mailbox_import.storage.runs import Runs


@pytest.fixture
def store(host) -> Imports:
    return host.store()


@pytest.fixture
def runs(host) -> Runs:
    return host.runs()


@pytest.fixture
def staged(host, store) -> str:
    """An import of three rows that nobody has run yet."""
    lines = "".join(row(f"u{each}@x.com", "pw", 587, host="smtp.x.com") for each in range(3))
    with host.app.app_context():
        options = ImportOptions(workspace_id="w1", skip_connection_test=True)
        file = io.BytesIO((Header + lines).encode())
        return store.stage(host.extension.importer.check_file(file, options))


def age(host, import_id: str) -> None:
    """Let the last sign of life of an import be as old as that of a dead one."""
    model = host.extension.models.import_
    found = host.db.session.get(model, import_id)
    found.beat -= int(STALE_AFTER.total_seconds()) + 1
    host.db.session.commit()


def test_a_live_import_is_not_taken_over_and_a_dead_one_is(host, runs, staged):
    with host.app.app_context():
        first = runs.claim(staged)
        with pytest.raises(ImportNotRunnable):
            runs.claim(staged)
        assert host.extension.importer.summary(staged, workspace_id="w1").status.value == "running"
        age(host, staged)
        dead = host.extension.importer.summary(staged, workspace_id="w1")
        assert dead.status is ImportStatus.INTERRUPTED
        second = runs.claim(staged)
        with pytest.raises(RunLost):
            first.beat()
        second.beat()


def test_who_lost_an_import_writes_nothing(host, runs, staged):
    with host.app.app_context():
        first = runs.claim(staged)
        rows = first.ready_rows()
        age(host, staged)
        second = runs.claim(staged)
        outcome = Outcome(row_id=rows[0].id, row=rows[0].row)
        with pytest.raises(RunLost):
            first.save([outcome])
        first.end(ImportStatus.FINISHED)
        assert [each.id for each in second.ready_rows()] == [each.id for each in rows]
        second.beat()


def test_a_continued_import_does_what_is_left(host, runs, staged):
    with host.app.app_context():
        summary = host.extension.importer.continue_import(staged)
        assert (summary.imported, summary.ready, summary.status) == (3, 0, ImportStatus.FINISHED)
        with pytest.raises(ImportNotRunnable):
            runs.claim(staged)


def test_rows_whose_record_expired_are_told_so(host, staged):
    with host.app.app_context():
        model = host.extension.models.row
        for each in host.db.session.scalars(host.db.select(model)):
            each.record_expires_at -= timedelta(hours=25)
        host.db.session.commit()
        assert host.extension.importer.erase_expired() == 3
        summary = host.extension.importer.continue_import(staged)
    assert {each.failure.code.value for each in summary.errors} == {"not_tested"}


def test_a_run_that_breaks_down_is_interrupted_and_can_be_continued(host, staged):
    def fail(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with host.app.app_context():
        with pytest.raises(KeyboardInterrupt):
            host.extension.importer.continue_import(staged, progress=fail)
        model = host.extension.models.import_
        assert host.db.session.get(model, staged).status == "interrupted"
        host.db.session.rollback()
        assert host.extension.importer.continue_import(staged).imported == 3


def test_one_that_was_asked_to_stop_is_cancelled_when_it_is_handed_over(host, runs, staged):
    with host.app.app_context():
        run = runs.claim(staged)
        host.extension.importer.cancel(staged, workspace_id="w1")
        run.hand_back()
        summary = host.extension.importer.summary(staged, workspace_id="w1")
        assert summary.status is ImportStatus.CANCELLED


def test_whoever_continues_an_import_gives_it_all_its_attempts(host, runs, staged):
    with host.app.app_context():
        model = host.extension.models.import_
        for claimed in range(3):
            runs.claim(staged, only=ImportStatus.QUEUED if claimed else None).break_down()
        assert host.db.session.get(model, staged).status == "interrupted"
        host.db.session.rollback()
        runs.claim(staged).break_down()
        found = host.db.session.get(model, staged)
        assert (found.status, found.attempts) == ("queued", 1)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_a_run_that_waits_for_a_lock_is_not_dead_and_holds_nobody_up(make_host, database):
    """Somebody else has locked the row of an import that looks dead: its run saves a batch."""
    host = make_host(database=database)
    ids = [stage(host, Header + row(f"{n}@x.com", "pw", 587, host="s.x.com")) for n in "ab"]
    with host.app.app_context(), host.db.engine.connect() as other:
        held = [host.runs().claim(each) for each in ids]
        for each in ids:
            age(host, each)
        table = host.extension.models.import_.__table__
        other.execute(table.select().where(table.c.id == ids[0]).with_for_update())
        host.runs().beat_all(held)
        assert [each.import_id for each in host.runs().take_up()] == []
        age(host, ids[1])
        assert [each.import_id for each in host.runs().take_up()] == [ids[1]]
        other.rollback()
