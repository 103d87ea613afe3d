"""What is forgotten is gone, is gone once, and takes nothing along; what counts still counts."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from database_contents import age, only_import, rest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from host_apps import Host
from import_calls import TAG, delete, imported, stage
from mailbox_files import READY, Header, row
from sqlalchemy import ForeignKey, event
from sqlalchemy.orm import Mapped, mapped_column

from flask_mailbox_import import (
    Code,
    ImportNotFound,
    ImportStatus,
    MailboxImport,
    MailboxMixin,
    RunLost,
)
from flask_mailbox_import.core.failures import failure_for
from flask_mailbox_import.core.rows import Outcome, RowWarning
from flask_mailbox_import.core.secret import generate_encryption_key


def test_a_deleted_import_leaves_its_mailboxes_and_nothing_else(make_host):
    host = make_host()
    bad = row("shown@y.com", "", 587) + row("kept@y.com", "secret", 99)
    import_id = imported(host, READY, READY, bad)
    assert "kept@y.com" in str(rest(host))
    answer = delete(host, import_id)
    assert (answer.status_code, answer.data) == (204, b"")
    assert rest(host) == {}
    assert [(each.email, each.clear, each.tag) for each in host.mailboxes()] == [
        ("a@x.com", "pw", TAG)
    ]


def test_a_file_that_is_kept_and_a_row_that_is_ready_are_gone_too(make_host):
    host = make_host()
    staged = stage(host, Header + READY)
    kept = stage(host, (Header + row("k@x.com", "pässwörd", 587)).encode("cp1252"), ask=True)
    for import_id in (staged, kept):
        assert delete(host, import_id).status_code == 204
    assert rest(host) == {}


def test_with_mailboxes_its_own_are_removed_and_no_others(make_host):
    host = make_host()
    first = imported(host, READY, row("b@x.com", "pw", 587, host="smtp.x.com"))
    imported(host, READY, row("c@x.com", "pw", 587, host="smtp.x.com"))
    imported(host, READY, workspace_id="w2")
    assert delete(host, first, query="?mailboxes=TRUE").status_code == 204
    assert [each.email for each in host.mailboxes()] == ["c@x.com"]
    assert [each.email for each in host.mailboxes("w2")] == ["a@x.com"]
    assert len(rest(host)["mailbox_import_import"]) == 2


def test_a_query_that_is_not_understood_deletes_nothing(make_host):
    host = make_host()
    import_id, key = imported(host, READY), host.create_key()
    for query in ("mailboxes=yes", "mailboxes=1&mailboxes=1", "mailbox=1", "mailboxes=0&x=", "=1"):
        answer = delete(host, import_id, key, f"?{query}")
        assert (answer.status_code, answer.json["reason"]) == (400, "invalid_field"), query
    assert len(rest(host)) == 2


def test_what_is_not_there_is_told_in_the_same_bytes(make_host):
    host = make_host()
    key = host.create_key()
    foreign, gone = imported(host, READY, workspace_id="w2"), imported(host, READY)
    assert delete(host, gone, key).status_code == 204
    asked = [foreign, gone, "0" * 32, foreign.upper(), foreign[:-1], "%00", "%ED%A0%80", "'--"]
    answers = [delete(host, each, key, "?mailboxes=1") for each in asked]
    assert {each.status_code for each in answers} == {404}
    assert len({each.data for each in answers}) == 1
    assert len({str(each.headers) for each in answers}) == 1
    assert len(host.mailboxes("w2")) == len(rest(host)["mailbox_import_import"]) == 1


def test_what_is_no_id_is_not_asked_of_the_database(make_host):
    host = make_host()
    with host.app.app_context():
        for odd in ("\0", "\ud800", "é", ""):
            with pytest.raises(ImportNotFound):
                host.extension.importer.delete(odd, workspace_id="w1")


def test_deleting_does_not_lift_the_limit_of_refused_logins(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=2)
    csv = Header + "".join(row(f"u{each}@x.com", "no", server.port) for each in "ab")
    csv += row("never@x.com", "", server.port)
    import_id = host.post(csv, tag=TAG).json["data"]["importId"]
    assert delete(host, import_id, query="?mailboxes=1").status_code == 204
    told = str(rest(host))
    for word in ("u0", "@x.com", TAG, "535 ", "password", "localhost", "imap.example"):
        assert word not in told
    assert len(host.rows()) == 2
    assert [each.sealed_record for each in host.rows()] == [None, None]
    assert host.post(csv).status_code == 429
    age(host, timedelta(minutes=59))
    host.run("purge")
    assert host.post(csv).status_code == 429
    # Deleting once more does not let the hour begin anew.
    assert delete(host, import_id).status_code == 404
    age(host, timedelta(minutes=2))
    host.run("purge")
    assert rest(host) == {}
    assert host.post(csv).status_code == 200


def test_a_run_of_which_something_still_counts_saves_nothing_more(make_host):
    host = make_host()
    lines = [row(f"u{each}@x.com", "pw", 587, host="smtp.x.com") for each in "ab"]
    import_id = stage(host, Header + "".join(lines))
    reason = failure_for(Code.BAD_CREDENTIALS)
    with host.app.app_context():
        run = host.runs().claim(import_id)
        first, second = run.ready_rows()
        run.save([Outcome(row_id=first.id, row=2, failure=reason, smtp=reason)])
        host.extension.importer.delete(import_id, workspace_id="w1")
        for write in (
            lambda: run.beat(),
            lambda: run.save([Outcome(row_id=second.id, row=3, failure=reason, smtp=reason)]),
            lambda: run.warn(RowWarning(row=0, column="", code="blank_rows", values={"rows": 1})),
        ):
            with pytest.raises(RunLost):
                write()
        before = rest(host)
        run.end(ImportStatus.FINISHED)
    assert rest(host) == before
    # The second may have been under test.
    assert [(each.email, each.code, each.smtp_code) for each in host.rows()] == [
        ("", None, "bad_credentials"),
        ("", None, None),
    ]


def during_a_login(host: Host, server, csv: str, work) -> object:
    """Post a file; do the work while its first login waits for an answer."""

    def reply(_session: object) -> bytes:
        server.replies.pop("AUTH")
        work(only_import(host).id)
        return b"235 2.7.0 ok\r\n"

    server.replies["AUTH"] = reply
    return host.post(csv)


def test_an_import_that_runs_ends_when_it_is_deleted(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)
    answers = []
    csv = Header + "".join(row(f"u{each}@x.com", "pw", server.port) for each in range(3))
    answer = during_a_login(
        host, server, csv, lambda import_id: answers.append(delete(host, import_id))
    )
    assert [each.status_code for each in answers] == [204]
    assert (answer.status_code, answer.json["reason"]) == (404, "not_found")
    assert host.mailboxes() == []
    assert_blank(host)


def assert_blank(host: Host) -> None:
    """See that what is left of an import are blank rows, for an hour."""
    for each in host.rows():
        left = (each.email, each.code, each.sealed_record, each.said)
        assert left == ("", None, None, None)
    age(host, timedelta(hours=1, minutes=1))
    host.run("purge")
    assert rest(host) == {}


def test_deleting_an_import_that_runs_does_not_lift_the_limit(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port, MAX_REFUSED_LOGINS=1)
    key = host.create_key()

    def reply(_session: object) -> bytes:
        server.replies["AUTH"] = b"535 5.7.8 no\r\n"
        assert delete(host, only_import(host).id, key).status_code == 204
        return b"535 5.7.8 no\r\n"

    server.replies["AUTH"] = reply
    csv = Header + row("u@x.com", "pw", server.port)
    assert host.post(csv, key).status_code == 404
    assert len(server.logins) == 1
    assert host.post(csv, key).status_code == 429
    assert_blank(host)


@pytest.mark.slow
def test_what_a_run_saves_until_it_loses_its_import_is_removed_too(make_host, database):
    host = make_host(database=database)
    import_id, key = stage(host, Header + READY, skip_connection_test=True), host.create_key()
    with host.app.app_context():
        engine = host.db.engine
    runs = []

    def run(_connection, _cursor, statement, *_others) -> None:
        if not runs and statement.startswith("UPDATE mailbox_import_import"):
            runs.append(statement)
            with host.app.app_context():
                runs.append(host.extension.importer.continue_import(import_id).imported)

    event.listen(engine, "before_cursor_execute", run)
    assert delete(host, import_id, key, "?mailboxes=1").status_code == 204
    assert runs[1:] == [1]
    assert (host.mailboxes(), host.rows()) == ([], [])


@pytest.mark.slow
def test_an_import_that_waits_for_a_server_ends_when_it_is_deleted(make_host, mail_server):
    released, held = threading.Event(), threading.Event()

    def hold(_session: object) -> bytes:
        held.set()
        released.wait(20)
        return b"235 2.7.0 ok\r\n"

    server = mail_server(replies={"AUTH": hold})
    host = make_host(server.port)
    answers = []
    csv = Header + row("a@x.com", "pw", server.port)
    poster = threading.Thread(target=lambda: answers.append(host.post(csv)))
    poster.start()
    assert held.wait(10)
    assert delete(host, only_import(host).id).status_code == 204
    poster.join(10)
    assert not released.is_set()
    released.set()
    assert [(each.status_code, each.json["reason"]) for each in answers] == [(404, "not_found")]
    assert host.mailboxes() == []
    assert_blank(host)


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("deferred", [None, "DEFERRED"])
def test_a_mailbox_that_the_host_needs_keeps_all_as_it_is(tmp_path, deferred):
    app, db = Flask("host"), SQLAlchemy()
    app.config["SECRET_KEY"] = "test"
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
