"""Results -> the bodies of JSON answers, in the contract's names and order; asks nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from .records import Notice, Reason
from .results import RowResult, RowState, Summary


def call_body(summary: Summary) -> dict[str, Any]:
    """Return what an import call is answered with."""
    body = {**_totals(summary), "importId": summary.import_id}
    if summary.notices:
        body["warnings"] = _warnings(summary.notices)
    return body


def dry_run_body(summary: Summary) -> dict[str, Any]:
    """Return what a call that only asks what is in a file is answered with."""
    return {**_totals(summary), "dryRun": True, "warnings": _warnings(summary.notices)}


def import_body(summary: Summary) -> dict[str, Any]:
    """Return an import as a resource."""
    return {
        "id": summary.import_id,
        "status": summary.status and summary.status.value,
        "tag": summary.tag,
        "fileName": summary.file_name,
        "createdAt": _time(summary.created_at),
        "finishedAt": _time(summary.finished_at),
        "rows": summary.rows,
        "ready": summary.ready,
        "imported": summary.imported,
        "updated": summary.updated,
        "skipped": summary.skipped,
        "failed": summary.failed,
        "errors": [_error(each) for each in summary.errors],
    }


def row_body(state: RowState) -> dict[str, Any]:
    """Return a row of an import."""
    result = state.result
    return {
        "row": state.row,
        "email": state.email,
        "status": state.status.value,
        "mailboxStatus": state.mailbox_status and state.mailbox_status.value,
        "code": result and result.reason.code.value,
        "error": result and result.reason.error,
        "hint": result and result.reason.hint,
        "reply": result and result.reason.reply,
        "retryable": bool(result and result.retryable),
        "smtp": _test(result.smtp if result else None),
        "imap": _test(result.imap if result else None),
        "warnings": _warnings(state.warnings),
    }


def _totals(summary: Summary) -> dict[str, Any]:
    updated = {"updated": summary.updated} if summary.updates else {}
    return {
        "imported": summary.imported,
        **updated,
        "skipped": summary.skipped,
        "failed": summary.failed,
        "errors": [_error(each) for each in summary.errors],
    }


def _error(result: RowResult) -> dict[str, Any]:
    reason = result.reason
    return {
        "email": result.email,
        "error": reason.error,
        "row": result.row,
        "code": reason.code.value,
        "hint": reason.hint,
        "reply": reason.reply,
        "smtp": _test(result.smtp),
        "imap": _test(result.imap),
    }


def _test(reason: Reason | None) -> dict[str, Any] | None:
    return {"code": reason.code.value, "error": reason.error} if reason else None


def _warnings(notices: Iterable[Notice]) -> list[dict[str, Any]]:
    return [asdict(each) for each in notices]


def _time(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339 has it, in UTC."""
    return f"{moment.replace(microsecond=0).isoformat()}Z" if moment is not None else None
