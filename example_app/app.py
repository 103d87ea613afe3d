"""The host: an app factory with settings and database from the environment, and two small views."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.pool import StaticPool
from werkzeug.wrappers import Response

from flask_mailbox_import import MailboxImport, generate_encryption_key

db = SQLAlchemy()
mailbox_import = MailboxImport()
#: Its commands are at the top: ``flask --app example_app demo``.
views = Blueprint("host", __name__, cli_group=None)

_KEYS = "MAILBOX_IMPORT_ENCRYPTION_KEYS"
_CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def create_app(settings: Mapping[str, object] | None = None) -> Flask:
    """Make the app. Settings come from the environment as ``FLASK_...``, then from the caller."""
    app = Flask(__name__, instance_relative_config=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///example.sqlite"
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["MAILBOX_IMPORT_BASE_TEMPLATE"] = "layout.html"
    app.config.from_prefixed_env()
    app.config.from_mapping(settings or {})
    folder = Path(app.instance_path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _KEYS not in app.config:
        app.config[_KEYS] = [_kept(folder / "encryption_key", generate_encryption_key())]
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = _kept(folder / "secret_key", secrets.token_hex(32))
    db.init_app(app)
    mailbox_import.init_app(app, db)
    app.register_blueprint(views)
    _create_tables(app)
    return app


def _create_tables(app: Flask) -> None:
    """Make the tables, as a first visitor expects; a real host has a command or migrations."""
    with app.app_context():
        db.create_all()
        # A server may fork this process: its children must not share the connection. An SQLite
        # in memory is its connection.
        if not isinstance(db.engine.pool, StaticPool):
            db.engine.dispose()


@mailbox_import.workspace_loader
def current_workspace() -> str:
    """Return the workspace that somebody signed in to; ``demo`` at the first visit."""
    return str(session.setdefault("workspace", "demo"))


@views.after_app_request
def harden(response: Response) -> Response:
    """Set the policy of every page of this app; the import's pages need nothing beyond it."""
    response.headers.setdefault("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
    return response


@views.get("/")
def index() -> str:
    """List the mailboxes of the workspace."""
    model = mailbox_import.models.mailbox
    query = db.select(model).filter_by(workspace_id=current_workspace()).order_by(model.email)
    return render_template("index.html", mailboxes=db.session.scalars(query).all())


@views.post("/sign-in")
def sign_in() -> Response:
    """Choose a workspace. A real host asks for a password here."""
    name = "".join(filter(str.isprintable, request.form.get("workspace", "")[:64]))
    session["workspace"] = " ".join(name.split()) or "demo"
    return redirect(url_for("host.index"), 303)


def _kept(path: Path, fresh: str) -> str:
    """Return the secret that an earlier start left in the instance folder, or leave one there."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(fresh)
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")
