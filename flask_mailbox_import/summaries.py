"""Columns and counted rows of imports -> results; in the caller's transaction, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, scoped_session

from .codes import Code
from .liveness import status_of
from .mapping import now
from .models import ImportMixin, ImportRowMixin, Models
from .records import ImportStatus, OnDuplicate, Reason
from .results import RowResult, Summary, Understood


def count_rows(
    session: scoped_session[Session], models: Models, import_ids: Sequence[str]
) -> dict[str, Counter[str]]:
    """Count the rows of imports by their status; those updated as such, too."""
    row = models.row
    counts = {each: Counter[str]() for each in import_ids}
    query = (
        select(row.import_id, row.status, row.updated, func.count())
        .where(row.import_id.in_(import_ids))
        .group_by(row.import_id, row.status, row.updated)
    )
    for import_id, status, updated, count in session.execute(query):
        counts[import_id][status] += count
        counts[import_id]["updated"] += count if updated else 0
    return counts


def summary_of(found: ImportMixin, counts: Counter[str], **more: Any) -> Summary:
    """Return what came of an import out of its columns and its counted rows."""
    status, finished_at = status_of(found), found.finished_at
    died = found.status == ImportStatus.RUNNING.value and status is ImportStatus.INTERRUPTED
    if died and not counts["ready"]:
        # All is done: only its end was not written any more.
        status, finished_at = ImportStatus.FINISHED, found.heartbeat_at
    understood = dict(found.understood or {})
    understood["columns"] = tuple(tuple(each) for each in understood.get("columns", ()))
    return Summary(
        import_id=found.id,
        workspace_id=found.workspace_id,
        status=status,
        imported=counts["imported"],
        skipped=counts["skipped"],
        failed=counts["failed"],
        ready=counts["ready"],
        updated=counts["updated"],
        tag=found.tag,
        file_name=found.file_name,
        skip_connection_test=found.skip_connection_test,
        test_imap=found.test_imap,
        updates=found.on_duplicate == OnDuplicate.UPDATE.value,
        is_test=found.on_duplicate == OnDuplicate.TEST.value,
        created_at=found.created_at,
        finished_at=finished_at,
        understood=Understood(**understood),
        asks=found.file_expires_at is not None,
        is_stopping=status is ImportStatus.RUNNING and found.cancelled_at is not None,
        seconds_in_run=(now() - (found.started_at or now())).total_seconds(),
        **more,
    )


def row_result(found: ImportRowMixin) -> RowResult:
    """Return why a row did not become a mailbox."""
    reason = Reason(
        code=Code(found.code or Code.UNKNOWN),
        error=found.error or "",
        hint=found.hint or "",
        reply=found.reply or "",
    )
    return RowResult(
        row=found.row,
        email=found.email,
        reason=reason,
        smtp=_test_result(found.smtp_code, found.smtp_error),
        imap=_test_result(found.imap_code, found.imap_error),
        is_kept=found.sealed_record is not None and found.code != Code.WRONG_COLUMN_COUNT.value,
    )


def _test_result(code: str | None, error: str | None) -> Reason | None:
    return Reason(code=Code(code), error=error or "") if code else None
