"""A transaction is repeated where that helps, and leaves the host's own session as it is."""

from __future__ import annotations

import io
import threading

import pytest
from databases import fresh_database
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from mailbox_files import THREE_MAILBOXES
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.storage.session import repeated


@pytest.mark.parametrize(("lost", "calls"), [(False, 3), (True, 1)])
def test_a_transaction_that_met_a_lock_is_repeated_and_a_lost_connection_is_not(lost, calls):
    made = []

    @repeated
    def work() -> str:
        made.append(1)
        if len(made) < 3:
            raise OperationalError("UPDATE", {}, Exception("locked"), connection_invalidated=lost)
        return "done"

    if lost:
        with pytest.raises(OperationalError):
            work()
    else:
        assert work() == "done"
    assert len(made) == calls


SLOW = {
    "postgresql": ("SET statement_timeout = 100", "SELECT pg_sleep(5)"),
    "mariadb": ("SET max_statement_time = 0.1", "SELECT sleep(5)"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW)
def test_a_statement_that_took_too_long_is_not_repeated(kind, tmp_path):
    limit, slow = SLOW[kind]
    made = []
    with fresh_database(kind, tmp_path) as uri:
        engine = create_engine(uri)

        @repeated
        def work() -> None:
            made.append(1)
            with engine.connect() as connection:
                connection.exec_driver_sql(limit)
                connection.exec_driver_sql(slow)

        with pytest.raises(OperationalError):
            work()
        engine.dispose()
    assert made == [1]


def test_the_sessions_of_the_host_keep_what_they_have(host_with_model):
    db = SQLAlchemy(session_options={"expire_on_commit": False, "autoflush": False})
    host = host_with_model(db)
    with host.app.app_context():
        mine = db.session.scalars(db.select(host.extension.models.import_)).all()
        summary = host.extension.importer.run_file(
            io.BytesIO(THREE_MAILBOXES.encode()), workspace_id="w1", skip_connection_test=True
        )
        assert mine == []
        assert summary.imported == 3


def test_a_session_of_the_hosts_own_scope_may_be_in_a_transaction(tmp_path):
    """On PostgreSQL the isolation level of a connection in use cannot be set: SAWarning."""
    with fresh_database("postgresql", tmp_path) as uri:
        db = SQLAlchemy(session_options={"scopefunc": threading.get_ident})
        app, extension = Flask("host"), MailboxImport()
        app.config["SECRET_KEY"] = "test"
        app.config["SQLALCHEMY_DATABASE_URI"] = uri
        app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = [generate_encryption_key()]
        db.init_app(app)
        extension.init_app(app, db)
        with app.app_context():
            db.create_all()
            db.session.execute(db.select(extension.models.import_))
            assert extension.importer.imports(workspace_id="w1").items == ()
            db.session.remove()
            db.engine.dispose()
