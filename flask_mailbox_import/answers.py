"""JSON answers: a body, and every fault as one; knows no route and calls no importer."""

from __future__ import annotations

import functools
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, cast

from flask import Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from .errors import (
    FileError,
    ImportInterrupted,
    ImportNotFound,
    ImportNotRunnable,
    InvalidCursor,
    MailboxesInUse,
    MailboxImportError,
    NotRetryable,
    RequestError,
    TooManyRefusedLogins,
    TooManyRunning,
    too_many,
)
from .fields import too_large
from .shield import described
from .state import current_state

logger = logging.getLogger("flask_mailbox_import")

# What a status of another's means here.
_REASONS = {401: "no_key", 403: "wrong_workspace", 404: "not_found", 405: "method_not_allowed"}

P = ParamSpec("P")


def json_view(*methods: str) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Mark the view of a route with these methods; every fault of it becomes our error body."""

    def decorate(view: Callable[P, Response]) -> Callable[P, Response]:
        @functools.wraps(view)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> Response:
            if request.method == "OPTIONS":
                return Response(status=204, headers={"Allow": ", ".join([*methods, "OPTIONS"])})
            return _private(_answered(functools.partial(view, *args, **kwargs)))

        return wrapped

    return decorate


def _answered(view: Callable[[], Response]) -> Response:
    try:
        return view()
    except HTTPException as fault:
        # A hook of the host may have aborted with a response of its own.
        own = fault.get_response() if fault.response is not None else None
        return cast("Response", own) if own is not None else refused(fault)
    except Exception as fault:  # noqa: BLE001 (the edge: a client gets a reference, no detail)
        return _error(_request_error(fault))


def answer(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Write a body in the contract's order of keys, whatever the host's JSON provider does."""
    text = json.dumps(body, ensure_ascii=False) + "\n"
    return Response(text, status=status, headers=headers, mimetype="application/json")


def _error(fault: RequestError) -> Response:
    body: dict[str, Any] = {
        # A hook of the host may abort with any.
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
    """Answer where Werkzeug, or a hook of the host, could not or would not read the request."""
    if fault.code == 413:
        return _error(too_large(request, current_state().config.max_file_size))
    status = fault.code or 500
    reason = _REASONS.get(status, "internal" if status >= 500 else "invalid_field")
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return _error(RequestError(status, reason, fault.description or fault.name, headers=headers))


def _request_error(fault: Exception) -> RequestError:
    match fault:
        case RequestError():
            return fault
        case FileError():
            status = 413 if fault.reason == "file_too_large" else 400
            return RequestError(status, fault.reason, fault.message, details=fault.details)
        case ImportNotFound():
            return RequestError(404, "not_found", "There is no such import.")
        case ImportNotRunnable():
            words = "The import is under way, or not begun yet: wait for its end, or cancel it."
            return RequestError(409, "import_running", words)
        case NotRetryable():
            return RequestError(400, "invalid_field", str(fault))
        case InvalidCursor():
            words = "The cursor is not one that a list of ours gave."
            return RequestError(400, "invalid_field", words, details={"field": "cursor"})
        case MailboxesInUse():
            words = f"Nothing was removed: {fault}. Leave mailboxes=true out to keep them."
            return RequestError(400, "invalid_field", words, details={"field": "mailboxes"})
        case TooManyRunning() | TooManyRefusedLogins():
            return too_many(fault)
    return _internal(fault)


def _internal(fault: Exception) -> RequestError:
    reference = secrets.token_hex(6)
    # Another's text may hold values of a row: what it is and where is enough to go on.
    words = str(fault) if isinstance(fault, MailboxImportError) else described(fault)
    logger.error("a call failed, reference %s: %s", reference, words)
    details: dict[str, object] = {"reference": reference}
    message = "Something went wrong on our side."
    if isinstance(fault, ImportInterrupted):
        details["importId"] = fault.import_id
        message = "The import stopped before its end: send the file again to do what is left."
        if fault.summary is not None:
            details |= fault.summary.counts
    message += f" Give whoever runs this app the reference {reference}."
    return RequestError(500, "internal", message, details=details)
