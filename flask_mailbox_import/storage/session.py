"""Runs transactions in sessions of their own; repeats them after deadlocks and lost connections."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.pool import SingletonThreadPool, StaticPool
from sqlalchemy.sql import Delete, Update

# Seconds before each repetition of a transaction.
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
# A statement that took longer than the database allows: PostgreSQL's error (statement_timeout), and
# those of MySQL and MariaDB (max_execution_time, max_statement_time).
_CANCELLED = "57014"
_MYSQL_CANCELLED = frozenset({1969, 3024})
#: For so many seconds a run waits for a database that is away.
LONGEST_LOSS = 60.0
_LONGEST_PAUSE = 2.0

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def transaction(db: SQLAlchemy) -> Iterator[scoped_session[Session]]:
    """Open one transaction; commit it at the end, roll back on any fault. Needs an app context.

    It pushes an app context of its own, and so has a session of its own: nothing of the caller's is
    committed. Objects that were loaded here are detached at the end.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.app_context():
        session = cast("scoped_session[Session]", db.session)
        try:
            if db.engine.dialect.name == "postgresql" and not session().in_transaction():
                # With a higher level PostgreSQL hides mailboxes that another import has just added.
                session.connection(execution_options={"isolation_level": "READ COMMITTED"})
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


def shares_connection(db: SQLAlchemy) -> bool:
    """Tell whether all sessions share one connection, as with SQLite in memory.

    There two threads would be in the same transaction.
    """
    return isinstance(db.engine.pool, StaticPool | SingletonThreadPool)


def execute(session: scoped_session[Session], statement: Update | Delete) -> int:
    """Execute an update or a delete and return how many rows it matched."""
    statement = statement.execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def repeated(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that is one transaction: repeat it after a deadlock or a lock.

    The database has rolled the transaction back then. After a lost connection this is not known:
    then only a function with `idempotent` is repeated.
    """
    return _repeated(function, after_loss=False)


def idempotent(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a transaction that may be done twice: repeat it after a lost connection too."""
    return _repeated(function, after_loss=True)


def enduring(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a transaction of a run that may be done twice: wait for a database that is away.

    It is repeated for up to ``LONGEST_LOSS`` seconds, until the database is back.
    """
    within_reach = idempotent(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        deadline = time.monotonic() + LONGEST_LOSS
        pause = _PAUSES[-1]
        while True:
            try:
                return within_reach(*args, **kwargs)
            except DBAPIError as fault:
                if not is_away(fault) or time.monotonic() > deadline:
                    raise
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    return call


def is_away(fault: BaseException) -> bool:
    """Tell whether the connection to the database was lost, or could not be made."""
    if not isinstance(fault, DBAPIError):
        return False
    # What fails while it connects has no statement.
    cannot_connect = isinstance(fault, OperationalError) and fault.statement is None
    return fault.connection_invalidated or cannot_connect


def _took_too_long(fault: DBAPIError) -> bool:
    """Tell whether the database ended a statement that took too long; it would again."""
    number = fault.orig.args[0] if fault.orig is not None and fault.orig.args else None
    return getattr(fault.orig, "sqlstate", None) == _CANCELLED or number in _MYSQL_CANCELLED


def _repeated(function: Callable[P, T], *, after_loss: bool) -> Callable[P, T]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for pause in _PAUSES:
            try:
                return function(*args, **kwargs)
            except DBAPIError as fault:
                lost = fault.connection_invalidated
                if not (isinstance(fault, OperationalError) or lost) or (lost and not after_loss):
                    raise
                if _took_too_long(fault):
                    raise
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (jitter)
        return function(*args, **kwargs)

    return call
