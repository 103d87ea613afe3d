"""The writes of a run: into the queue, claim, sign of life, a saved batch, cancel, end."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.orm import Session, scoped_session

from ..core.errors import ImportNotRunnable, RunLost
from ..core.imports import ImportStatus, OnDuplicate, Run
from ..core.rows import Outcome, RowStatus, RowWarning, StagedRow
from .conversion import refusal_columns, staged_row
from .mailboxes import MailboxBatch
from .models import Models, is_dead, now
from .queries import find_import
from .sealing import KeyRing
from .session import execute, idempotent, repeated, transaction

_CONTINUABLE = (
    ImportStatus.CHECKED,
    ImportStatus.QUEUED,
    ImportStatus.CANCELLED,
    ImportStatus.INTERRUPTED,
)


class Runs:
    """The runs of one app. Each public method is one transaction and needs an app context.

    :param keep_failed: how long the record of a failed row is kept.
    """

    def __init__(
        self, db: SQLAlchemy, models: Models, key_ring: KeyRing, keep_failed: timedelta
    ) -> None:
        self._db = db
        self._models = models
        self._key_ring = key_ring
        self._keep_failed = keep_failed

    @repeated
    def queue(self, import_id: str, workspace_id: str) -> bool:
        """Have an import wait for a run; return whether it does, which a running one does not.

        :raises ImportNotFound: there is none of this id in the workspace.
        :raises ImportNotRunnable: a run of it is just ending, as somebody wanted it to.
        """
        model = self._models.import_
        # Its turn comes by when it was queued; who asks twice keeps his place.
        is_queued = model.status == ImportStatus.QUEUED.value
        values = {
            "status": ImportStatus.QUEUED.value,
            "run_token": None,
            "cancelled_at": None,
            "started_at": case((is_queued, model.started_at), else_=now()),
        }
        with transaction(self._db) as session:
            mine = (model.id == import_id, model.workspace_id == workspace_id)
            statement = update(model).where(*mine, model.deleted_at.is_(None), self._runnable())
            queued = bool(execute(session, statement.values(values)))
            found = find_import(session, self._models, import_id, workspace_id)
            status = ImportStatus(found.status)
            if status is ImportStatus.RUNNING and found.cancelled_at is not None:
                raise ImportNotRunnable(import_id, status)
            return queued

    @repeated
    def cancel(self, import_id: str, workspace_id: str) -> None:
        """Have a running import begin no more tests, and one that waits not be run.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        model = self._models.import_
        with transaction(self._db) as session:
            find_import(session, self._models, import_id, workspace_id)
            mine = (model.id == import_id, model.workspace_id == workspace_id)
            waiting = {"status": ImportStatus.CANCELLED.value, "run_token": None}
            if not execute(session, update(model).where(*mine, self._runnable()).values(waiting)):
                running = model.status == ImportStatus.RUNNING.value
                asked = update(model).where(*mine, running).values(cancelled_at=now())
                execute(session, asked)

    @repeated
    def put_off(self, import_id: str, workspace_id: str) -> None:
        """Have an import wait no longer: somebody has to continue it."""
        model = self._models.import_
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        waiting = model.status == ImportStatus.QUEUED.value
        values = {"status": ImportStatus.INTERRUPTED.value}
        with transaction(self._db) as session:
            execute(session, update(model).where(*mine, waiting).values(values))

    @idempotent
    def is_cancelled(self, run: Run) -> bool:
        """Tell whether somebody wants a run to end."""
        model = self._models.import_
        query = select(model.cancelled_at).where(
            model.id == run.import_id, model.workspace_id == run.workspace_id
        )
        with transaction(self._db) as session:
            return session.scalar(query) is not None

    @repeated
    def claim(self, import_id: str, workspace_id: str | None = None) -> Run:
        """Take an import over for a run of one's own; None stands for whatever workspace it is of.

        :raises ImportNotFound: there is none of this id in the workspace.
        :raises ImportNotRunnable: it is finished, or a run of it is alive.
        """
        model, token = self._models.import_, secrets.token_hex(16)
        mine = () if workspace_id is None else (model.workspace_id == workspace_id,)
        with transaction(self._db) as session:
            taken = execute(
                session,
                update(model)
                .where(model.id == import_id, model.deleted_at.is_(None), self._runnable(), *mine)
                .values(
                    status=ImportStatus.RUNNING.value,
                    run_token=token,
                    heartbeat_at=now(),
                    started_at=now(),
                    cancelled_at=None,
                ),
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
                on_duplicate=OnDuplicate(found.on_duplicate),
            )

    @idempotent
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
            MailboxBatch(session, self._models, self._key_ring, run).write(
                outcomes, self._keep_failed
            )

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
    def warn(self, run: Run, warning: RowWarning) -> None:
        """Add what concerns all rows of an import.

        :raises RunLost: somebody else has taken the import over.
        """
        with transaction(self._db) as session:
            self._hold(session, run)
            found = find_import(session, self._models, run.import_id, run.workspace_id)
            found.notices = [*found.notices, asdict(warning)]

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

    def _runnable(self) -> ColumnElement[bool]:
        """What may be run: it waits for a run, or its run is dead."""
        model = self._models.import_
        return or_(
            and_(
                model.status.in_([each.value for each in _CONTINUABLE]),
                model.file_expires_at.is_(None),
            ),
            is_dead(self._models),
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
