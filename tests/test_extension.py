"""Mounting: settings at once, one registration an app, any number of apps."""

from __future__ import annotations

import io

import pytest
from flask import Flask, has_request_context
from flask_sqlalchemy import SQLAlchemy
from host_apps import TWO_MAILBOXES, bare_app, import_two
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from flask_mailbox_import import ConfigError, MailboxImport, MailboxMixin
from flask_mailbox_import.core.secret import generate_encryption_key


def test_a_second_registration_is_refused_with_advice():
    db = SQLAlchemy()
    app = bare_app(db)
    MailboxImport(app, db)
    with pytest.raises(RuntimeError, match="once for each"):
        MailboxImport(app, db)


def test_init_app_wants_the_db():
    with pytest.raises(ConfigError, match=r"init_app\(app, db\)"):
        MailboxImport().init_app(Flask("host"), None)


def test_without_init_app_the_error_says_what_to_call():
    with Flask("host").app_context(), pytest.raises(RuntimeError, match="init_app"):
        _ = MailboxImport().importer


def test_two_apps_with_one_extension_and_one_db_keep_apart(tmp_path):
    db, extension = SQLAlchemy(), MailboxImport()
    apps = [
        bare_app(db, tmp_path / f"{name}.sqlite", MAX_ROWS=rows)
        for name, rows in (("one", 500), ("two", 1))
    ]
    for app in apps:
        extension.init_app(app, db)
    assert import_two(apps[0], extension, db).imported == 2
    with apps[1].app_context():
        db.create_all()
        assert db.session.scalars(db.select(extension.models.mailbox)).all() == []
        with pytest.raises(Exception, match="at most 1"):
            extension.importer.run_file(io.BytesIO(TWO_MAILBOXES), workspace_id="w1")
        db.session.remove()
        db.engine.dispose()


def test_nothing_of_an_app_is_kept_on_the_extension():
    db, extension = SQLAlchemy(), MailboxImport()
    before = dict(vars(extension))
    extension.init_app(bare_app(db), db)
    assert vars(extension) == before


def test_the_prefix_is_before_every_route():
    db = SQLAlchemy()
    app = bare_app(db, URL_PREFIX="/tools/mail")
    MailboxImport(app, db)
    rules = [each.rule for each in app.url_map.iter_rules() if "mailbox" in each.endpoint]
    assert rules
    assert all(each.startswith("/tools/mail/") for each in rules)


def test_an_import_needs_no_request_and_commits_nothing_of_the_caller(tmp_path):
    db, extension = SQLAlchemy(), MailboxImport()

    class Note(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)

    app = bare_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    with app.app_context():
        db.create_all()
        note = Note(id=1)
        db.session.add(note)
        assert not has_request_context()
        extension.importer.run_file(
            io.BytesIO(TWO_MAILBOXES), workspace_id="w1", skip_connection_test=True
        )
        assert note in db.session.new
        db.session.rollback()
        assert db.session.get(Note, 1) is None
        db.session.remove()
        db.engine.dispose()


def test_celery_is_refused_where_the_app_has_none():
    db = SQLAlchemy()
    with pytest.raises(ConfigError, match="celery"):
        MailboxImport().init_app(bare_app(db, RUNNER="celery"), db)


def test_a_database_without_transactions_is_refused():
    db = SQLAlchemy()
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["SECRET_KEY"] = "test"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"isolation_level": "AUTOCOMMIT"}
    app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = [generate_encryption_key()]
    db.init_app(app)
    with pytest.raises(ConfigError, match="an import needs transactions"):
        MailboxImport().init_app(app, db)


def test_an_app_without_a_secret_key_does_not_start_and_is_told_what_is_missing():
    db = SQLAlchemy(session_options={"autobegin": False})
    app = bare_app(db)
    app.config["SECRET_KEY"] = None
    with pytest.raises(ConfigError) as refused:
        MailboxImport().init_app(app, db)
    first, second = refused.value.problems
    assert first.startswith("SECRET_KEY: set it before init_app")
    assert "set autobegin to False" in second
    assert "leave it out" in second


def test_a_page_of_an_app_that_has_lost_its_secret_key_names_it(make_host, caplog):
    host = make_host()
    host.extension.workspace_loader(lambda: "w1")
    host.app.config["SECRET_KEY"] = None
    answer = host.app.test_client().get("/mailboxes/import")
    assert answer.status_code == 500
    assert "SECRET_KEY" in answer.text
    assert "SECRET_KEY" in caplog.text


def test_a_model_in_another_database_is_refused():
    db = SQLAlchemy()
    app = bare_app(db)
    app.config["SQLALCHEMY_BINDS"] = {"other": "sqlite://"}

    class Mailbox(MailboxMixin, db.Model):
        __bind_key__ = "other"

    with pytest.raises(ConfigError, match=r"another database \(__bind_key__ 'other'\): leave that"):
        MailboxImport(mailbox_model=Mailbox).init_app(app, db)


def test_a_dataclass_is_refused_and_the_way_out_is_one():
    db = SQLAlchemy()

    class Base(DeclarativeBase, MappedAsDataclass):
        metadata = db.metadata

    with pytest.raises(ConfigError, match="is a dataclass"):
        type("Mailbox", (MailboxMixin, Base), {"__tablename__": "mailbox"})

    class Plain(DeclarativeBase):
        metadata = db.metadata

    class Mailbox(MailboxMixin, Plain):
        __tablename__ = "own_mailbox"

    extension = MailboxImport(mailbox_model=Mailbox)
    app = bare_app(db)
    extension.init_app(app, db)
    assert import_two(app, extension, db).imported == 2
