"""The host's session: an app context of one's own around it, and one transaction inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session, scoped_session


@contextmanager
def own_context() -> Iterator[None]:
    """Work in an app context, and so a session, of one's own; the caller's stays as it is."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.app_context():
        yield


@contextmanager
def transaction(db: SQLAlchemy) -> Iterator[scoped_session[Session]]:
    """Give the session of the current app context; commit at the end, roll back on any fault."""
    session = cast("scoped_session[Session]", db.session)
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
