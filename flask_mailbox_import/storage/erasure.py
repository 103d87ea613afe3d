"""Erases passwords, files and imports: those kept long enough, and those to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.sql import Delete, Update

from ..core.codes import REFUSED_LOGIN
from ..core.errors import ImportNotFound, MailboxesInUse
from ..core.imports import ImportStatus
from ..core.rows import RowStatus
from . import states
from .models import KEEP_UNTESTED, REFUSED_COUNT_FOR, MailboxMixin, Models, now
from .queries import find_import
from .session import execute, repeated, transaction

# The columns that are emptied in a row that is kept only to count its refused logins.
_BLANK = dict.fromkeys(
    (
        "code",
        "reply",
        "said",
        "smtp_host",
        "smtp_port",
        "warnings",
        "sealed_record",
        "record_expires_at",
    )
)


#: So many rows or imports are erased in one transaction.
_STEP = 500

_REFUSED = [code.value for code in REFUSED_LOGIN]


class Erasure:
    """Erases in the database of one app. Every method needs an app context."""

    def __init__(self, db: SQLAlchemy, models: Models) -> None:
        self._db = db
        self._models = models

    def erase_expired(self) -> int:
        """Erase records of rows, files and drafts that were kept long enough; return how many.

        It is done in small steps, each a transaction: nobody else waits for long.
        """
        erased = 0
        while True:
            found, is_last = self._erase_some()
            erased += found
            if is_last:
                return erased

    @repeated
    def _erase_some(self) -> tuple[int, bool]:
        """Do one step; return how many values it erased, and whether it was the last.

        What is to be erased is read first: where there is nothing, SQLite's only write lock is not
        taken.
        """
        row, model = self._models.row, self._models.import_
        # What waits for its run, or runs, keeps the records of its ready rows.
        waits = exists().where(model.id == row.import_id, states.is_under_way(self._models))
        needed = and_(row.status == RowStatus.READY.value, waits)
        forgotten = model.deleted_at < now() - REFUSED_COUNT_FOR
        of_forgotten = row.import_id.in_(select(model.id).where(forgotten))
        has_rows = exists().where(row.import_id == model.id)
        no_record = update(row).values(sealed_record=None, record_expires_at=None)
        no_file = update(model).values(sealed_file=None, file_expires_at=None)
        no_draft = update(model).values(sealed_draft=None, draft_expires_at=None)
        with transaction(self._db) as session:

            def step(change: Update | Delete, key: Any, *due: ColumnElement[bool]) -> int:
                ids = session.scalars(select(key).where(*due).limit(_STEP)).all()
                return execute(session, change.where(key.in_(ids), *due)) if ids else 0

            records = step(no_record, row.id, row.record_expires_at < now(), ~needed)
            files = step(no_file, model.id, model.file_expires_at < now())
            drafts = step(no_draft, model.id, model.draft_expires_at < now())
            rows = step(delete(row), row.id, of_forgotten)
            imports = step(delete(model), model.id, forgotten, ~has_rows)
        is_last = max(records, files, drafts, rows, imports) < _STEP
        return records + files + drafts, is_last

    @repeated
    def delete(self, import_id: str, workspace_id: str, *, mailboxes: bool = False) -> int:
        """Delete an import, even one that runs, and return how many mailboxes were removed.

        Logins that were refused within the last hour still count: their rows stay, emptied.

        :param mailboxes: remove the mailboxes that the import added, too.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises MailboxesInUse: the host's own tables refer to one of them; nothing was erased.
        """
        model = self._models.import_
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        with transaction(self._db) as session:
            find_import(session, self._models, import_id, workspace_id)
        try:
            with transaction(self._db) as session:
                # This write comes first, as in a run. It waits until a run has saved its batch; the
                # run then finds that it has lost the import. On MySQL, a read before this write
                # would hide that batch.
                if not execute(session, states.deleted(self._models).where(*mine)):
                    raise ImportNotFound(f"there is no import {import_id}")
                found = self._mailboxes(session, import_id, workspace_id) if mailboxes else ()
                # One by one, for the host's own cascades and events.
                for each in found:
                    session.delete(each)
                session.flush()
                self._blank_rows(session, import_id, workspace_id)
            return len(found)
        except IntegrityError:
            # A deferred constraint of the host's fails at the commit.
            if not mailboxes:
                raise
        raise MailboxesInUse("this app still uses some of the mailboxes that the import added")

    def old_imports(self, before: datetime) -> list[tuple[str, str]]:
        """Return the ids and workspaces of imports that were made before a time.

        Imports that run are left out, and those that were uploaded within a day and not run yet.
        """
        model = self._models.import_
        resting = or_(model.status != ImportStatus.RUNNING.value, states.is_dead(self._models))
        waited = or_(
            model.status != ImportStatus.CHECKED.value, model.created_at < now() - KEEP_UNTESTED
        )
        query = select(model.id, model.workspace_id).where(
            model.created_at < before, model.deleted_at.is_(None), resting, waited
        )
        with transaction(self._db) as session:
            return [(import_id, workspace_id) for import_id, workspace_id in session.execute(query)]

    def _mailboxes(
        self, session: scoped_session[Session], import_id: str, workspace_id: str
    ) -> Sequence[MailboxMixin]:
        model = self._models.mailbox
        query = select(model).where(
            model.workspace_id == workspace_id, model.import_id == import_id
        )
        return session.scalars(query).all()

    def _blank_rows(
        self, session: scoped_session[Session], import_id: str, workspace_id: str
    ) -> None:
        """Remove the rows; those that count, or may yet count, as refused logins stay, emptied."""
        row, model = self._models.row, self._models.import_
        mine = row.import_id == import_id
        over = or_(row.finished_at.is_(None), row.finished_at <= now() - REFUSED_COUNT_FOR)
        others = and_(
            *(
                or_(column.is_(None), column.not_in(_REFUSED))
                for column in (row.smtp_code, row.imap_code)
            )
        )
        seen = select(model.beat).where(model.id == import_id)
        ran = session.scalar(seen.where(model.workspace_id == workspace_id))
        # A ready row may be in a test just now, unless the import was never run.
        done = true() if ran is None else row.status != RowStatus.READY.value
        execute(session, delete(row).where(mine, done, or_(over, others)))
        if not execute(session, update(row).where(mine).values(email="", **_BLANK)):
            execute(session, delete(model).where(model.id == import_id))
