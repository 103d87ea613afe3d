"""Writes imports before they run: a file, its rows, an answer, failed rows that are put back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import and_, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.sql import Update

from ..core.codes import REFUSED_LOGIN
from ..core.errors import ImportNotRunnable
from ..core.imports import Check, ImportOptions, ImportStatus, WaitingFile
from ..core.rows import CheckedRow, RowStatus, StagedRow
from . import states
from .conversion import (
    file_columns,
    file_of,
    options_columns,
    options_of,
    row_columns,
    staged_row,
)
from .models import REFUSED_COUNT_FOR, Models, now
from .queries import find_import, find_with_status
from .reasons import warnings_json
from .sealing import KeyRing
from .session import execute, repeated, transaction

#: So many failed rows are put back in one statement.
_BATCH = 500


class Imports:
    """Writes the imports of one app up to the start of a run.

    Each public method is one transaction and needs an app context.

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
    def stage(self, check: Check, data: bytes | None = None) -> str:
        """Write an import and its rows; return its id."""
        import_id, options = secrets.token_hex(16), check.options
        rows = self._row_columns(import_id, options.workspace_id, check.rows)
        with transaction(self._db) as session:
            self._insert(session, import_id, options, data, **_check_columns(check))
            session.execute(insert(self._models.row), rows)
        return import_id

    @repeated
    def keep(self, waiting: WaitingFile) -> str:
        """Write an import whose file waits for a user's answer; return its id."""
        import_id = secrets.token_hex(16)
        columns = file_columns(waiting, self._key_ring, import_id)
        with transaction(self._db) as session:
            self._insert(session, import_id, waiting.options, waiting.data, notices=[], **columns)
        return import_id

    def waiting_file(self, import_id: str, workspace_id: str) -> WaitingFile | None:
        """Return the file of an import that waits for an answer; None where it does not wait.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with transaction(self._db) as session:
            return file_of(
                find_import(session, self._models, import_id, workspace_id), self._key_ring
            )

    @repeated
    def save_answer(self, import_id: str, waiting: WaitingFile) -> None:
        """Write the answers so far on how a waiting file is to be read."""
        columns = file_columns(waiting, self._key_ring, import_id)
        statement = self._waiting(import_id, waiting.options.workspace_id)
        with transaction(self._db) as session:
            execute(session, statement.values(sealed_file=columns["sealed_file"]))

    @repeated
    def fill(self, import_id: str, check: Check) -> None:
        """Write the rows of a waiting file in its place; do nothing if the file is gone already."""
        workspace_id = check.options.workspace_id
        rows = self._row_columns(import_id, workspace_id, check.rows)
        values = {"sealed_file": None, "file_expires_at": None, **_check_columns(check)}
        with transaction(self._db) as session:
            if execute(session, self._waiting(import_id, workspace_id).values(values)):
                session.execute(insert(self._models.row), rows)

    def failed_rows(
        self, import_id: str, workspace_id: str
    ) -> tuple[ImportOptions, list[StagedRow]]:
        """Return the options of an import, and its failed rows with their records.

        :raises ImportNotFound: the workspace has no import of this id.
        :raises ImportNotRunnable: it has not been run yet, or it runs.
        """
        row = self._models.row
        with transaction(self._db) as session:
            found, status = find_with_status(session, self._models, import_id, workspace_id)
            if status not in states.AT_REST:
                raise ImportNotRunnable(import_id, status)
            query = select(row).where(
                row.import_id == import_id, row.status == RowStatus.FAILED.value
            )
            rows = [
                staged_row(each, self._key_ring, workspace_id)
                for each in session.scalars(query.order_by(row.row))
            ]
            return options_of(found), rows

    @repeated
    def put_back(self, import_id: str, workspace_id: str, rows: Mapping[int, CheckedRow]) -> None:
        """Write failed rows anew, by their ids. If one is ready, the import has to be run.

        :raises ImportNotRunnable: another call was quicker; nothing was written.
        """
        model, row, ids = self._models.import_, self._models.row, list(rows)
        is_ready = any(each.status is RowStatus.READY for each in rows.values())
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        change = states.put_back(self._models, is_ready=is_ready).where(*mine)
        with transaction(self._db) as session:
            if not execute(session, change):
                raise ImportNotRunnable(import_id, ImportStatus.RUNNING)
            for start in range(0, len(ids), _BATCH):
                batch = ids[start : start + _BATCH]
                # Whoever else puts rows back waits for the import's row, which is locked now.
                failed = (row.id.in_(batch), row.status == RowStatus.FAILED.value)
                query = select(func.count()).select_from(row).where(*failed)
                if session.scalar(query) != len(batch):
                    raise ImportNotRunnable(import_id, ImportStatus.RUNNING)
                self._count_apart(session, workspace_id, batch)
                session.execute(
                    update(row), [self._back(each, rows[each], workspace_id) for each in batch]
                )

    def _back(self, row_id: int, checked: CheckedRow, workspace_id: str) -> dict[str, Any]:
        """Return the columns of a row that is put back, with its id."""
        columns = row_columns(checked, self._key_ring, workspace_id, self._keep_failed)
        return {"id": row_id, "smtp_code": None, "imap_code": None, "deaths": 0, **columns}

    def _count_apart(
        self, session: scoped_session[Session], workspace_id: str, row_ids: Sequence[int]
    ) -> None:
        """Keep counting the refused logins of rows that are put back, as for a deleted import."""
        row, import_id = self._models.row, secrets.token_hex(16)
        codes = [each.value for each in REFUSED_LOGIN]
        refused = and_(
            or_(row.smtp_code.in_(codes), row.imap_code.in_(codes)),
            row.finished_at > now() - REFUSED_COUNT_FOR,
        )
        if not session.scalar(select(exists().where(row.id.in_(row_ids), refused))):
            return
        options = ImportOptions(workspace_id=workspace_id, test_imap=False)
        self._insert(session, import_id, options, None, notices=[], deleted_at=now())
        columns = ("row", "status", "smtp_code", "imap_code", "finished_at", "seal_id", "updated")
        copied = select(
            literal(import_id), literal(""), *(getattr(row, each) for each in columns)
        ).where(row.id.in_(row_ids), refused)
        session.execute(insert(row).from_select(["import_id", "email", *columns], copied))

    def _waiting(self, import_id: str, workspace_id: str) -> Update:
        model = self._models.import_
        return update(model).where(
            model.id == import_id,
            model.workspace_id == workspace_id,
            model.file_expires_at.is_not(None),
        )

    def _row_columns(
        self, import_id: str, workspace_id: str, rows: Sequence[CheckedRow]
    ) -> list[dict[str, Any]]:
        sealing = (self._key_ring, workspace_id, self._keep_failed)
        return [{"import_id": import_id, **row_columns(each, *sealing)} for each in rows]

    def _insert(
        self,
        session: scoped_session[Session],
        import_id: str,
        options: ImportOptions,
        data: bytes | None,
        **columns: Any,
    ) -> None:
        ring, workspace_id = self._key_ring, options.workspace_id
        session.execute(
            insert(self._models.import_).values(
                id=import_id,
                status=ImportStatus.CHECKED.value,
                fingerprint=data and ring.fingerprint(data, workspace_id=workspace_id),
                created_at=now(),
                **options_columns(options),
                **columns,
            )
        )


def _check_columns(check: Check) -> dict[str, Any]:
    return {
        "notices": warnings_json(check.warnings),
        "understood": asdict(check.understood),
    }
