"""Mounting: settings at once, one registration an app, any number of apps, any kind of model."""

from __future__ import annotations

import io

import pytest
from flask import Flask, has_request_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import CheckConstraint, inspect
from sqlalchemy.orm import (
    DeclarativeBase,
    DeclarativeBaseNoMeta,
    Mapped,
    mapped_column,
    validates,
)

from flask_mailbox_import import ConfigError, MailboxImport, MailboxMixin
from flask_mailbox_import.core.secret import generate_encryption_key

CSV = b"email,password,smtphost,imaphost\na@x.com,pw,smtp.x.com,\nb@x.com,pw,smtp.x.com,\n"


class Base(DeclarativeBase):
    pass


class NoMeta(DeclarativeBaseNoMeta):
    pass


class Crowded(DeclarativeBase):
    """A host's base with columns of its own, one of which nobody but the host fills."""

    tenant: Mapped[int]


def make_app(db: SQLAlchemy, path=None, **settings: object) -> Flask:
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}" if path else "sqlite://"
    app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = [generate_encryption_key()]
    app.config.update({f"MAILBOX_IMPORT_{name}": value for name, value in settings.items()})
    db.init_app(app)
    return app


def import_two(app: Flask, extension: MailboxImport, db: SQLAlchemy) -> list:
    with app.app_context():
        db.create_all()
        summary = extension.importer.run_file(
            io.BytesIO(CSV), workspace_id="w1", skip_connection_test=True
        )
        saved = db.session.scalars(db.select(extension.models.mailbox)).all()
        assert summary.imported == len(saved)
        assert [each.smtp_password() for each in saved] == ["pw"] * len(saved)
        db.session.remove()
        db.engine.dispose()
        return summary


@pytest.mark.parametrize("base", [None, Base, NoMeta, Crowded])
def test_default_models_on_any_base(base, tmp_path):
    db = SQLAlchemy(model_class=base) if base else SQLAlchemy()
    app, extension = make_app(db, tmp_path / "x.sqlite"), MailboxImport()
    extension.init_app(app, db)
    assert import_two(app, extension, db).imported == 2
    assert {each for each in db.metadata.tables if each.startswith("mailbox_import_")} == {
        "mailbox_import_mailbox",
        "mailbox_import_import",
        "mailbox_import_row",
        "mailbox_import_api_key",
    }


@pytest.mark.parametrize("base", [None, DeclarativeBase, DeclarativeBaseNoMeta])
def test_a_hosts_own_mailbox_model(base, tmp_path):
    db = SQLAlchemy(model_class=type("Base", (base,), {})) if base else SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        __tablename__ = "host_mailbox"
        nickname: Mapped[str] = mapped_column(default="none yet")

    extension = MailboxImport(mailbox_model=Mailbox)
    app = make_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    assert "mailbox_import_mailbox" not in db.metadata.tables
    assert import_two(app, extension, db).imported == 2
    assert inspect(Mailbox).local_table.name == "host_mailbox"


def test_a_database_fault_on_one_row_is_that_rows(tmp_path):
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        __tablename__ = "host_mailbox"
        __table_args__ = (
            db.UniqueConstraint("workspace_id", "email_key"),
            CheckConstraint("email != 'b@x.com'"),
        )

    extension = MailboxImport(mailbox_model=Mailbox)
    app = make_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    summary = import_two(app, extension, db)
    assert (summary.imported, summary.failed) == (1, 1)
    assert [(each.row, each.failure.code.value) for each in summary.errors] == [(3, "internal")]


def test_a_model_without_the_unique_constraint_is_refused():
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        __tablename__ = "host_mailbox"
        __table_args__ = ()

    with pytest.raises(ConfigError, match=r"UniqueConstraint\('workspace_id', 'email_key'\)"):
        MailboxImport(mailbox_model=Mailbox).init_app(make_app(db), db)


def test_a_second_registration_is_refused_with_advice():
    db = SQLAlchemy()
    app = make_app(db)
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
        make_app(db, tmp_path / f"{name}.sqlite", MAX_ROWS=rows)
        for name, rows in (("one", 500), ("two", 1))
    ]
    for app in apps:
        extension.init_app(app, db)
    assert import_two(apps[0], extension, db).imported == 2
    with apps[1].app_context():
        db.create_all()
        assert db.session.scalars(db.select(extension.models.mailbox)).all() == []
        with pytest.raises(Exception, match="at most 1"):
            extension.importer.run_file(io.BytesIO(CSV), workspace_id="w1")
        db.session.remove()
        db.engine.dispose()


def test_nothing_of_an_app_is_kept_on_the_extension():
    db, extension = SQLAlchemy(), MailboxImport()
    before = dict(vars(extension))
    extension.init_app(make_app(db), db)
    assert vars(extension) == before


def test_the_prefix_is_before_every_route():
    db = SQLAlchemy()
    app = make_app(db, URL_PREFIX="/tools/mail")
    MailboxImport(app, db)
    rules = [each.rule for each in app.url_map.iter_rules() if "mailbox" in each.endpoint]
    assert rules
    assert all(each.startswith("/tools/mail/") for each in rules)


def test_an_import_needs_no_request_and_commits_nothing_of_the_caller(tmp_path):
    db, extension = SQLAlchemy(), MailboxImport()

    class Note(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)

    app = make_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    with app.app_context():
        db.create_all()
        note = Note(id=1)
        db.session.add(note)
        assert not has_request_context()
        extension.importer.run_file(io.BytesIO(CSV), workspace_id="w1", skip_connection_test=True)
        assert note in db.session.new
        db.session.rollback()
        assert db.session.get(Note, 1) is None
        db.session.remove()
        db.engine.dispose()


def test_celery_is_refused_where_the_app_has_none():
    db = SQLAlchemy()
    with pytest.raises(ConfigError, match="celery"):
        MailboxImport().init_app(make_app(db, RUNNER="celery"), db)


def test_a_validator_of_the_hosts_model_refuses_one_row(tmp_path, caplog):
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        @validates("email")
        def check(self, _name: str, value: str) -> str:
            if value.startswith("b"):
                raise ValueError("no b here")
            return value

    extension = MailboxImport(mailbox_model=Mailbox)
    app = make_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    summary = import_two(app, extension, db)
    assert (summary.imported, summary.failed) == (1, 1)
    assert "refused a mailbox: ValueError" in caplog.text


def test_a_database_without_transactions_is_refused():
    db = SQLAlchemy()
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"isolation_level": "AUTOCOMMIT"}
    app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = [generate_encryption_key()]
    db.init_app(app)
    with pytest.raises(ConfigError, match="an import needs transactions"):
        MailboxImport().init_app(app, db)
