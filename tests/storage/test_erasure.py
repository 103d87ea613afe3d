"""What is kept is kept as long as was said: no longer, and not less; all of it or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from database_contents import age, only_import, rest
from host_apps import Host
from import_calls import imported, stage
from mailbox_files import READY, Header, row
from sqlalchemy import event

from flask_mailbox_import import ImportInterrupted

pytestmark = pytest.mark.slow


def sealed(host: Host) -> list[str]:
    """Return the addresses of the rows whose record is kept."""
    return [each.email for each in host.rows() if each.sealed_record is not None]


def claim(host: Host, import_id: str):
    with host.app.app_context():
        return host.runs().claim(import_id)


def test_purge_forgets_what_is_over_and_nothing_that_runs(make_host):
    host = make_host()
    imported(host, READY)
    running = stage(host, Header + row("b@x.com", "pw", 587, host="smtp.x.com"))
    claim(host, running)
    assert "Forgot 1 imports" in host.run("purge", "--older-than", "0").output
    assert only_import(host).id == running
    assert sealed(host) == ["b@x.com"]
    assert [each.email for each in host.mailboxes()] == ["a@x.com"]


def test_purge_forgets_a_run_that_died_and_in_a_day_a_file_that_nobody_ran(make_host):
    host = make_host()
    dead = stage(host, Header + READY)
    claim(host, dead)
    stage(host, Header + READY)
    stage(host, (Header + row("k@x.com", "pässwörd", 587)).encode("cp1252"), ask=True)
    age(host, timedelta(hours=23))
    assert "Forgot 0 imports" in host.run("purge", "--older-than", "1").output
    assert "Forgot 1 imports" in host.run("purge", "--older-than", "0").output
    age(host, timedelta(hours=2))
    assert "Forgot 2 imports" in host.run("purge", "--older-than", "0").output
    host.run("purge")
    assert rest(host) == {}


def test_purge_goes_by_the_day_of_the_upload(make_host):
    host = make_host()
    imported(host, READY)
    age(host, timedelta(days=2))
    imported(host, READY)
    assert "Forgot 1 imports" in host.run("purge", "--older-than", "1").output
    assert len(rest(host)["mailbox_import_import"]) == 1
    assert host.run("purge", "--older-than", "-1").exit_code == 2


def test_purge_alone_forgets_no_import(make_host):
    host = make_host()
    imported(host, READY)
    age(host, timedelta(days=1000))
    assert host.run("purge").output == "Erased what was kept of 0 rows and files.\n"
    assert len(rest(host)) == 2


@pytest.mark.parametrize("seconds", [0, 60])
def test_failed_rows_are_kept_as_long_as_the_setting_says(make_host, mail_server, seconds):
    server = mail_server(accounts={"good@x.com": "pw"})
    host = make_host(server.port, KEEP_FAILED_SECRETS=seconds)
    lines = [row(f"{name}@x.com", "pw", server.port) for name in ("good", "good", "refused")]
    lines.append(row("nohost@x.com", "pw", server.port, host=""))
    host.post(Header + "".join(lines))
    kept = ["refused@x.com", "nohost@x.com"] if seconds else []
    assert sealed(host) == kept
    age(host, timedelta(seconds=58))
    host.run("purge")
    assert sealed(host) == kept
    age(host, timedelta(seconds=3))
    assert host.run("purge").output == f"Erased what was kept of {len(kept)} rows and files.\n"
    assert sealed(host) == []


def by_upload(host: Host) -> None:
    host.post(Header + row("bad", "pw", 587))


def by_page(host: Host) -> None:
    assert host.app.test_client().get("/mailboxes/import").status_code == 200


@pytest.mark.parametrize("visit", [by_upload, by_page])
def test_what_expired_is_erased_by_whoever_comes_next(make_host, visit):
    host = make_host(KEEP_FAILED_SECRETS=0)
    host.extension.workspace_loader(lambda: "w1")
    stage(host, Header + READY)
    kept = stage(host, (Header + row("k@x.com", "pässwörd", 587)).encode("cp1252"), ask=True)
    age(host, timedelta(hours=23, minutes=59))
    host.run("purge")
    with host.app.app_context():
        model = host.extension.models.import_
        assert host.db.session.get(model, kept).sealed_file is not None
    assert sealed(host) == ["a@x.com"]
    age(host, timedelta(minutes=2))
    visit(host)
    assert sealed(host) == []
    with host.app.app_context():
        assert host.db.session.get(model, kept).sealed_file is None


def test_a_row_is_erased_with_what_became_of_it_or_not_at_all(make_host):
    host = make_host()
    import_id = stage(host, Header + READY, skip_connection_test=True)
    with host.app.app_context():
        engine = host.db.engine
    saved = []

    def break_down(_connection: object) -> None:
        if saved:
            raise RuntimeError("no commit")

    def notice(_connection, _cursor, statement, *_others) -> None:
        if "INSERT INTO mailbox_import_mailbox" in statement:
            saved.append(statement)

    event.listen(engine, "commit", break_down)
    event.listen(engine, "before_cursor_execute", notice)
    with host.app.app_context(), pytest.raises(ImportInterrupted):
        host.extension.importer.continue_import(import_id)
    assert saved
    assert (host.mailboxes(), sealed(host)) == ([], ["a@x.com"])
    assert [each.status for each in host.rows()] == ["ready"]
    event.remove(engine, "commit", break_down)
    age(host, timedelta(seconds=21))
    with host.app.app_context():
        assert host.extension.importer.continue_import(import_id).imported == 1
    assert (len(host.mailboxes()), sealed(host)) == (1, [])


def test_what_has_expired_is_erased_in_small_steps(make_host, database):
    host = make_host(database=database, MAX_ROWS=3000, MAX_FILE_SIZE=10**6)
    rows = "".join(row(f"u{each}@x.com", "pw", 587, host="s.x.com") for each in range(1200))
    stage(host, Header + rows)
    age(host, timedelta(hours=25))
    steps: list[int] = []

    def count(_connection, cursor, statement, *_others) -> None:
        if statement.startswith("UPDATE mailbox_import_row"):
            steps.append(cursor.rowcount)

    with host.app.app_context():
        event.listen(host.db.engine, "after_cursor_execute", count)
        assert host.extension.importer.erase_expired() == 1200
    assert steps == [500, 500, 200]
    assert sealed(host) == []


def test_a_failed_row_is_erased_in_time_though_its_import_still_runs(make_host):
    host = make_host()
    import_id = stage(host, Header + READY + "bad,pw,smtp.x.com,,,\n")
    claim(host, import_id)
    with host.app.app_context():
        models = host.extension.models
        for each in host.db.session.scalars(host.db.select(models.row)):
            each.record_expires_at -= timedelta(hours=48)
        host.db.session.get(models.import_, import_id).status = "queued"
        host.db.session.commit()
        assert len(sealed(host)) == 2
        assert host.extension.importer.erase_expired() == 1
    assert sealed(host) == ["a@x.com"]
