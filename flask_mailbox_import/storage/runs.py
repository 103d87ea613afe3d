"""Writes the state of a run: queued, claimed, alive, a batch saved, cancelled, ended."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.sql import Update

from ..core.errors import ImportNotRunnable, RunLost
from ..core.imports import Extent, ImportOptions, ImportStatus
from ..core.rows import Outcome, RowStatus, RowWarning, StagedRow
from . import states
from .clock import epoch
from .conversion import options_of, refusal_columns, staged_row
from .mailboxes import MailboxBatch
from .models import Models, now
from .queries import find_import
from .reasons import warnings_from, warnings_json
from .sealing import KeyRing
from .session import enduring, execute, idempotent, repeated, transaction

#: After so many seconds in one transaction, a run writes its beat at its end as well.
_LONG = 2.0
#: So many rows are named in one statement.
_AT_ONCE = 500


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
        #: The columns of the host's own that files may fill.
        self.host_columns = database.models.host_columns

    @enduring
    def ready_rows(self) -> list[StagedRow]:
        """Return the ready rows that do not wait for others, in the file's order.

        :raises SealError: a row is sealed with a key that is not configured; it stays as it is.
        """
        row = self._models.row
        with transaction(self._db) as session:
            found = session.scalars(
                select(row)
                .where(
                    row.import_id == self.import_id,
                    row.status == RowStatus.READY.value,
                    row.waits.is_(False),
                )
                .order_by(row.row)
            )
            workspace_id = self.options.workspace_id
            return [staged_row(each, self._key_ring, workspace_id) for each in found]

    @enduring
    def beat(self, begun: Collection[int] = ()) -> None:
        """Write a beat: the run is alive.

        :param begun: the ids of rows that are tested now; see `save`.
        :raises RunLost: another run has taken the import over.
        """
        with transaction(self._db) as session:
            self._hold(session)
            self._note_begun(session, begun)

    @enduring
    def save(self, outcomes: Sequence[Outcome], begun: Collection[int] = ()) -> Counter[RowStatus]:
        """Write a batch of outcomes: mailboxes, rows, and which records are erased when.

        :param begun: the ids of rows that are tested now: if the run dies, it counts against them.

        Only rows that are still ready are written: after a lost connection nobody knows whether
        the batch was committed, and it is saved again.

        :returns: how many of the rows have which status now.
        :raises RunLost: another run has taken the import over; nothing was written.
        """
        began = time.monotonic()
        with transaction(self._db) as session:
            # First, so that SQLite's transaction begins before any savepoint.
            self._hold(session, attempts=0)
            batch = MailboxBatch(
                session, self._models, self._key_ring, self.import_id, self.options
            )
            written = batch.write(self._still_ready(session, outcomes), self._keep_failed)
            self._note_begun(session, begun)
            if time.monotonic() > began + _LONG:
                # It waited for a lock of somebody else's, and nobody could write its beat.
                self._hold(session)
            return written

    @enduring
    def warn(self, warning: RowWarning) -> None:
        """Add a warning about all rows of the import.

        :raises RunLost: another run has taken the import over.
        """
        with transaction(self._db) as session:
            self._hold(session)
            found = find_import(session, self._models, self.import_id, self.options.workspace_id)
            if warning not in warnings_from(found.notices):
                found.notices = [*found.notices, *warnings_json([warning])]

    @enduring
    def leaves_some(self) -> bool:
        """Tell whether ready rows wait until a person goes on."""
        row = self._models.row
        ready = (row.import_id == self.import_id, row.status == RowStatus.READY.value)
        query = select(row.id).where(*ready, row.waits)
        with transaction(self._db) as session:
            return session.scalar(query.limit(1)) is not None

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
        with transaction(self._db) as session:
            execute(session, self._mine(states.ended(self._models, self.token, status)))

    @idempotent
    def hand_back(self) -> None:
        """Put the import back into the queue, where somebody else takes it up."""
        with transaction(self._db) as session:
            execute(session, self._mine(states.handed_back(self._models, self.token)))

    @idempotent
    def break_down(self) -> None:
        """Write that the run broke down: it goes on only as `status_after_fault` says."""
        with transaction(self._db) as session:
            if execute(session, self._mine(states.broken_down(self._models, self.token))):
                _count_deaths(session, self._models, self.import_id)

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

    def _note_begun(self, session: scoped_session[Session], row_ids: Collection[int]) -> None:
        row = self._models.row
        if row_ids:
            ready = (row.id.in_(row_ids), row.status == RowStatus.READY.value)
            execute(session, update(row).where(*ready).values(is_begun=True))

    def _hold(self, session: scoped_session[Session], **values: int) -> None:
        held = self._mine(update(self._models.import_)).where(
            self._models.import_.run_token == self.token
        )
        if not execute(session, held.values(beat=epoch(), **values)):
            raise RunLost(f"another process has taken over the import {self.import_id}")

    def _mine(self, change: Update) -> Update:
        return change.where(self._models.import_.id == self.import_id)


def _count_deaths(session: scoped_session[Session], models: Models, import_id: str) -> None:
    """Count a death against the rows that the dead run of an import tested."""
    row = models.row
    tested = (row.import_id == import_id, row.status == RowStatus.READY.value, row.is_begun)
    statement = update(row).where(*tested).values(deaths=row.deaths + 1, is_begun=False)
    execute(session, statement)


class Runs:
    """The runs of one app. Each public method is one transaction and needs an app context.

    :param keep_failed: how long the record of a failed row is kept.
    """

    def __init__(
        self, db: SQLAlchemy, models: Models, key_ring: KeyRing, keep_failed: timedelta
    ) -> None:
        #: Whether the app takes up by itself the imports whose runs end early.
        self.are_taken_up = models.are_taken_up
        self._db = db
        self._models = models
        self._database = _Database(db=db, models=models, key_ring=key_ring, keep_failed=keep_failed)

    @repeated
    def queue(self, import_id: str, workspace_id: str, *, extent: Extent = Extent.ALL) -> bool:
        """Put an import into the queue; return whether it waits there. A running one does not.

        :param extent: which of its ready rows the run is for.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises ImportNotRunnable: it runs, and was asked to stop.
        """
        model = self._models.import_
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        with transaction(self._db) as session:
            queued = bool(execute(session, states.queued(self._models).where(*mine)))
            if queued:
                self._mark_rows(session, import_id, extent)
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
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        with transaction(self._db) as session:
            find_import(session, self._models, import_id, workspace_id)
            if not execute(session, states.cancelled(self._models).where(*mine)):
                execute(session, states.asked_to_stop(self._models).where(*mine))

    @repeated
    def take_up(
        self, import_id: str | None = None, workspace_id: str | None = None
    ) -> list[TakenUp]:
        """Queue each import whose run is dead; without progress only ``MAX_ATTEMPTS`` times.

        One that was asked to stop is cancelled, and one without progress is interrupted.

        :param import_id: only this one, and only of this workspace; None: any.
        """
        model = self._models.import_
        dead = [states.is_dead(self._models), model.deleted_at.is_(None)]
        dead += [] if import_id is None else [model.id == import_id]
        dead += [] if workspace_id is None else [model.workspace_id == workspace_id]
        becomes = states.status_after_fault(self._models)
        columns = (model.id, model.workspace_id, model.attempts + 1, becomes)
        taken = []
        with transaction(self._db) as session:
            # A run that is held up in a transaction of its own is alive.
            free = select(*columns).where(*dead).with_for_update(skip_locked=True)
            for found_id, workspace_id, attempts, status in session.execute(free).all():
                change = states.taken_up(self._models).where(model.id == found_id)
                # Another process may have been quicker.
                if execute(session, change):
                    _count_deaths(session, self._models, found_id)
                    taken.append(
                        TakenUp(
                            import_id=found_id,
                            workspace_id=workspace_id,
                            attempts=attempts,
                            status=ImportStatus(status),
                        )
                    )
        return taken

    def beat_all(self, runs: Sequence[Run]) -> None:
        """Write a beat for each of these runs that still has its import, in one statement."""
        model = self._models.import_
        held = (
            model.id.in_([each.import_id for each in runs]),
            model.run_token.in_([each.token for each in runs]),
        )
        with transaction(self._db) as session:
            # A run that saves a batch just now writes its beat itself; the others do not wait.
            free = select(model.id).where(*held).with_for_update(skip_locked=True)
            ids = session.scalars(free).all()
            execute(session, update(model).where(*held, model.id.in_(ids)).values(beat=epoch()))

    @repeated
    def put_off(self, import_id: str, workspace_id: str) -> None:
        """Take an import out of the queue; it has to be continued by a user."""
        model = self._models.import_
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        with transaction(self._db) as session:
            execute(session, states.put_off(self._models).where(*mine))

    def claim(
        self,
        import_id: str,
        workspace_id: str | None = None,
        *,
        only: ImportStatus | None = None,
        extent: Extent = Extent.ALL,
    ) -> Run:
        """Claim an import for a run.

        :param workspace_id: its workspace; None: any, for an operator's call.
        :param only: claim it only in this status: it may have been cancelled meanwhile.
        :param extent: which of its ready rows the run is for.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises ImportNotRunnable: it is finished, or runs, or its file waits for an answer.
        """
        return self._claim(import_id, workspace_id, only, extent, secrets.token_hex(16))

    @idempotent
    def _claim(
        self,
        import_id: str,
        workspace_id: str | None,
        only: ImportStatus | None,
        extent: Extent,
        token: str,
    ) -> Run:
        model = self._models.import_
        mine = () if workspace_id is None else (model.workspace_id == workspace_id,)
        change = states.claimed(self._models, token, only).where(model.id == import_id, *mine)
        with transaction(self._db) as session:
            taken = execute(session, change)
            found = find_import(session, self._models, import_id, workspace_id)
            if not taken:
                raise ImportNotRunnable(import_id, ImportStatus(found.status))
            self._mark_rows(session, import_id, extent if only is None else None)
            return Run(self._database, import_id, options_of(found), token)

    def _mark_rows(
        self, session: scoped_session[Session], import_id: str, extent: Extent | None
    ) -> None:
        """Let no row count as begun; where a person wants the run, no death counts any more.

        :param extent: which rows that person wants; None: no person does, and no other rows wait.
        """
        row = self._models.row
        marked: list[ColumnElement[bool]] = [row.is_begun.is_(True)]
        values: dict[str, bool | int] = {"is_begun": False}
        if extent is not None:
            marked.append(row.deaths > 0)
            values["deaths"] = 0
        if extent is Extent.ALL:
            marked.append(row.waits.is_(True))
            values["waits"] = False
        ready = (row.import_id == import_id, row.status == RowStatus.READY.value)
        execute(session, update(row).where(*ready, or_(*marked)).values(values))
        if extent is Extent.SAMPLE:
            self._let_wait(session, import_id)

    def _let_wait(self, session: scoped_session[Session], import_id: str) -> None:
        """Let all ready rows wait but the first one of each server."""
        row = self._models.row
        ready = (row.import_id == import_id, row.status == RowStatus.READY.value)
        firsts = select(func.min(row.id)).where(*ready).group_by(func.lower(row.smtp_host))
        ids = session.scalars(firsts).all()
        execute(session, update(row).where(*ready).values(waits=True))
        for start in range(0, len(ids), _AT_ONCE):
            some = row.id.in_(ids[start : start + _AT_ONCE])
            execute(session, update(row).where(*ready, some).values(waits=False))
