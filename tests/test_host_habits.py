"""What hosts do to their models, hooks and databases, and an import has to live with."""

from __future__ import annotations

import io
import logging
import uuid

import pytest
from conftest import Header, Host, row
from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from raw_http import FORM, PATH, form, written
from sqlalchemy import event, update
from sqlalchemy.orm import Mapped, ORMExecuteState, mapped_column, with_loader_criteria

from flask_mailbox_import import MailboxImport, MailboxMixin, SealError
from flask_mailbox_import.core.secret import generate_encryption_key

CSV = Header + "".join(row(f"{each}@x.com", "pw", 587, host="smtp.x.com") for each in "abc")


class QuotaError(Exception):
    """A fault of the host's own."""


@pytest.fixture
def make(tmp_path):
    made = []

    def make(db: SQLAlchemy, model: type | None = None, keys: list[str] | None = None) -> Host:
        app = Flask("host")
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/host.sqlite"
        app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = keys or [generate_encryption_key()]
        db.init_app(app)
        extension = MailboxImport(mailbox_model=model)
        extension.init_app(app, db)
        with app.app_context():
            db.create_all()
        made.append(Host(app, db, extension))
        return made[-1]

    yield make
    for host in made:
        host.close()


def imported(host: Host) -> dict:
    return host.post(CSV, skipConnectionTest="true").json["data"]


def test_a_primary_key_of_another_type(make, caplog):
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)

    host = make(db, Mailbox)
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
def test_a_fault_of_the_hosts_own_at_one_mailbox_is_that_rows(make, caplog, fault):
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        pass

    @event.listens_for(Mailbox, "before_insert")
    def refuse(_mapper, _connection, mailbox: Mailbox) -> None:
        if mailbox.email == "b@x.com":
            raise fault

    data = imported(make(db, Mailbox))
    assert (data["imported"], data["failed"]) == (2, 1)
    assert [(each["row"], each["code"]) for each in data["errors"]] == [(3, "internal")]
    assert f"refused a mailbox: {type(fault).__name__}" in caplog.text


@pytest.fixture
def soft(make) -> tuple[Host, type]:
    """A host that hides what is deleted, whoever asks."""
    db = SQLAlchemy()

    class Mailbox(MailboxMixin, db.Model):
        is_deleted: Mapped[bool] = mapped_column(default=False)

    host = make(db, Mailbox, ["old:" + generate_encryption_key().partition(":")[2]])

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


def test_what_the_host_hides_is_sealed_anew_too(soft, make):
    host, model = soft
    assert imported(host)["imported"] == 3
    delete_softly(host, model)
    new = "new:" + generate_encryption_key().partition(":")[2]
    old = host.app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"]
    later = make(host.db, model, [new, *old])
    # Two passwords of each mailbox.
    assert "Sealed 6 values anew" in later.run("rotate-keys").output
    assert "Sealed 0 values anew" in later.run("rotate-keys").output


def test_a_hook_that_reads_every_form_first_finds_our_limits(make):
    host = make(SQLAlchemy())
    read = []

    @host.app.url_value_preprocessor
    def look(_endpoint: str | None, _values: object) -> None:
        read.append(request.form.get("tag"))

    with written() as files:
        answer = host.app.test_client().post(
            PATH,
            data=form(csv="x" * 600_000),
            content_type=FORM,
            headers={"X-Api-Key": host.create_key()},
        )
    assert (answer.status_code, answer.mimetype) == (413, "application/json")
    assert files == []
    assert read == []


def test_the_sessions_of_the_host_keep_what_they_have(make):
    db = SQLAlchemy(session_options={"expire_on_commit": False, "autoflush": False})
    host = make(db)
    with host.app.app_context():
        mine = db.session.scalars(db.select(host.extension.models.import_)).all()
        summary = host.extension.importer.run_file(
            io.BytesIO(CSV.encode()), workspace_id="w1", skip_connection_test=True
        )
        assert mine == []
        assert summary.imported == 3
