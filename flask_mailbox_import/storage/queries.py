"""Reads the summary of an import, the queue, and refused logins; for lists see listing.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, or_, select
from sqlalchemy.orm import Session, aliased, scoped_session

from ..core.codes import Code
from ..core.errors import ImportNotFound
from ..core.imports import ImportStatus, Summary, Unfinished, Workload
from ..core.rows import RowStatus
from ..core.validators import one_line
from .conversion import options_of, result_columns, row_result, summary_of
from .models import ImportMixin, Models, now
from .reasons import warnings_from
from .session import idempotent, transaction
from .states import is_dead, is_under_way, status_now


def count_rows(
    session: scoped_session[Session], models: Models, import_ids: Sequence[str]
) -> dict[str, Counter[str]]:
    """Count the rows of imports by status, those that updated a mailbox, and those that wait."""
    row = models.row
    counts = {each: Counter[str]() for each in import_ids}
    query = (
        select(row.import_id, row.status, row.updated, row.waits, func.count())
        .where(row.import_id.in_(import_ids))
        .group_by(row.import_id, row.status, row.updated, row.waits)
    )
    for import_id, status, updated, waits, count in session.execute(query):
        counts[import_id][status] += count
        counts[import_id]["updated"] += count if updated else 0
        counts[import_id]["waiting"] += count if waits and status == RowStatus.READY.value else 0
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """An import that waits for its run, and whether it tests logins."""

    import_id: str
    workspace_id: str
    tests: bool


class Queries:
    """Reads the database of one app. Each method is one transaction and needs an app context."""

    def __init__(self, db: SQLAlchemy, models: Models) -> None:
        self._db = db
        self._models = models

    @idempotent
    def summary(self, import_id: str, workspace_id: str | None = None) -> Summary:
        """Return the summary of an import, with its failed and skipped rows in the file's order.

        :raises ImportNotFound: there is none of this id, or it is another workspace's.
        """
        row = self._models.row
        with transaction(self._db) as session:
            found, status = find_with_status(session, self._models, import_id, workspace_id)
            counts = count_rows(session, self._models, [import_id])[import_id]
            options = options_of(found)
            told = [
                row_result(each, options)
                for each in session.execute(
                    select(*result_columns(row))
                    .where(row.import_id == import_id, row.code.is_not(None))
                    .order_by(row.row)
                )
            ]
            warned = session.scalars(
                select(row.warnings)
                .where(row.import_id == import_id, row.warnings.is_not(None))
                .order_by(row.row)
            ).all()
            warnings = [*found.notices, *(each for told in warned for each in told or ())]
            return summary_of(
                found,
                status,
                counts,
                **self._last_run(session, found),
                errors=tuple(each for each in told if each.status is RowStatus.FAILED),
                skips=tuple(each for each in told if each.status is RowStatus.SKIPPED),
                warnings=warnings_from(warnings),
            )

    def _last_run(self, session: scoped_session[Session], found: ImportMixin) -> dict[str, Any]:
        """Return the fields of a summary that tell about the last run."""
        row, started_at = self._models.row, found.started_at
        if started_at is None:
            return {}
        is_last = func.sum(case((row.finished_at >= started_at, 1), else_=0))
        query = (
            select(row.status, is_last, func.count())
            .where(row.import_id == found.id, row.finished_at.is_not(None))
            .group_by(row.status)
        )
        rows = [(status, int(last), count) for status, last, count in session.execute(query)]
        return {
            "done_in_run": sum(last for _, last, _ in rows),
            "imported_in_run": sum(
                last for status, last, _ in rows if status == RowStatus.IMPORTED.value
            ),
            "is_again": any(count > last for _, last, count in rows),
        }

    def workspace_to_test(self, import_id: str, workspace_id: str | None = None) -> str | None:
        """Return the workspace of an import that tests logins; None where it skips the test.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with transaction(self._db) as session:
            found = find_import(session, self._models, import_id, workspace_id)
            options = options_of(found)
            return options.workspace_id if options.tests else None

    def next_queued(
        self,
        *,
        but: Collection[str] = (),
        full: Collection[str] | None = (),
        may_skip: bool = True,
    ) -> Queued | None:
        """Return the import whose turn it is; None where none waits.

        It is of the workspace with the fewest running, and has waited longest there.

        :param but: ids of imports that are left out.
        :param full: workspaces of which only imports that test nothing may begin; None: all.
        :param may_skip: imports that test nothing may begin.
        """
        model = self._models.import_
        running = aliased(model)
        others = (
            select(func.count())
            .where(
                running.workspace_id == model.workspace_id,
                running.status == ImportStatus.RUNNING.value,
            )
            .scalar_subquery()
        )
        kinds: list[ColumnElement[bool]] = [false()]
        if may_skip:
            kinds.append(model.skip_connection_test.is_(True))
        if full is not None:
            kinds.append(
                and_(model.skip_connection_test.is_(False), model.workspace_id.not_in(full))
            )
        query = select(model.id, model.workspace_id, model.skip_connection_test).where(
            model.status == ImportStatus.QUEUED.value,
            model.deleted_at.is_(None),
            model.id.not_in(but),
            or_(*kinds),
        )
        with transaction(self._db) as session:
            order = (others, model.started_at, model.id)
            found = session.execute(query.order_by(*order).limit(1)).first()
            return found and Queued(import_id=found[0], workspace_id=found[1], tests=not found[2])

    def count_queued(self, workspace_id: str) -> int:
        """Return how many imports of a workspace wait for their run."""
        model = self._models.import_
        query = select(func.count()).where(
            model.workspace_id == workspace_id,
            model.status == ImportStatus.QUEUED.value,
            model.deleted_at.is_(None),
        )
        with transaction(self._db) as session:
            return session.scalar(query) or 0

    def is_under_way(self, import_id: str, workspace_id: str) -> bool:
        """Tell whether an import waits for its run, or runs.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        under_way = (ImportStatus.QUEUED, ImportStatus.RUNNING)
        with transaction(self._db) as session:
            return find_with_status(session, self._models, import_id, workspace_id)[1] in under_way

    def is_any_under_way(self) -> bool:
        """Tell whether an import of any workspace waits for its run, or runs."""
        model = self._models.import_
        found = exists().where(is_under_way(self._models), model.deleted_at.is_(None))
        with transaction(self._db) as session:
            return bool(session.scalar(select(found)))

    def workload(self) -> list[Workload]:
        """Return what waits and runs, by workspace."""
        model = self._models.import_
        dead, waits = is_dead(self._models), model.status == ImportStatus.QUEUED.value
        running = and_(model.status == ImportStatus.RUNNING.value, not_(dead))
        counts = [func.sum(case((each, 1), else_=0)) for each in (waits, running, dead)]
        oldest = func.min(case((waits, model.started_at)))
        under_way = or_(is_under_way(self._models), dead)
        query = (
            select(model.workspace_id, oldest, *counts)
            .where(under_way, model.deleted_at.is_(None))
            .group_by(model.workspace_id)
            .order_by(model.workspace_id)
        )
        with transaction(self._db) as session:
            return [
                Workload(
                    workspace_id=workspace_id,
                    queued=int(queued),
                    waited=(now() - since).total_seconds() if since else None,
                    running=int(runs),
                    dead=int(died),
                )
                for workspace_id, since, queued, runs, died in session.execute(query)
            ]

    def unfinished(self) -> list[Unfinished]:
        """Return the imports with rows to do, the oldest first."""
        row, model = self._models.row, self._models.import_
        with transaction(self._db) as session:
            found = session.execute(
                select(model.id, model.workspace_id, func.count())
                .join(row, row.import_id == model.id)
                .where(row.status == RowStatus.READY.value, model.deleted_at.is_(None))
                .group_by(model.id, model.workspace_id, model.created_at)
                .order_by(model.created_at, model.id)
            )
            return [
                Unfinished(import_id=import_id, workspace_id=workspace_id, ready=ready)
                for import_id, workspace_id, ready in found
            ]

    def refused_logins(self, workspace_id: str, codes: Iterable[Code], within: timedelta) -> int:
        """Count the logins of a workspace that were refused less than ``within`` ago."""
        row, import_ = self._models.row, self._models.import_
        values = [code.value for code in codes]
        with transaction(self._db) as session:
            counts = [
                session.scalar(
                    select(func.count())
                    .select_from(row)
                    .join(import_, import_.id == row.import_id)
                    .where(
                        import_.workspace_id == workspace_id,
                        column.in_(values),
                        row.finished_at > now() - within,
                    )
                )
                for column in (row.smtp_code, row.imap_code)
            ]
        return sum(count or 0 for count in counts)

    def refused_at(
        self, workspace_id: str, codes: Iterable[Code], within: timedelta, number: int
    ) -> datetime | None:
        """Return when a login of a workspace was refused; None where there are not so many rows.

        :param number: which of the rows refused less than ``within`` ago; the oldest one is 0.
        """
        row, import_ = self._models.row, self._models.import_
        values = [code.value for code in codes]
        query = (
            select(row.finished_at)
            .join(import_, import_.id == row.import_id)
            .where(
                import_.workspace_id == workspace_id,
                or_(row.smtp_code.in_(values), row.imap_code.in_(values)),
                row.finished_at > now() - within,
            )
            .order_by(row.finished_at)
        )
        with transaction(self._db) as session:
            return session.scalar(query.offset(number).limit(1))


def find_import(
    session: scoped_session[Session], models: Models, import_id: str, workspace_id: str | None
) -> ImportMixin:
    """Return an import as the database has it.

    :param workspace_id: its workspace; None: any.
    :raises ImportNotFound: the workspace has no import of this id.
    """
    return find_with_status(session, models, import_id, workspace_id)[0]


def find_with_status(
    session: scoped_session[Session], models: Models, import_id: str, workspace_id: str | None
) -> tuple[ImportMixin, ImportStatus]:
    """Return an import as `find_import` does, and its status by `status_now`."""
    model = models.import_
    query = select(model, status_now(models)).where(
        model.id == import_id, model.deleted_at.is_(None)
    )
    if workspace_id is not None:
        query = query.where(model.workspace_id == workspace_id)
    found = None
    # Only ids go to the database: PostgreSQL raises another fault for a NUL.
    if import_id.isascii() and import_id.isalnum():
        found = session.execute(query.execution_options(populate_existing=True)).first()
    # Compared again here: MySQL ignores a space at the end of a text.
    if found is None or workspace_id not in (None, found[0].workspace_id):
        raise ImportNotFound(f"there is no import {one_line(import_id)[:64]}")
    return found[0], ImportStatus(found[1])
