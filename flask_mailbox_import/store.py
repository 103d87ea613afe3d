"""All reads and writes of imports, rows and mailboxes, through the host's session; no decisions."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.sql import Update

from .batch import Batch, existing_keys
from .config import Config
from .errors import ImportNotFound, ImportNotRunnable, RunLost
from .mapping import Outcome, Run, StagedRow, Unfinished, now, record_of, row_columns
from .models import Models
from .records import CheckedRow, Code, ImportStatus, Reason, RowResult, RowStatus, Summary
from .sealing import KeyRing

#: A run that gave no sign of life for this long is dead; runs give one at least every 5 s.
STALE_AFTER = timedelta(seconds=20)

_CONTINUABLE = (
    ImportStatus.CHECKED,
    ImportStatus.QUEUED,
    ImportStatus.CANCELLED,
    ImportStatus.INTERRUPTED,
)


@contextmanager
def own_context() -> Iterator[None]:
    """Work in an app context, and so a session, of one's own; the caller's stays as it is."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.app_context():
        yield


class Store:
    """The database of one app. Each public method is one transaction, in the caller's context."""

    def __init__(self, db: SQLAlchemy, models: Models, key_ring: KeyRing, config: Config) -> None:
        self._db = db
        self._models = models
        self._key_ring = key_ring
        self._keep_failed = timedelta(seconds=config.keep_failed_secrets)

    def existing_keys(self, workspace_id: str, email_keys: Iterable[str]) -> set[str]:
        """Return those of the addresses that the workspace has a mailbox for."""
        with self._transaction() as session:
            return existing_keys(session, self._models.mailbox, workspace_id, list(email_keys))

    def stage(
        self,
        workspace_id: str,
        rows: Sequence[CheckedRow],
        *,
        tag: str | None,
        skip_connection_test: bool,
    ) -> str:
        """Write an import and its rows; return its id."""
        import_id = secrets.token_hex(16)
        keep = self._keep_failed
        columns = [row_columns(each, self._key_ring, workspace_id, keep) for each in rows]
        with self._transaction() as session:
            session.execute(
                insert(self._models.import_).values(
                    id=import_id,
                    workspace_id=workspace_id,
                    status=ImportStatus.CHECKED.value,
                    tag=tag,
                    skip_connection_test=skip_connection_test,
                    created_at=now(),
                )
            )
            session.execute(
                insert(self._models.row), [{"import_id": import_id, **each} for each in columns]
            )
        return import_id

    def claim(self, import_id: str) -> Run:
        """Take an import over for a run of one's own.

        :raises ImportNotFound: there is none of this id.
        :raises ImportNotRunnable: it is finished, or a run of it is alive.
        """
        model, token = self._models.import_, secrets.token_hex(16)
        dead = or_(model.heartbeat_at.is_(None), model.heartbeat_at < now() - STALE_AFTER)
        runnable = or_(
            model.status.in_([each.value for each in _CONTINUABLE]),
            and_(model.status == ImportStatus.RUNNING.value, dead),
        )
        with self._transaction() as session:
            taken = self._execute(
                update(model)
                .where(model.id == import_id, runnable)
                .values(status=ImportStatus.RUNNING.value, run_token=token, heartbeat_at=now())
            )
            found = session.get(model, import_id, populate_existing=True)
            if found is None:
                raise ImportNotFound(f"there is no import {import_id}")
            if not taken:
                raise ImportNotRunnable(import_id, ImportStatus(found.status))
            return Run(
                import_id=import_id,
                workspace_id=found.workspace_id,
                token=token,
                tag=found.tag,
                skip_connection_test=found.skip_connection_test,
            )

    def unfinished(self) -> list[Unfinished]:
        """Return the imports with rows to do, oldest first."""
        row, model = self._models.row, self._models.import_
        with self._transaction() as session:
            found = session.execute(
                select(model.id, model.workspace_id, func.count())
                .join(row, row.import_id == model.id)
                .where(row.status == RowStatus.READY.value)
                .group_by(model.id, model.workspace_id, model.created_at)
                .order_by(model.created_at)
            )
            return [
                Unfinished(import_id=import_id, workspace_id=workspace_id, ready=ready)
                for import_id, workspace_id, ready in found
            ]

    def ready_rows(self, run: Run) -> list[StagedRow]:
        """Return what is still to be done, in the file's order."""
        row = self._models.row
        with self._transaction() as session:
            found = session.scalars(
                select(row)
                .where(row.import_id == run.import_id, row.status == RowStatus.READY.value)
                .order_by(row.row)
            )
            return [
                StagedRow(id=each.id, record=record_of(each, self._key_ring, run.workspace_id))
                for each in found
            ]

    def beat(self, run: Run) -> None:
        """Give a sign of life.

        :raises RunLost: somebody else has taken the import over.
        """
        with self._transaction():
            self._hold(run)

    def save(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        """Write a batch: the mailboxes, the rows' outcomes, and the end of the rows' passwords.

        :raises RunLost: somebody else has taken the import over; nothing was written.
        """
        if not outcomes:
            return
        with self._transaction() as session:
            # First of all, so that SQLite begins the transaction before any savepoint.
            self._hold(run)
            Batch(session, self._models, self._key_ring, run).write(outcomes, self._keep_failed)

    def end(self, run: Run, status: ImportStatus) -> None:
        """Set the last status of a run that is still ours."""
        model = self._models.import_
        with self._transaction():
            self._execute(
                update(model)
                .where(model.id == run.import_id, model.run_token == run.token)
                .values(status=status.value, run_token=None, finished_at=now())
            )

    def summary(self, import_id: str) -> Summary:
        """Count an import's rows; the failed ones in row order.

        :raises ImportNotFound: there is none of this id.
        """
        row = self._models.row
        with self._transaction() as session:
            found = session.get(self._models.import_, import_id, populate_existing=True)
            if found is None:
                raise ImportNotFound(f"there is no import {import_id}")
            rows = session.execute(
                select(row.status, func.count())
                .where(row.import_id == import_id)
                .group_by(row.status)
            )
            counts: dict[str, int] = {row[0]: row[1] for row in rows}
            failed = session.execute(
                select(row.row, row.email, row.code, row.error, row.hint)
                .where(row.import_id == import_id, row.status == RowStatus.FAILED.value)
                .order_by(row.row)
            )
            return Summary(
                import_id=import_id,
                status=ImportStatus(found.status),
                imported=counts.get("imported", 0),
                skipped=counts.get("skipped", 0),
                failed=counts.get("failed", 0),
                ready=counts.get("ready", 0),
                errors=tuple(map(_row_result, failed)),
            )

    def refused_logins(self, workspace_id: str, codes: Iterable[Code], within: timedelta) -> int:
        """Count the logins of a workspace that servers refused of late."""
        row, import_ = self._models.row, self._models.import_
        with self._transaction() as session:
            count = session.scalar(
                select(func.count())
                .select_from(row)
                .join(import_, import_.id == row.import_id)
                .where(
                    import_.workspace_id == workspace_id,
                    row.code.in_([code.value for code in codes]),
                    row.tested_at > now() - within,
                )
            )
        return count or 0

    def erase_expired(self) -> int:
        """Erase the rows' passwords whose time is over; return how many rows had some."""
        row = self._models.row
        with self._transaction():
            return self._execute(
                update(row)
                .where(row.passwords_expire_at < now())
                .values(sealed_passwords=None, passwords_expire_at=None)
            )

    @property
    def _session(self) -> scoped_session[Session]:
        return cast("scoped_session[Session]", self._db.session)

    @contextmanager
    def _transaction(self) -> Iterator[scoped_session[Session]]:
        try:
            yield self._session
            self._session.commit()
        except BaseException:
            self._session.rollback()
            raise

    def _execute(self, statement: Update) -> int:
        """Execute an update and return how many rows it matched."""
        statement = statement.execution_options(synchronize_session=False)
        return cast("CursorResult[Any]", self._session.execute(statement)).rowcount

    def _hold(self, run: Run) -> None:
        model = self._models.import_
        held = self._execute(
            update(model)
            .where(model.id == run.import_id, model.run_token == run.token)
            .values(heartbeat_at=now())
        )
        if not held:
            raise RunLost(f"another process has taken over the import {run.import_id}")


def _row_result(found: Any) -> RowResult:
    code = Code(found.code or Code.UNKNOWN)
    reason = Reason(code=code, error=found.error or "", hint=found.hint or "")
    return RowResult(row=found.row, email=found.email, reason=reason)
