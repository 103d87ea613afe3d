"""Flask-Migrate makes our tables, finds nothing more to do, and takes them away again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from databases import execute
from project_paths import ROOT

pytestmark = pytest.mark.slow

APP = """
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData

from flask_mailbox_import import MailboxImport, MailboxMixin

db = SQLAlchemy({metadata})
{model}
app = Flask(__name__)
app.config.from_prefixed_env()
db.init_app(app)
MailboxImport({own}).init_app(app, db)
Migrate(app, db)
"""
CONVENTION = """metadata=MetaData(naming_convention={
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
})"""
MODEL = """
class Mailbox(MailboxMixin, db.Model):
    nickname = db.Column(db.String(64), default="")
"""


@pytest.mark.parametrize("is_named", [False, True], ids=["default names", "naming convention"])
def test_upgraded_nothing_is_left_to_do_and_downgraded_nothing_is_left(
    database, tmp_path: Path, is_named
):
    """With the naming convention, the mailboxes are in a model of the host's."""
    parts = (CONVENTION, MODEL, "mailbox_model=Mailbox") if is_named else ("", "", "")
    source = APP.format(**dict(zip(("metadata", "model", "own"), parts, strict=True)))
    (tmp_path / "app.py").write_text(source)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "FLASK_APP": "app",
        "FLASK_SECRET_KEY": "test",
        "FLASK_SQLALCHEMY_DATABASE_URI": database,
        "FLASK_MAILBOX_IMPORT_ENCRYPTION_KEYS": '["k1:' + "A" * 43 + '="]',
    }

    def flask(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    flask("db", "init")
    flask("db", "migrate", "-m", "mailboxes")
    flask("db", "upgrade")
    assert execute(database, "SELECT count(*) FROM mailbox_import_row") == [(0,)]
    flask("db", "check")
    assert "No changes in schema detected" in flask("db", "migrate", "-m", "again")
    flask("db", "downgrade", "base")
    with pytest.raises(Exception, match="mailbox_import_row"):
        execute(database, "SELECT count(*) FROM mailbox_import_row")
