"""What is kept is kept as long as was said: no longer, and not less; all of it or nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from conftest import Header, Host, row
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, event
from sqlalchemy.orm import Mapped, mapped_column
from traces import READY, age, delete, imported, only_import, rest, stage

from flask_mailbox_import import ImportInterrupted, MailboxImport, MailboxMixin
from flask_mailbox_import.core.secret import generate_encryption_key

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


def test_of_two_who_delete_at_once_one_is_told_that_it_is_gone(make_host):
    host = make_host()
    key, import_id = host.create_key(), imported(host, READY, row("b", "pw", 587))
    statuses, both = [], threading.Barrier(2)

    def one() -> None:
        both.wait(10)
        statuses.append(delete(host, import_id, key, "?mailboxes=1").status_code)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(statuses) == [204, 404]
    assert (rest(host), host.mailboxes()) == ({}, [])


@pytest.mark.parametrize("deferred", [None, "DEFERRED"])
def test_a_mailbox_that_the_host_needs_keeps_all_as_it_is(tmp_path, deferred):
    app, db = Flask("host"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/own.sqlite"
    app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = [generate_encryption_key()]
    db.init_app(app)

    class Mailbox(MailboxMixin, db.Model):
        pass

    class Campaign(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)
        mailbox_id: Mapped[int] = mapped_column(
            ForeignKey(Mailbox.id, deferrable=bool(deferred), initially=deferred)
        )

    extension = MailboxImport(mailbox_model=Mailbox)
    extension.init_app(app, db)
    host = Host(app, db, extension)
    with app.app_context():
        event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = ON"))
        db.create_all()
    import_id = imported(host, READY, row("b@x.com", "pw", 587, host="smtp.x.com"))
    with app.app_context():
        db.session.add(Campaign(mailbox_id=2))
        db.session.commit()
    before = rest(host)
    answer = delete(host, import_id, query="?mailboxes=1")
    assert (answer.status_code, answer.json["reason"]) == (400, "invalid_field")
    assert "mailboxes=true" in answer.json["message"]
    assert rest(host) == before
    assert delete(host, import_id).status_code == 204
    assert len(host.mailboxes()) == 2
    host.close()
