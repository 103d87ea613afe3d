"""Empty databases on SQLite, PostgreSQL and MariaDB, which are dropped after the test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

KINDS = ("sqlite", "postgresql", "mariadb")

#: What names the server of a kind, and where it is looked for otherwise.
SERVERS = {
    "postgresql": ("TEST_POSTGRESQL_URI", "postgresql+psycopg://postgres@127.0.0.1/test"),
    "mariadb": ("TEST_MARIADB_URI", "mysql+pymysql://root@127.0.0.1/test"),
}

_CONNECTIONS = {
    "postgresql": "SELECT pid FROM pg_stat_activity"
    " WHERE datname = :name AND pid <> pg_backend_pid()",
    "mysql": "SELECT id FROM information_schema.processlist"
    " WHERE db = :name AND id <> connection_id()",
}
_HANG_UP = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


@contextmanager
def fresh_database(kind: str, folder: Path, *, charset: str = "utf8mb4") -> Iterator[str]:
    """Make an empty database and give its URI; a SQLite file is in ``folder``."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'database.sqlite'}"
        return
    variable, default = SERVERS[kind]
    server = make_url(os.environ.get(variable) or default)
    name = f"mailbox_import_{secrets.token_hex(6)}"
    text_as = f" CHARACTER SET {charset}" if kind == "mariadb" else ""
    try:
        execute(server, f"CREATE DATABASE {name}{text_as}")
    except OperationalError as fault:
        pytest.skip(
            f"no {kind} server answers at {server!r}: start one there, or set {variable} to the "
            f"URI of one whose user may create databases ({str(fault.orig).splitlines()[0]})"
        )
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        hang_up(server.set(database=name), over=server)
        execute(server, f"DROP DATABASE {name}")


def execute(uri: object, *statements: str, **values: object) -> list[Any]:
    """Run statements, each committed, beside what an app does; return the rows of the last."""
    engine = create_engine(uri, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    found: list[Any] = []
    with engine.connect() as connection:
        for each in statements:
            result = connection.execute(text(each), values)
            found = list(result) if result.returns_rows else []
    return found


def hang_up(uri: object, *, over: object = None) -> int:
    """Let the server hang up on everybody who is at this database; return how many there were."""
    url = make_url(uri)
    backend = url.get_backend_name()
    found = execute(over or uri, _CONNECTIONS[backend], name=url.database)
    for (connection,) in found:
        try:
            execute(over or uri, _HANG_UP[backend].format(connection))
        except OperationalError as fault:
            if "1094" not in str(fault.orig):  # it has left by itself
                raise
    return len(found)
