"""Writes the state of a run: queued, claimed, alive, a batch saved, cancelled, ended."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.sql import Update

from ..core.errors import ImportNotRunnable, RunLost
from ..core.imports import ImportOptions, ImportStatus
from ..core.rows import Outcome, RowStatus, RowWarning, StagedRow
from .clock import epoch
from .conversion import options_of, refusal_columns, staged_row
from .mailboxes import MailboxBatch
from .models import Models, is_dead, now, status_after_fault
from .queries import find_import
from .sealing import KeyRing
from .session import enduring, execute, idempotent, repeated, transaction

_CONTINUABLE = (
    ImportStatus.CHECKED,
    ImportStatus.QUEUED,
    ImportStatus.CANCELLED,
    ImportStatus.INTERRUPTED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """An import whose run was dead: what it became."""

    import_id: str
    workspace_id: str
    attempts: int
    status: ImportStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """What a run needs in order to write."""

    db: SQLAlchemy
    models: Models
    key_ring: KeyRing
    #: How long the record of a failed row is kept.
    keep_failed: timedelta


class Run:
    """A claimed import, until another run takes it over; see `Runs.claim`.

    Each method is one transaction and needs an app context. `beat`, `save`, `warn` and `end` write
    only while the import has the token of this claim. Without it, all but `end` raise `RunLost`.
    """

    def __init__(
        self, database: _Database, import_id: str, options: ImportOptions, token: str
    ) -> None:
        self.import_id = import_id
        self.options = options
        self.token = token
        self._db = database.db
        self._models = database.models
        self._key_ring = database.key_ring
        self._keep_failed = database.keep_failed

    @enduring
    def ready_rows(self) -> list[StagedRow]:
        """Return the ready rows, in the file's order.

        :raises SealError: a row is sealed with a key that is not configured; it stays as it is.
        """
        row = self._models.row
        with transaction(self._db) as session:
            found = session.scalars(
                select(row)
                .where(row.import_id == self.import_id, row.status == RowStatus.READY.value)
                .order_by(row.row)
            )
            workspace_id = self.options.workspace_id
            return [staged_row(each, self._key_ring, workspace_id) for each in found]

    @enduring
    def beat(self) -> None:
        """Write a beat: the run is alive.

        :raises RunLost: another run has taken the import over.
        """
        with transaction(self._db) as session:
            self._hold(session)

    @enduring
    def save(self, outcomes: Sequence[Outcome]) -> None:
        """Write a batch of outcomes: mailboxes, rows, and which records are erased when.

        Only rows that are still ready are written: after a lost connection nobody knows whether
        the batch was committed, and it is saved again.

        :raises RunLost: another run has taken the import over; nothing was written.
        """
        with transaction(self._db) as session:
            # First, so that SQLite's transaction begins before any savepoint.
            self._hold(session, attempts=0)
            batch = MailboxBatch(
                session, self._models, self._key_ring, self.import_id, self.options
            )
            batch.write(self._still_ready(session, outcomes), self._keep_failed)

    @enduring
    def warn(self, warning: RowWarning) -> None:
        """Add a warning about all rows of the import.

        :raises RunLost: another run has taken the import over.
        """
        with transaction(self._db) as session:
            self._hold(session)
            found = find_import(session, self._models, self.import_id, self.options.workspace_id)
            if asdict(warning) not in found.notices:
                found.notices = [*found.notices, asdict(warning)]

    @enduring
    def is_cancelled(self) -> bool:
        """Tell whether the run was asked to stop."""
        model = self._models.import_
        query = select(model.cancelled_at).where(
            model.id == self.import_id, model.workspace_id == self.options.workspace_id
        )
        with transaction(self._db) as session:
            return session.scalar(query) is not None

    @idempotent
    def end(self, status: ImportStatus) -> None:
        """Write the last status of the run, if no other run has taken the import over."""
        finished_at = now() if status is ImportStatus.FINISHED else None
        values = {"status": status.value, "run_token": None, "finished_at": finished_at}
        with transaction(self._db) as session:
            execute(session, self._held().values(values))

    @idempotent
    def hand_back(self, *, has_failed: bool) -> None:
        """Put the import back into the queue, where somebody else takes it up.

        :param has_failed: the run broke down: it goes on only as `status_after_fault` says.
        """
        model = self._models.import_
        values: dict[str, Any] = {"status": ImportStatus.QUEUED.value, "run_token": None}
        if has_failed:
            values |= {
                "status": status_after_fault(self._models),
                "attempts": model.attempts + 1,
            }
        with transaction(self._db) as session:
            execute(session, self._held().values(values))

    @repeated
    def count_refused(self, outcomes: Sequence[Outcome]) -> None:
        """Write only which logins were refused, after the import was deleted."""
        row, model = self._models.row, self._models.import_
        deleted = select(model.id).where(
            model.id == self.import_id,
            model.workspace_id == self.options.workspace_id,
            model.deleted_at.is_not(None),
        )
        with transaction(self._db) as session:
            for each in outcomes:
                statement = update(row).where(row.id == each.row_id, row.import_id.in_(deleted))
                execute(session, statement.values(finished_at=now(), **refusal_columns(each)))

    def _still_ready(
        self, session: scoped_session[Session], outcomes: Sequence[Outcome]
    ) -> list[Outcome]:
        row = self._models.row
        # By the ids alone: with more conditions, PostgreSQL may read all ready rows each time.
        query = select(row.id, row.import_id, row.status).where(
            row.id.in_([each.row_id for each in outcomes])
        )
        of_this_run = (self.import_id, RowStatus.READY.value)
        ready = {row_id for row_id, *state in session.execute(query) if tuple(state) == of_this_run}
        return [each for each in outcomes if each.row_id in ready]

    def _hold(self, session: scoped_session[Session], **values: int) -> None:
        if not execute(session, self._held().values(beat=epoch(), **values)):
            raise RunLost(f"another process has taken over the import {self.import_id}")

    def _held(self) -> Update:
        model = self._models.import_
        return update(model).where(model.id == self.import_id, model.run_token == self.token)


class Runs:
    """The runs of one app. Each public method is one transaction and needs an app context.

    :param keep_failed: how long the record of a failed row is kept.
    """

    def __init__(
        self, db: SQLAlchemy, models: Models, key_ring: KeyRing, keep_failed: timedelta
    ) -> None:
        self._db = db
        self._models = models
        self._database = _Database(db=db, models=models, key_ring=key_ring, keep_failed=keep_failed)

    @repeated
    def queue(self, import_id: str, workspace_id: str) -> bool:
        """Put an import into the queue; return whether it waits there. A running one does not.

        :raises ImportNotFound: the workspace has no import of this id.
        :raises ImportNotRunnable: it runs, and was asked to stop.
        """
        model = self._models.import_
        # The queue is ordered by when an import was queued; asking again does not change that.
        is_queued = model.status == ImportStatus.QUEUED.value
        values = {
            "status": ImportStatus.QUEUED.value,
            "run_token": None,
            "cancelled_at": None,
            "started_at": case((is_queued, model.started_at), else_=now()),
            "attempts": case((is_queued, model.attempts), else_=0),
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
        """Ask a running import to stop, and take a waiting one out of the queue.

        :raises ImportNotFound: the workspace has no import of this id.
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
    def take_up(self) -> list[TakenUp]:
        """Queue each import whose run is dead; without progress only ``MAX_ATTEMPTS`` times.

        One that was asked to stop is cancelled, and one without progress is interrupted.
        """
        model = self._models.import_
        dead = (is_dead(self._models), model.deleted_at.is_(None))
        status = status_after_fault(self._models)
        columns = (model.id, model.workspace_id, model.attempts + 1, status)
        taken = []
        with transaction(self._db) as session:
            for import_id, workspace_id, attempts, becomes in session.execute(
                select(*columns).where(*dead)
            ).all():
                mine = update(model).where(model.id == import_id, *dead)
                values = {"status": becomes, "attempts": attempts, "run_token": None}
                # Another process may have been quicker.
                if execute(session, mine.values(values)):
                    taken.append(
                        TakenUp(
                            import_id=import_id,
                            workspace_id=workspace_id,
                            attempts=attempts,
                            status=ImportStatus(becomes),
                        )
                    )
        return taken

    def beat_all(self, runs: Sequence[Run]) -> None:
        """Write a beat for each of these runs that still has its import, in one statement."""
        model = self._models.import_
        held = update(model).where(
            model.id.in_([each.import_id for each in runs]),
            model.run_token.in_([each.token for each in runs]),
        )
        with transaction(self._db) as session:
            execute(session, held.values(beat=epoch()))

    @repeated
    def put_off(self, import_id: str, workspace_id: str) -> None:
        """Take an import out of the queue; it has to be continued by a user."""
        model = self._models.import_
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        waiting = model.status == ImportStatus.QUEUED.value
        values = {"status": ImportStatus.INTERRUPTED.value}
        with transaction(self._db) as session:
            execute(session, update(model).where(*mine, waiting).values(values))

    def claim(
        self,
        import_id: str,
        workspace_id: str | None = None,
        *,
        only: ImportStatus | None = None,
    ) -> Run:
        """Claim an import for a run.

        :param workspace_id: its workspace; None: any, for an operator's call.
        :param only: claim it only in this status: it may have been cancelled meanwhile.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises ImportNotRunnable: it is finished, or runs, or its file waits for an answer.
        """
        return self._claim(import_id, workspace_id, only, secrets.token_hex(16))

    @idempotent
    def _claim(
        self, import_id: str, workspace_id: str | None, only: ImportStatus | None, token: str
    ) -> Run:
        model = self._models.import_
        mine = () if workspace_id is None else (model.workspace_id == workspace_id,)
        values = {
            "status": ImportStatus.RUNNING.value,
            "run_token": token,
            "beat": epoch(),
            "started_at": now(),
            "cancelled_at": None,
        }
        with transaction(self._db) as session:
            free = self._runnable() if only is None else model.status == only.value
            # After a lost connection it may be claimed already.
            may_be = or_(free, model.run_token == token)
            runnable = update(model).where(
                model.id == import_id, model.deleted_at.is_(None), may_be, *mine
            )
            taken = execute(session, runnable.values(values))
            found = find_import(session, self._models, import_id, workspace_id)
            if not taken:
                raise ImportNotRunnable(import_id, ImportStatus(found.status))
            return Run(self._database, import_id, options_of(found), token)

    def _runnable(self) -> ColumnElement[bool]:
        """Return the SQL condition for an import that may be run: it waits, or its run is dead."""
        model = self._models.import_
        return or_(
            and_(
                model.status.in_([each.value for each in _CONTINUABLE]),
                model.file_expires_at.is_(None),
            ),
            is_dead(self._models),
        )
