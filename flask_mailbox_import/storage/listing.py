"""Reads lists page by page: the imports of a workspace, the rows of an import."""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import and_, not_, or_, select
from sqlalchemy.orm import Session, scoped_session

from ..core.codes import Code
from ..core.errors import InvalidCursor, SealError
from ..core.imports import (
    IMPORTS_A_PAGE,
    ROWS_A_PAGE,
    ImportStatus,
    OnDuplicate,
    Page,
    Summary,
)
from ..core.rows import COLUMNS, KeptCells, Record, RowResult, RowStatus, shown_address
from ..core.validators import shown_server
from .conversion import options_of, result_columns, row_result, staged_row, summary_of
from .models import ImportMixin, ImportRowMixin, Models
from .queries import count_rows, find_import
from .sealing import KeyRing
from .session import transaction
from .states import is_dead, status_now

_LONGEST_NUMBER = 9


class Listing:
    """Reads lists of one app. Each method is one transaction and needs an app context."""

    def __init__(self, db: SQLAlchemy, models: Models, key_ring: KeyRing) -> None:
        self._db = db
        self._models = models
        self._key_ring = key_ring

    def imports(self, workspace_id: str, cursor: str | None = None) -> Page[Summary]:
        """Return a page of a workspace's imports, the newest first.

        :raises InvalidCursor: the cursor is not one of this list.
        """
        model = self._models.import_
        query = (
            select(model, status_now(self._models))
            .where(model.workspace_id == workspace_id, model.deleted_at.is_(None))
            .order_by(model.created_at.desc(), model.id.desc())
        )
        if cursor is not None:
            created_at, import_id = _decoded(cursor)
            query = query.where(
                or_(
                    model.created_at < created_at,
                    and_(model.created_at == created_at, model.id < import_id),
                )
            )
        with transaction(self._db) as session:
            found = session.execute(query.limit(IMPORTS_A_PAGE + 1)).all()
            shown = {each.id: ImportStatus(status) for each, status in found[:IMPORTS_A_PAGE]}
            counts = count_rows(session, self._models, list(shown))
            failed = self._failed_rows(session, [each for each, _ in found[:IMPORTS_A_PAGE]])
            items = tuple(
                summary_of(each, shown[each.id], counts[each.id], errors=failed[each.id])
                for each, _ in found[:IMPORTS_A_PAGE]
            )
            last = found[IMPORTS_A_PAGE - 1][0] if len(found) > IMPORTS_A_PAGE else None
            cursor = _encoded(last.created_at, last.id) if last is not None else None
            return Page(items=items, next_cursor=cursor)

    def _failed_rows(
        self, session: scoped_session[Session], imports: Sequence[ImportMixin]
    ) -> dict[str, tuple[RowResult, ...]]:
        row = self._models.row
        query = select(*result_columns(row)).where(
            row.import_id.in_([each.id for each in imports]),
            row.status == RowStatus.FAILED.value,
        )
        found = defaultdict(list)
        for each in session.execute(query.order_by(row.row)):
            found[each.import_id].append(each)
        options = {each.id: options_of(each) for each in imports}
        return {
            import_id: tuple(row_result(each, options[import_id]) for each in found[import_id])
            for import_id in options
        }

    def rows(
        self,
        import_id: str,
        workspace_id: str,
        status: RowStatus | None = None,
        cursor: str | None = None,
        limit: int | None = ROWS_A_PAGE,
    ) -> Page[RowResult]:
        """Return a page of an import's rows in the file's order.

        :param status: only rows with this status; None: all.
        :param limit: how many rows at most; None: all.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises InvalidCursor: the cursor is not one of this list.
        """
        row = self._models.row
        query = select(*result_columns(row)).where(row.import_id == import_id)
        if status is not None:
            query = query.where(row.status == status.value)
        if cursor is not None:
            if not (cursor.isascii() and cursor.isdigit() and len(cursor) < _LONGEST_NUMBER):
                raise InvalidCursor("cursor")
            query = query.where(row.row > int(cursor))
        if limit is not None:
            query = query.limit(limit + 1)
        with transaction(self._db) as session:
            options = options_of(find_import(session, self._models, import_id, workspace_id))
            found = session.execute(query.order_by(row.row)).all()
            items = tuple(row_result(each, options) for each in found[:limit])
        more = len(found) > len(items)
        return Page(items=items, next_cursor=str(items[-1].row) if more else None)

    def kept_cells(
        self,
        import_id: str,
        workspace_id: str,
        status: RowStatus,
        limit: int,
        rows: Collection[int] | None = None,
    ) -> list[KeptCells]:
        """Return the kept cells of rows with one status, in the file's order, without passwords.

        :param rows: the numbers of these rows; None: whatever their number is.
        :raises ImportNotFound: the workspace has no import of this id.
        """
        row = self._models.row
        query = (
            select(row)
            .where(
                row.import_id == import_id,
                row.status == status.value,
                row.sealed_record.is_not(None),
                or_(row.code.is_(None), row.code != Code.WRONG_COLUMN_COUNT.value),
            )
            .order_by(row.row)
            .limit(limit)
        )
        if rows is not None:
            query = query.where(row.row.in_(rows))
        with transaction(self._db) as session:
            find_import(session, self._models, import_id, workspace_id)
            found = [self._record(each, workspace_id) for each in session.scalars(query)]
        return [
            KeptCells(
                row=each.row,
                status=status,
                cells={name: _plausible(name, cell) for name, cell in each.cells.items()},
                has=frozenset(name for name, secret in each.secrets.items() if secret),
            )
            for each in found
            if each is not None
        ]

    def _record(self, found: ImportRowMixin, workspace_id: str) -> Record | None:
        try:
            return staged_row(found, self._key_ring, workspace_id).record
        except SealError:
            # Its key is not configured: it counts as not kept.
            return None

    def test_under_way(self, workspace_id: str) -> str | None:
        """Return the id of a workspace's test of pending mailboxes that waits or runs, if any."""
        model = self._models.import_
        query = select(model.id).where(
            model.workspace_id == workspace_id,
            model.on_duplicate == OnDuplicate.TEST.value,
            model.status.in_([ImportStatus.QUEUED.value, ImportStatus.RUNNING.value]),
            model.deleted_at.is_(None),
            not_(is_dead(self._models)),
        )
        with transaction(self._db) as session:
            return session.scalar(query.limit(1))

    def same_file(self, import_id: str, workspace_id: str) -> Summary | None:
        """Return the last import of the same file that ran before this one, if any.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        model = self._models.import_
        with transaction(self._db) as session:
            this = find_import(session, self._models, import_id, workspace_id)
            query = (
                select(model, status_now(self._models))
                .where(
                    model.workspace_id == workspace_id,
                    model.fingerprint == this.fingerprint,
                    model.id != import_id,
                    model.deleted_at.is_(None),
                    model.status != ImportStatus.CHECKED.value,
                    model.created_at <= this.created_at,
                )
                .order_by(model.created_at.desc())
                .limit(1)
            )
            found = session.execute(query).first() if this.fingerprint else None
            if found is None:
                return None
            counts = count_rows(session, self._models, [found[0].id])[found[0].id]
            return summary_of(found[0], ImportStatus(found[1]), counts)


def _plausible(name: str, cell: str) -> str:
    """Return a cell; "" where it is not what its column is for: it may be a part of a password."""
    if name not in COLUMNS:
        return cell
    if name == "email" or name.endswith("username"):
        return shown_address(cell, is_whole=True)
    if name.endswith("host"):
        return shown_server(cell)
    return "" if name.endswith("port") and not re.fullmatch(r"[\w ()-]*", cell) else cell


def _encoded(created_at: datetime, import_id: str) -> str:
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {import_id}".encode()).decode()


def _decoded(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.b64decode(cursor.encode("ascii"), b"-_", validate=True).decode("ascii")
        created_at, _, import_id = text.partition(" ")
        if import_id.isalnum():
            return datetime.fromisoformat(created_at).replace(tzinfo=None), import_id
    except (ValueError, binascii.Error):
        pass
    raise InvalidCursor("cursor")
