"""What imports leave in the database, looked at and changed beside the app."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

from host_apps import Host


def stored(host: Host, import_id: str):
    """Return an import as the database has it; nobody's runner is woken by that."""
    with host.app.app_context():
        return host.db.session.get(host.extension.models.import_, import_id)


def status_of(host: Host, import_id: str) -> str:
    """Return the status of an import as the database has it."""
    return stored(host, import_id).status


def change(host: Host, import_id: str, **values: object) -> None:
    """Change an import in the database, as another process would."""
    with host.app.app_context():
        found = host.db.session.get(host.extension.models.import_, import_id)
        for name, value in values.items():
            setattr(found, name, value)
        host.db.session.commit()


def tables(host: Host) -> dict[str, list[tuple]]:
    """Return all rows of all tables, as they are in the file."""
    path = host.app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = {name: connection.execute(f"SELECT * FROM {name}") for (name,) in names.fetchall()}  # noqa: S608 (no stranger's)
        return {name: rows.fetchall() for name, rows in found.items()}


def rest(host: Host) -> dict[str, list[tuple]]:
    """Return what the tables hold beside mailboxes and keys."""
    kept = ("mailbox_import_mailbox", "mailbox_import_api_key")
    return {name: rows for name, rows in tables(host).items() if rows and name not in kept}


def only_import(host: Host):
    """Return the one import that there is, as the database has it."""
    with host.app.app_context():
        model = host.extension.models.import_
        return host.db.session.scalars(host.db.select(model)).one()


def age(host: Host, by: timedelta) -> None:
    """Let all that was ever done have been done so much earlier."""
    with host.app.app_context():
        models = host.extension.models
        for model in (models.import_, models.row):
            for column in model.__table__.columns:
                if column.name.endswith("_at"):
                    for each in host.db.session.scalars(host.db.select(model)):
                        moment = getattr(each, column.name)
                        setattr(each, column.name, moment and moment - by)
        for each in host.db.session.scalars(host.db.select(models.import_)):
            each.beat = each.beat and each.beat - int(by.total_seconds())
        host.db.session.commit()
