"""Makes JSON bodies, with the contract's names and order, and CSV downloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from flask import Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from ..core.failures import Failure
from ..core.imports import Summary
from ..core.rows import RowResult, RowWarning
from ..core.words import foreign
from ..engine.state import current_state
from .errors import RequestError, refusal_of, too_large

# The reasons for statuses with which a host's hook aborts.
_REASONS = {
    401: "no_key",
    403: "wrong_workspace",
    404: "not_found",
    405: "method_not_allowed",
    429: "too_many_requests",
}

#: The keys of a row in the ``errors`` of an import.
_OF_AN_ERROR = (
    *("email", "error", "row", "code", "hint", "reply", "smtphost", "smtpport", "smtp", "imap"),
)


def answered(view: Callable[[], Response]) -> Response:
    """Return the answer of a view; each of its exceptions becomes an error body."""
    try:
        return _private(view())
    except HTTPException as fault:
        # A hook of the host may abort with a response of its own.
        own = fault.get_response() if fault.response is not None else None
        return _private(cast("Response", own)) if own is not None else refused(fault)
    except Exception as fault:  # noqa: BLE001 (the client gets a reference, not the fault)
        return _error_response(refusal_of(fault))


def answer(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response with the contract's order of keys, not the host's JSON provider's."""
    text = json.dumps(body, ensure_ascii=False) + "\n"
    return Response(text, status=status, headers=headers, mimetype="application/json")


def _error_response(fault: RequestError) -> Response:
    body: dict[str, Any] = {
        # A hook of the host may abort with any status.
        "error": HTTP_STATUS_CODES.get(fault.status, "Unknown Error"),
        "message": fault.message,
        "code": fault.status,
        "reason": fault.reason,
    }
    if fault.details:
        body["details"] = fault.details
    return _private(answer(body, fault.status, fault.headers))


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def refused(fault: HTTPException) -> Response:
    """Return the error response for an HTTPException of Werkzeug or of a host's hook."""
    if fault.code == 413:
        return _error_response(too_large(request, current_state().config.max_file_size))
    status = fault.code or 500
    reason = _REASONS.get(status, "internal" if status >= 500 else "invalid_field")
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return _error_response(
        RequestError(status, reason, foreign(fault.description or fault.name), headers=headers)
    )


def call_body(summary: Summary) -> dict[str, Any]:
    """Return the body of an import call's answer."""
    body = {**_totals(summary), "importId": summary.import_id}
    if summary.warnings:
        body["warnings"] = _warnings(summary.warnings)
    return body


def dry_run_body(summary: Summary) -> dict[str, Any]:
    """Return the body of a dry run's answer."""
    return {**_totals(summary), "dryRun": True, "warnings": _warnings(summary.warnings)}


def import_body(summary: Summary) -> dict[str, Any]:
    """Return the body of an import."""
    return {
        "id": summary.import_id,
        "status": summary.status and summary.status.value,
        "tag": summary.options.tag,
        "fileName": summary.options.file_name,
        "createdAt": _time(summary.created_at),
        "finishedAt": _time(summary.finished_at),
        "rows": summary.rows,
        "ready": summary.ready,
        "imported": summary.imported,
        "updated": summary.updated,
        "skipped": summary.skipped,
        "failed": summary.failed,
        "errors": [_error_body(each) for each in summary.errors],
    }


def row_body(result: RowResult) -> dict[str, Any]:
    """Return the body of a row of an import."""
    failure = result.failure
    return {
        "row": result.row,
        "email": result.email,
        "status": result.status.value,
        "mailboxStatus": result.mailbox_status and result.mailbox_status.value,
        "code": failure and failure.code.value,
        "error": failure and failure.error,
        "hint": failure and failure.hint,
        "reply": failure and failure.reply,
        "smtphost": result.smtp_host,
        "smtpport": result.smtp_port,
        "retryable": result.retryable,
        "smtp": _test(result.smtp),
        "imap": _test(result.imap),
        "warnings": _warnings(result.warnings),
    }


def _totals(summary: Summary) -> dict[str, Any]:
    updated = {"updated": summary.updated} if summary.options.updates else {}
    return {
        "imported": summary.imported,
        **updated,
        "skipped": summary.skipped,
        "failed": summary.failed,
        "errors": [_error_body(each) for each in summary.errors],
    }


def _error_body(result: RowResult) -> dict[str, Any]:
    body = row_body(result)
    return {name: body[name] for name in _OF_AN_ERROR}


def _test(failure: Failure | None) -> dict[str, Any] | None:
    return {"code": failure.code.value, "error": failure.error} if failure else None


def _warnings(warnings: Iterable[RowWarning]) -> list[dict[str, Any]]:
    return [
        {"row": each.row, "column": each.column, "code": each.code, "message": each.message}
        for each in warnings
    ]


def _time(moment: datetime | None) -> str | None:
    """Return a time in the form of RFC 3339, in UTC."""
    return f"{moment.replace(microsecond=0).isoformat()}Z" if moment is not None else None


def csv_file(data: bytes, name: str) -> Response:
    """Return a response that a browser saves as a CSV file."""
    headers = {
        "Content-Disposition": f"attachment; filename={name}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, mimetype="text/csv", headers=headers)
