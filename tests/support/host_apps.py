"""Host apps with the import mounted, each on a database of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.storage.imports import Imports
from flask_mailbox_import.storage.runs import Runs


class Host:
    """A host app with the import mounted, allowed to reach this machine's mail servers."""

    def __init__(self, app: Flask, db: SQLAlchemy, extension: MailboxImport) -> None:
        self.app = app
        self.db = db
        self.extension = extension

    def store(self) -> Imports:
        """Return a second store on the host's database, as another process has one."""
        return Imports(*self._parts())

    def runs(self) -> Runs:
        """Return second runs on the host's database, as another process has them."""
        return Runs(*self._parts())

    def _parts(self):
        state = self.app.extensions["mailbox_import"]
        keep_failed = timedelta(seconds=state.config.keep_failed_secrets)
        return self.db, state.models, state.key_ring, keep_failed

    def create_key(self, *workspaces: str, platform: bool = False) -> str:
        with self.app.app_context():
            keys = self.app.extensions["mailbox_import"].api_keys
            return keys.create(workspaces or ("w1",), platform=platform)

    def post(self, csv: str | bytes, key: str | None = None, **fields: object):
        data = csv.encode() if isinstance(csv, str) else csv
        headers = {"X-Api-Key": key if key is not None else self.create_key()}
        return self.app.test_client().post(
            "/v1/mailboxes/import/smtp",
            data={"file": (io.BytesIO(data), "mailboxes.csv"), **fields},
            headers=headers,
        )

    def mailboxes(self, workspace_id: str = "w1") -> list:
        with self.app.app_context():
            model = self.extension.models.mailbox
            query = self.db.select(model).filter_by(workspace_id=workspace_id).order_by(model.id)
            found = self.db.session.scalars(query).all()
            for each in found:
                each.clear = each.smtp_password()
            self.db.session.expunge_all()
            return found

    def run(self, *arguments: str, stdin: bytes | None = None):
        return self.app.test_cli_runner().invoke(
            args=["mailbox-import", *arguments], input=stdin, catch_exceptions=False
        )

    def close(self) -> None:
        with self.app.app_context():
            self.db.session.remove()
            self.db.engine.dispose()

    def rows(self) -> list:
        with self.app.app_context():
            model = self.extension.models.row
            return self.db.session.scalars(self.db.select(model).order_by(model.id)).all()


def new_host(
    database: Path | str, ca_file: str, *ports: int, texts: object = None, **settings: object
) -> Host:
    """Make a host app on an SQLite file or at a URI; ``ports`` are allowed beside the usual."""
    app = Flask("host")
    app.config["SECRET_KEY"] = "test"
    # Without a sweeper, which would go on for as long as the tests' process.
    app.config["TESTING"] = settings.pop("TESTING", True)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.config["SQLALCHEMY_DATABASE_URI"] = (
        database if isinstance(database, str) else f"sqlite:///{database}"
    )
    defaults: dict[str, object] = {
        "ENCRYPTION_KEYS": [generate_encryption_key()],
        "ALLOWED_NETWORKS": ["127.0.0.0/8", "::1/128"],
        "ALLOWED_PORTS": [25, 465, 587, 2525, 143, 993, *ports],
        "CA_FILE": ca_file,
        "TIMEOUT": 10,
        "RUNNER": "inline",
    }
    for name, value in {**defaults, **settings}.items():
        app.config[f"MAILBOX_IMPORT_{name}"] = value
    db = SQLAlchemy()
    db.init_app(app)
    extension = MailboxImport(texts=texts)  # type: ignore[arg-type]
    extension.init_app(app, db)
    with app.app_context():
        db.create_all()
    return Host(app, db, extension)


TWO_MAILBOXES = (
    b"email,password,smtphost,imaphost\na@x.com,pw,smtp.x.com,\nb@x.com,pw,smtp.x.com,\n"
)


def bare_app(db: SQLAlchemy, path=None, **settings: object) -> Flask:
    """Make an app with a database, on which the import is still to be mounted."""
    app = Flask("host")
    app.config["SECRET_KEY"] = "test"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}" if path else "sqlite://"
    app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = [generate_encryption_key()]
    app.config.update({f"MAILBOX_IMPORT_{name}": value for name, value in settings.items()})
    db.init_app(app)
    return app


def import_two(app: Flask, extension: MailboxImport, db: SQLAlchemy) -> list:
    """Import two mailboxes without a test; return the summary, once the passwords were opened."""
    with app.app_context():
        db.create_all()
        summary = extension.importer.run_file(
            io.BytesIO(TWO_MAILBOXES), workspace_id="w1", skip_connection_test=True
        )
        saved = db.session.scalars(db.select(extension.models.mailbox)).all()
        assert summary.imported == len(saved)
        assert [each.smtp_password() for each in saved] == ["pw"] * len(saved)
        db.session.remove()
        db.engine.dispose()
        return summary


#: How a host may read a form before our view does.
KINDS = (
    "plain",
    "csrf last",
    pytest.param("csrf first", marks=pytest.mark.slow),
    pytest.param("hook", marks=pytest.mark.slow),
)


@contextmanager
def host_of_kind(folder: Path, kind: str = "plain", **settings: object) -> Iterator[Host]:
    """Make a host of one of the kinds, whose pages are for the workspace w1."""
    app, db = Flask("host"), SQLAlchemy()
    app.config["SECRET_KEY"] = "x"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/host.sqlite"
    settings = {"ENCRYPTION_KEYS": [generate_encryption_key()], **settings}
    settings.setdefault("RUNNER", "inline")
    app.config.update({f"MAILBOX_IMPORT_{name}": each for name, each in settings.items()})
    db.init_app(app)
    if kind == "csrf first":
        CSRFProtect(app)
    host = Host(app, db, MailboxImport(app, db))
    if kind == "csrf last":
        CSRFProtect(app)
    if kind == "hook":
        app.before_request(_read_the_form)
    host.extension.workspace_loader(lambda: "w1")
    with app.app_context():
        db.create_all()
    with closing(host):
        yield host


def _read_the_form() -> None:
    request.form.get("tag")
