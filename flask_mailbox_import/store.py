"""The writes that stage and run imports, through the host's session; takes no decisions."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.orm import Session, scoped_session

from .batch import Batch
from .config import Config
from .errors import ImportNotRunnable, RunLost
from .mapping import (
    STALE_AFTER,
    KeptFile,
    Outcome,
    Run,
    StagedRow,
    file_columns,
    file_of,
    now,
    refusal_columns,
    row_columns,
    staged_row,
)
from .models import Models
from .queries import find_import
from .records import CheckedRow, ImportStatus, Notice, Options, RowStatus
from .sealing import KeyRing
from .session import execute, idempotent, repeated, transaction

_CONTINUABLE = (
    ImportStatus.CHECKED,
    ImportStatus.QUEUED,
    ImportStatus.CANCELLED,
    ImportStatus.INTERRUPTED,
)


class Store:
    """The database of one app. Each public method is one transaction, in the caller's context."""

    def __init__(self, db: SQLAlchemy, models: Models, key_ring: KeyRing, config: Config) -> None:
        self._db = db
        self._models = models
        self._key_ring = key_ring
        self._keep_failed = timedelta(seconds=config.keep_failed_secrets)

    @repeated
    def stage(
        self, options: Options, rows: Sequence[CheckedRow], *, notices: Sequence[Notice] = ()
    ) -> str:
        """Write an import and its rows; return its id."""
        import_id = secrets.token_hex(16)
        columns = self._row_columns(import_id, options.workspace_id, rows)
        with transaction(self._db) as session:
            self._insert(session, import_id, options, notices=[asdict(each) for each in notices])
            session.execute(insert(self._models.row), columns)
        return import_id

    @repeated
    def keep(self, options: Options, data: bytes, column_mapping: Mapping[str, str | None]) -> str:
        """Write an import whose file waits for its encoding; return its id."""
        import_id = secrets.token_hex(16)
        kept = KeptFile(options=options, data=data, column_mapping=column_mapping)
        columns = file_columns(kept, self._key_ring, import_id)
        with transaction(self._db) as session:
            self._insert(session, import_id, options, notices=[], **columns)
        return import_id

    def kept(self, import_id: str, workspace_id: str) -> KeptFile | None:
        """Return the file of an import that waits for its encoding, None where it does not.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with transaction(self._db) as session:
            return file_of(
                find_import(session, self._models, import_id, workspace_id), self._key_ring
            )

    @repeated
    def fill(
        self,
        import_id: str,
        workspace_id: str,
        rows: Sequence[CheckedRow],
        *,
        notices: Sequence[Notice],
    ) -> None:
        """Write the rows of a file that was kept, in its place; the second of two does nothing."""
        model = self._models.import_
        columns = self._row_columns(import_id, workspace_id, rows)
        with transaction(self._db) as session:
            statement = (
                update(model)
                .where(
                    model.id == import_id,
                    model.workspace_id == workspace_id,
                    model.file_expires_at.is_not(None),
                )
                .values(
                    sealed_file=None,
                    file_expires_at=None,
                    notices=[asdict(each) for each in notices],
                )
            )
            if execute(session, statement):
                session.execute(insert(self._models.row), columns)

    @repeated
    def claim(self, import_id: str, workspace_id: str | None = None) -> Run:
        """Take an import over for a run of one's own; None stands for whatever workspace it is of.

        :raises ImportNotFound: there is none of this id in the workspace.
        :raises ImportNotRunnable: it is finished, or a run of it is alive.
        """
        model, token = self._models.import_, secrets.token_hex(16)
        dead = or_(model.heartbeat_at.is_(None), model.heartbeat_at < now() - STALE_AFTER)
        runnable = or_(
            and_(
                model.status.in_([each.value for each in _CONTINUABLE]),
                model.file_expires_at.is_(None),
            ),
            and_(model.status == ImportStatus.RUNNING.value, dead),
        )
        mine = () if workspace_id is None else (model.workspace_id == workspace_id,)
        with transaction(self._db) as session:
            taken = execute(
                session,
                update(model)
                .where(model.id == import_id, model.deleted_at.is_(None), runnable, *mine)
                .values(status=ImportStatus.RUNNING.value, run_token=token, heartbeat_at=now()),
            )
            found = find_import(session, self._models, import_id, workspace_id)
            if not taken:
                raise ImportNotRunnable(import_id, ImportStatus(found.status))
            return Run(
                import_id=import_id,
                workspace_id=found.workspace_id,
                token=token,
                tag=found.tag,
                skip_connection_test=found.skip_connection_test,
                test_imap=found.test_imap,
                api_key_id=found.api_key_id,
            )

    def ready_rows(self, run: Run) -> list[StagedRow]:
        """Return what is still to be done, in the file's order.

        :raises SealError: it is sealed with a key that is not configured; it stays as it is.
        """
        row = self._models.row
        with transaction(self._db) as session:
            found = session.scalars(
                select(row)
                .where(row.import_id == run.import_id, row.status == RowStatus.READY.value)
                .order_by(row.row)
            )
            return [staged_row(each, self._key_ring, run.workspace_id) for each in found]

    @idempotent
    def beat(self, run: Run) -> None:
        """Give a sign of life.

        :raises RunLost: somebody else has taken the import over.
        """
        with transaction(self._db) as session:
            self._hold(session, run)

    @repeated
    def save(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        """Write a batch: the mailboxes, the rows' outcomes, and the end of the rows' records.

        :raises RunLost: somebody else has taken the import over; nothing was written.
        """
        with transaction(self._db) as session:
            # First of all, so that SQLite begins the transaction before any savepoint.
            self._hold(session, run)
            Batch(session, self._models, self._key_ring, run).write(outcomes, self._keep_failed)

    @repeated
    def count_refused(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        """Write which logins were refused of an import that was deleted meanwhile, no word more."""
        row, model = self._models.row, self._models.import_
        deleted = select(model.id).where(
            model.id == run.import_id,
            model.workspace_id == run.workspace_id,
            model.deleted_at.is_not(None),
        )
        with transaction(self._db) as session:
            for each in outcomes:
                statement = update(row).where(row.id == each.row_id, row.import_id.in_(deleted))
                execute(session, statement.values(finished_at=now(), **refusal_columns(each)))

    @repeated
    def remark(self, run: Run, notice: Notice) -> None:
        """Add what concerns all rows of an import.

        :raises RunLost: somebody else has taken the import over.
        """
        with transaction(self._db) as session:
            self._hold(session, run)
            found = find_import(session, self._models, run.import_id, run.workspace_id)
            found.notices = [*found.notices, asdict(notice)]

    @idempotent
    def end(self, run: Run, status: ImportStatus) -> None:
        """Set the last status of a run that is still ours."""
        model = self._models.import_
        finished_at = now() if status is ImportStatus.FINISHED else None
        with transaction(self._db) as session:
            execute(
                session,
                update(model)
                .where(model.id == run.import_id, model.run_token == run.token)
                .values(status=status.value, run_token=None, finished_at=finished_at),
            )

    def _row_columns(
        self, import_id: str, workspace_id: str, rows: Sequence[CheckedRow]
    ) -> list[dict[str, Any]]:
        sealing = (self._key_ring, workspace_id, self._keep_failed)
        return [{"import_id": import_id, **row_columns(each, *sealing)} for each in rows]

    def _insert(
        self, session: scoped_session[Session], import_id: str, options: Options, **columns: Any
    ) -> None:
        session.execute(
            insert(self._models.import_).values(
                id=import_id,
                status=ImportStatus.CHECKED.value,
                **asdict(options),
                created_at=now(),
                **columns,
            )
        )

    def _hold(self, session: scoped_session[Session], run: Run) -> None:
        model = self._models.import_
        held = execute(
            session,
            update(model)
            .where(model.id == run.import_id, model.run_token == run.token)
            .values(heartbeat_at=now()),
        )
        if not held:
            raise RunLost(f"another process has taken over the import {run.import_id}")
