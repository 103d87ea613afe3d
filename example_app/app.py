"""The host: an app factory with settings and database from the environment; no view of its own."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.sealing import generate_key

db = SQLAlchemy()
mailbox_import = MailboxImport()

_KEYS = "MAILBOX_IMPORT_ENCRYPTION_KEYS"


def create_app() -> Flask:
    """Make the app. Settings come from the environment as ``FLASK_MAILBOX_IMPORT_...``."""
    app = Flask(__name__, instance_relative_config=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///example.sqlite"
    app.config.from_prefixed_env()
    folder = Path(app.instance_path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _KEYS not in app.config:
        app.config[_KEYS] = [_key_of(folder / "encryption_key")]
    db.init_app(app)
    mailbox_import.init_app(app, db)
    with app.app_context():
        db.create_all()
    return app


def _key_of(path: Path) -> str:
    """Return the key that an earlier start left in the instance folder, or make one there."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(generate_key())
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")
