"""Mailboxes on any base, in a host's own model, and with whatever a host does to it."""

from __future__ import annotations

import io
import logging
import uuid

import pytest
from flask_sqlalchemy import SQLAlchemy
from host_apps import TWO_MAILBOXES, Host, bare_app, import_two
from mailbox_files import THREE_MAILBOXES
from sqlalchemy import CheckConstraint, event, inspect, update
from sqlalchemy.orm import (
    DeclarativeBase,
    DeclarativeBaseNoMeta,
    Mapped,
    ORMExecuteState,
    mapped_column,
    validates,
    with_loader_criteria,
)

from flask_mailbox_import import ConfigError, MailboxImport, MailboxMixin, SealError, Secret
from flask_mailbox_import.core.secret import generate_encryption_key


class Base(DeclarativeBase):
    pass


class NoMeta(DeclarativeBaseNoMeta):
    pass


class Crowded(DeclarativeBase):
    """A host's base with columns of its own, one of which nobody but the host fills."""

    tenant: Mapped[int]


@pytest.mark.parametrize("base", [None, Base, NoMeta, Crowded])
def test_default_models_on_any_base(base, tmp_path):
    db = SQLAlchemy(model_class=base) if base else SQLAlchemy()
    app, extension = bare_app(db, tmp_path / "x.sqlite"), MailboxImport()
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
    app = bare_app(db, tmp_path / "x.sqlite")
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
    app = bare_app(db, tmp_path / "x.sqlite")
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
        MailboxImport(mailbox_model=Mailbox).init_app(bare_app(db), db)


def test_a_validator_of_the_hosts_model_refuses_one_row(tmp_path, caplog):
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        @validates("email")
        def check(self, _name: str, value: str) -> str:
            if value.startswith("b"):
                raise ValueError("no b here")
            return value

    extension = MailboxImport(mailbox_model=Mailbox)
    app = bare_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    summary = import_two(app, extension, db)
    assert (summary.imported, summary.failed) == (1, 1)
    assert "refused a mailbox: ValueError" in caplog.text


class QuotaError(Exception):
    """A fault of the host's own."""


def imported(host: Host) -> dict:
    return host.post(THREE_MAILBOXES, skipConnectionTest="true").json["data"]


def test_a_primary_key_of_another_type(host_with_model, caplog):
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)

    host = host_with_model(db, Mailbox)
    caplog.set_level(logging.DEBUG)
    assert imported(host)["imported"] == 3
    with host.app.app_context():
        mailbox = db.session.scalars(db.select(Mailbox)).first()
        assert mailbox.smtp_password() == "pw"
        assert f'event=password_opened workspace_id=w1 mailbox_id="{mailbox.id}"' in caplog.text
        mailbox.workspace_id = "w2"
        with pytest.raises(SealError):
            mailbox.smtp_password()
    assert "Forgot 1 imports" in host.run("purge", "--older-than", "0").output
    assert "Sealed 0 values anew" in host.run("rotate-keys").output


@pytest.mark.parametrize("fault", [QuotaError("no b"), ValueError("b"), ZeroDivisionError()])
def test_a_fault_of_the_hosts_own_at_one_mailbox_is_that_rows(host_with_model, caplog, fault):
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        pass

    @event.listens_for(Mailbox, "before_insert")
    def refuse(_mapper, _connection, mailbox: Mailbox) -> None:
        if mailbox.email == "b@x.com":
            raise fault

    data = imported(host_with_model(db, Mailbox))
    assert (data["imported"], data["failed"]) == (2, 1)
    assert [(each["row"], each["code"]) for each in data["errors"]] == [(3, "internal")]
    assert f"refused a mailbox: {type(fault).__name__}" in caplog.text


@pytest.fixture
def soft(host_with_model) -> tuple[Host, type]:
    """A host that hides what is deleted, whoever asks."""
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        is_deleted: Mapped[bool] = mapped_column(default=False)

    host = host_with_model(db, Mailbox, ["old:" + generate_encryption_key().partition(":")[2]])

    @event.listens_for(db.session, "do_orm_execute")
    def hide(state: ORMExecuteState) -> None:
        if state.is_select:
            shown = with_loader_criteria(Mailbox, Mailbox.is_deleted.is_(False))
            state.statement = state.statement.options(shown)

    return host, Mailbox


def delete_softly(host: Host, model: type) -> None:
    with host.app.app_context():
        host.db.session.execute(
            update(model).where(model.email == "b@x.com").values(is_deleted=True)
        )
        host.db.session.commit()
        assert len(host.db.session.scalars(host.db.select(model)).all()) == 2


def test_a_mailbox_that_the_host_hides_is_there_all_the_same(soft):
    host, model = soft
    assert imported(host)["imported"] == 3
    delete_softly(host, model)
    data = imported(host)
    assert (data["imported"], data["skipped"], data["failed"]) == (0, 3, 0)


def test_what_the_host_hides_is_sealed_anew_too(soft, host_with_model):
    host, model = soft
    assert imported(host)["imported"] == 3
    delete_softly(host, model)
    new = "new:" + generate_encryption_key().partition(":")[2]
    old = host.app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"]
    later = host_with_model(host.db, model, [new, *old])
    # Two passwords of each mailbox.
    assert "Sealed 6 values anew" in later.run("rotate-keys").output
    assert "Sealed 0 values anew" in later.run("rotate-keys").output


def own_model(db: SQLAlchemy) -> type[MailboxMixin]:
    class Mailbox(MailboxMixin, db.Model):
        __tablename__ = "host_mailbox"

        @validates("email")
        def lower(self, _name: str, value: str) -> str:
            return value.lower()

    return Mailbox


@pytest.mark.parametrize("of_host", [False, True])
def test_a_mailbox_that_is_renamed_is_found_by_its_new_address(tmp_path, of_host):
    db = SQLAlchemy()
    extension = MailboxImport(mailbox_model=own_model(db) if of_host else None)
    app = bare_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    assert import_two(app, extension, db).imported == 2
    with app.app_context():
        model = extension.models.mailbox
        mailbox = db.session.scalars(db.select(model).filter_by(email="a@x.com")).one()
        mailbox.email = "c@BÜCHER.example"
        db.session.commit()
        assert mailbox.email_key == "c@xn--bcher-kva.example"
        with pytest.raises(ValueError, match=r"such as name@example\.com"):
            mailbox.email = "nobody"
        again = extension.importer.run_file(
            io.BytesIO(TWO_MAILBOXES), workspace_id="w1", skip_connection_test=True
        )
        # The old address is free again.
        assert (again.imported, again.skipped) == (1, 1)


def test_a_host_changes_passwords_and_makes_mailboxes(tmp_path):
    db = SQLAlchemy()
    extension = MailboxImport(mailbox_model=own_model(db))
    app = bare_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    import_two(app, extension, db)
    with app.app_context():
        model = extension.models.mailbox
        first = db.session.scalars(db.select(model).order_by(model.id)).first()
        first.set_smtp_password("näw")
        first.set_imap_password("for reading")
        made = model(workspace_id="w1", email="z@x.com", status="active")
        with pytest.raises(ValueError, match="workspace_id"):
            model(email="z@x.com").set_smtp_password("pw")
        made.smtp_host, made.smtp_port, made.smtp_security = "s.x.com", 587, "starttls"
        made.smtp_username, made.created_at = "z@x.com", first.created_at
        for nothing in ("", None):
            with pytest.raises(ValueError, match="not empty"):
                made.set_smtp_password(nothing)
        made.set_smtp_password(Secret("its own"))
        db.session.add(made)
        db.session.commit()
        db.session.expire_all()
        assert (first.smtp_password(), first.imap_password()) == ("näw", "for reading")
        assert (made.smtp_password(), made.imap_password()) == ("its own", None)
        first.set_imap_password(None)
        assert first.imap_password() is None


def test_a_relationship_to_a_model_of_the_hosts(tmp_path):
    db = SQLAlchemy()
    extension = MailboxImport(mailbox_model=own_model(db))

    class Campaign(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)
        mailbox_id: Mapped[int] = mapped_column(db.ForeignKey("host_mailbox.id"))
        mailbox = db.relationship("Mailbox")

    app = bare_app(db, tmp_path / "x.sqlite")
    extension.init_app(app, db)
    import_two(app, extension, db)
    with app.app_context():
        db.session.add(Campaign(mailbox_id=1))
        db.session.commit()
        assert db.session.scalars(db.select(Campaign)).one().mailbox.email == "a@x.com"
