"""Erases passwords, files and imports: those kept long enough, and those to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import and_, delete, exists, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, scoped_session

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
        "error",
        "hint",
        "reply",
        "smtp_error",
        "imap_error",
        "warnings",
        "sealed_record",
        "record_expires_at",
    )
)


_REFUSED = [code.value for code in REFUSED_LOGIN]


class Erasure:
    """Erases in the database of one app. Every method needs an app context."""

    def __init__(self, db: SQLAlchemy, models: Models) -> None:
        self._db = db
        self._models = models

    @repeated
    def erase_expired(self) -> int:
        """Erase records of rows and files that were kept long enough; return how many."""
        row, model = self._models.row, self._models.import_
        # What waits for its run, or runs, keeps its records.
        under_way = [ImportStatus.QUEUED.value, ImportStatus.RUNNING.value]
        needed = exists().where(model.id == row.import_id, model.status.in_(under_way))
        rows = and_(row.record_expires_at < now(), ~needed)
        files = model.file_expires_at < now()
        forgotten = model.deleted_at < now() - REFUSED_COUNT_FOR
        with transaction(self._db) as session:
            # Read first: where there is nothing to erase, SQLite's only write lock is not taken.
            if not session.scalar(
                select(or_(exists().where(rows), exists().where(files), exists().where(forgotten)))
            ):
                return 0
            gone = select(model.id).where(forgotten)
            execute(session, delete(row).where(row.import_id.in_(gone)))
            execute(session, delete(model).where(forgotten))
            no_file = {"sealed_file": None, "file_expires_at": None}
            no_record = {"sealed_record": None, "record_expires_at": None}
            return execute(session, update(model).where(files).values(no_file)) + execute(
                session, update(row).where(rows).values(no_record)
            )

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
