"""Reads the failed rows of an import by their causes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal, null, or_, select
from sqlalchemy.orm import Session, scoped_session

from ..core.codes import Code
from ..core.failures import Failure
from ..core.imports import ImportOptions
from ..core.remedies import OF_A_PORT, OF_ANY_SERVER, ROWS_A_CAUSE, CauseKey, FailedCause
from ..core.rows import RowResult, RowStatus
from .conversion import options_of, result_columns, row_result
from .models import ImportRowMixin, Models
from .queries import find_import
from .session import transaction

#: Steps of hints that say which server is the right one.
_NAMES_A_SERVER = frozenset({"did_you_mean", "provider_host", "receives_only_use"})


class Causes:
    """Reads the causes of one app's failed rows. Each method is one transaction."""

    def __init__(self, db: SQLAlchemy, models: Models) -> None:
        self._db = db
        self._models = models

    def causes(
        self,
        import_id: str,
        workspace_id: str,
        *,
        start: int = 0,
        limit: int,
        after: Mapping[str, int] | None = None,
        most: int = ROWS_A_CAUSE,
    ) -> tuple[list[FailedCause], int]:
        """Return causes of failed rows, those with most rows first; and how many there are.

        :param start: the place of the first one.
        :param limit: how many at most.
        :param after: by the id of a cause, the row after which its list of rows begins.
        :param most: how many rows are listed of those causes.
        :raises ImportNotFound: the workspace has no import of this id.
        """
        with transaction(self._db) as session:
            options = options_of(find_import(session, self._models, import_id, workspace_id))
            groups = session.execute(self._groups(import_id)).all()
            # An opened cause is shown wherever it stands.
            shown = [
                each
                for place, each in enumerate(groups)
                if start <= place < start + limit or _key(each).id in (after or {})
            ]
            listed = {each: (place, most) for each, place in (after or {}).items()}
            found = [
                self._cause(
                    session,
                    import_id,
                    options,
                    each,
                    *listed.get(_key(each).id, (0, ROWS_A_CAUSE)),
                )
                for each in shown
            ]
        # Rows may have been put back since they were counted.
        return [each for each in found if each is not None], len(groups)

    def numbers(self, import_id: str, workspace_id: str, cause_id: str) -> list[int]:
        """Return the numbers of all rows of a cause; none where no row has it any more.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        row = self._models.row
        with transaction(self._db) as session:
            find_import(session, self._models, import_id, workspace_id)
            for each in session.execute(self._groups(import_id)):
                key = _key(each)
                if key.id == cause_id:
                    query = select(row.row).where(*self._of(import_id, key)).order_by(row.row)
                    return list(session.scalars(query))
        return []

    def cause_of(self, import_id: str, workspace_id: str, number: int) -> str:
        """Return the id of the cause of a failed row; "" where it has not failed.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        row = self._models.row
        parts = (part.label(name) for name, part in self._parts().items())
        query = select(*parts).where(*_failed(row, import_id), row.row == number)
        with transaction(self._db) as session:
            find_import(session, self._models, import_id, workspace_id)
            found = session.execute(query).first()
            return _key(found).id if found is not None else ""

    def _groups(self, import_id: str) -> Select[Any]:
        row, count = self._models.row, func.count()
        parts = self._parts()
        kept = and_(row.sealed_record.is_not(None), row.code != Code.WRONG_COLUMN_COUNT.value)
        return (
            select(
                *(part.label(name) for name, part in parts.items()),
                count.label("rows"),
                func.sum(case((kept, 1), else_=0)).label("kept"),
                func.min(row.smtp_port).label("least_port"),
                func.max(row.smtp_port).label("greatest_port"),
            )
            .where(*_failed(row, import_id))
            .group_by(*parts.values())
            .order_by(count.desc(), func.min(row.row))
        )

    def _parts(self) -> dict[str, ColumnElement[Any]]:
        """Return what the rows of one cause have in common, as columns."""
        row = self._models.row
        is_imap = and_(row.smtp_code.is_(None), row.imap_code.is_not(None))
        without = or_(row.code.in_([each.value for each in OF_ANY_SERVER]), is_imap)
        with_port = and_(row.code.in_([each.value for each in OF_A_PORT]), ~is_imap)
        return {
            "code": row.code.expression,
            "said": func.coalesce(row.said[("failure", "what", 0)].as_string(), row.code),
            "smtp_host": case((without, literal("")), else_=func.lower(row.smtp_host)),
            "smtp_port": case((with_port, row.smtp_port), else_=null()),
            "is_imap": case((is_imap, 1), else_=0),
        }

    def _of(self, import_id: str, key: CauseKey) -> list[ColumnElement[bool]]:
        """Return the conditions of a cause's rows."""
        parts = self._parts()
        port = parts["smtp_port"]
        return [
            *_failed(self._models.row, import_id),
            parts["code"] == key.code.value,
            parts["said"] == key.said,
            func.coalesce(parts["smtp_host"], "") == key.smtp_host,
            port.is_(None) if key.smtp_port is None else port == key.smtp_port,
            parts["is_imap"] == int(key.is_imap),
        ]

    def _cause(
        self,
        session: scoped_session[Session],
        import_id: str,
        options: ImportOptions,
        group: Row[Any],
        after: int,
        most: int,
    ) -> FailedCause | None:
        row, key = self._models.row, _key(group)
        query = select(*result_columns(row)).where(*self._of(import_id, key)).order_by(row.row)
        query = query.limit(most + 1)
        # There may be none after that row any more.
        found = session.execute(query.where(row.row > after)).all() or session.execute(query).all()
        if not found:
            return None
        rows = tuple(row_result(each, options) for each in found[:most])
        return FailedCause(
            key=key,
            count=group.rows,
            kept=int(group.kept),
            failure=_most_common(rows),
            rows=rows,
            next_after=rows[-1].row if len(found) > len(rows) else None,
            port=group.least_port if group.least_port == group.greatest_port else None,
            meant=_meant(rows),
        )


def _failed(row: type[ImportRowMixin], import_id: str) -> list[ColumnElement[bool]]:
    return [row.import_id == import_id, row.status == RowStatus.FAILED.value]


def _key(group: Row[Any]) -> CauseKey:
    return CauseKey(
        code=Code(group.code),
        said=group.said,
        smtp_host=group.smtp_host or "",
        smtp_port=group.smtp_port,
        is_imap=bool(group.is_imap),
    )


def _most_common(rows: Sequence[RowResult]) -> Failure:
    """Return the failure whose hint most of these rows have; a hint may heed one row only."""
    failures = {each.hint: each.failure for each in rows if each.failure is not None}
    ((hint, _),) = Counter(each.hint for each in rows if each.hint in failures).most_common(1)
    return failures[hint]


def _meant(rows: Sequence[RowResult]) -> str:
    """Return the server that was meant in all of these rows; "" where that is not known."""
    found = {_server_named(each) for each in rows}
    return found.pop() if len(found) == 1 else ""


def _server_named(row: RowResult) -> str:
    """Return the server that a row's hint, or the check of its file, names in place of its own."""
    steps = row.failure.steps if row.failure is not None else ()
    values = [each.values for each in steps if each.key in _NAMES_A_SERVER]
    values += [each.values for each in row.warnings if each.code == "server_typo"]
    return str(values[0]["server"]) if values else ""
