"""What imports leave behind: rows, looked at in the file itself, and lines of the log."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from datetime import timedelta

from checking import options as import_options
from conftest import Header, Host, row

TAG = "spring-tag"
READY = row("a@x.com", "pw", 587, host="smtp.x.com")


def delete(host: Host, import_id: str, key: str | None = None, query: str = ""):
    headers = {"X-Api-Key": key if key is not None else host.create_key()}
    address = f"/v1/mailboxes/imports/{import_id}{query}"
    return host.app.test_client().delete(address, headers=headers)


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


def stage(
    host: Host, csv: str | bytes, workspace_id: str = "w1", *, ask: bool = False, **options: object
) -> str:
    data = csv.encode() if isinstance(csv, str) else csv
    with host.app.app_context():
        importer = host.extension.importer
        return importer.stage_file(
            io.BytesIO(data), import_options(workspace_id=workspace_id, **options), ask=ask
        )


def imported(host: Host, *lines: str, workspace_id: str = "w1") -> str:
    answer = host.post(
        Header + "".join(lines), host.create_key(workspace_id), skipConnectionTest="1", tag=TAG
    )
    return answer.json["data"]["importId"]


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
        host.db.session.commit()


def parsed(line: str) -> dict[str, object]:
    """Read a line as whoever collects logs does: name=value, a value with anything odd is JSON."""
    found, rest = {}, line
    while rest:
        name, _, rest = rest.partition("=")
        assert name.isidentifier()
        assert name not in found
        if rest.startswith('"'):
            value, end = json.JSONDecoder().raw_decode(rest)
        else:
            end = len(rest.split(" ", 1)[0])
            value = rest[:end]
        assert rest[end : end + 1] in ("", " ")
        found[name], rest = value, rest[end + 1 :]
    return found
