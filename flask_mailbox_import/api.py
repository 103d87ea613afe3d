"""The JSON face: reads the request, calls the importer, writes the answer; knows no SQL."""

from __future__ import annotations

import functools
import io
import json
import logging
import secrets
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, ParamSpec, cast

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException

from .auth import authenticate, workspace_of
from .errors import (
    FileError,
    ImportNotFound,
    MailboxImportError,
    RequestError,
    TooManyRefusedLogins,
    TooManyRunning,
    file_too_large,
)
from .fields import read_fields, read_file, too_large
from .records import Reason, RowResult, Summary
from .state import current_state

logger = logging.getLogger("flask_mailbox_import")

#: Room in a request beside the file: the other fields and the multipart boundaries.
_FORM_BYTES = 64 * 1024
_FORM_PARTS = 20
#: All that a route answers itself, so that a wrong one is refused in JSON.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

P = ParamSpec("P")


def register(blueprint: Blueprint) -> None:
    """Add the JSON routes to the blueprint."""
    blueprint.url_value_preprocessor(_prepare)
    blueprint.add_url_rule(
        "/v1/mailboxes/import/smtp",
        endpoint="api_import",
        view_func=import_smtp,
        methods=METHODS,
        provide_automatic_options=False,
    )


def _prepare(endpoint: str | None, values: dict[str, Any] | None) -> None:  # noqa: ARG001
    """Set the limits before anything reads the body; runs ahead of every before_request hook.

    A host's CSRFProtect, made before or after us, leaves the API alone: it has no cookies.
    """
    config = current_state().config
    request.max_content_length = config.max_file_size + _FORM_BYTES
    request.max_form_memory_size = config.max_file_size + _FORM_BYTES
    request.max_form_parts = _FORM_PARTS
    # The clear text of a file never goes to disk, as Werkzeug's own stream does above 500 kB.
    request._get_file_stream = _memory_stream  # type: ignore[method-assign]
    csrf = current_app.extensions.get("csrf")
    if csrf is not None:
        csrf.exempt(import_smtp)


def _memory_stream(*_args: object, **_kwargs: object) -> io.BytesIO:
    return io.BytesIO()


def json_errors(view: Callable[P, Response]) -> Callable[P, Response]:
    """Answer every fault of a view in our error body, on this view only."""

    @functools.wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            response = view(*args, **kwargs)
        except RequestError as fault:
            response = _error(fault)
        except FileError as fault:
            response = _error(_from_file(fault))
        except ImportNotFound:
            response = _error(RequestError(404, "not_found", "There is no such import."))
        except TooManyRunning as fault:
            response = _error(_too_many("too_many_running", fault, seconds=30))
        except TooManyRefusedLogins as fault:
            response = _error(_too_many("too_many_refused_logins", fault, seconds=3600))
        except HTTPException as fault:
            # A hook of the host may have aborted with a response of its own.
            own = fault.get_response() if fault.response is not None else None
            response = cast("Response", own) if own is not None else _error(_from_http(fault))
        except Exception as fault:  # noqa: BLE001 (the edge: a client gets a reference, no detail)
            response = _error(_internal(fault))
        response.headers["Cache-Control"] = "no-store"
        return response

    return wrapped


@json_errors
def import_smtp() -> Response:
    """``POST /v1/mailboxes/import/smtp``: import a CSV file of mailboxes."""
    if request.method == "OPTIONS":
        return Response(status=204, headers={"Allow": "POST, OPTIONS"})
    state = current_state()
    identity = authenticate(request, state.api_keys, state.api_workspace_loader())
    _check_envelope()
    workspace_id = workspace_of(identity, request)
    fields = read_fields(request)
    file = read_file(request)
    if fields.dry_run:
        check = state.importer.check_file(
            file.stream,
            workspace_id=workspace_id,
            skip_connection_test=fields.skip_connection_test,
            test_imap=fields.test_imap,
            encoding=fields.encoding,
            column_mapping=fields.column_mapping,
        )
        return _json({"success": True, "data": _dry_run_body(check.summary())})
    summary = state.importer.run_file(
        file.stream,
        workspace_id=workspace_id,
        tag=fields.tag,
        skip_connection_test=fields.skip_connection_test,
        test_imap=fields.test_imap,
        encoding=fields.encoding,
        column_mapping=fields.column_mapping,
    )
    return _json({"success": True, "data": _body(summary)})


def body_refused(fault: HTTPException) -> Response:
    """Answer for the view where a hook of the host read the body first, and could not."""
    return _error(_from_http(fault))


def _check_envelope() -> None:
    """Judge method, media type and size, the body last."""
    if request.method != "POST":
        raise RequestError(
            405, "method_not_allowed", "Send the file with POST.", headers={"Allow": "POST"}
        )
    if request.mimetype != "multipart/form-data" or request.content_encoding:
        raise RequestError(
            415,
            "not_multipart",
            "Send an uncompressed multipart/form-data body with the file in the field 'file'.",
        )
    limit = current_state().config.max_file_size
    if (request.content_length or 0) > limit + _FORM_BYTES:
        raise file_too_large(limit)
    for file in request.files.values():
        if file.seek(0, io.SEEK_END) > limit:
            raise file_too_large(limit)
        file.seek(0)


def _body(summary: Summary) -> dict[str, Any]:
    body = {**_totals(summary), "importId": summary.import_id}
    if summary.notices:
        body["warnings"] = _warnings(summary)
    return body


def _dry_run_body(summary: Summary) -> dict[str, Any]:
    return {**_totals(summary), "dryRun": True, "warnings": _warnings(summary)}


def _totals(summary: Summary) -> dict[str, Any]:
    return {
        "imported": summary.imported,
        "skipped": summary.skipped,
        "failed": summary.failed,
        "errors": [_row(each) for each in summary.errors],
    }


def _row(result: RowResult) -> dict[str, Any]:
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


def _warnings(summary: Summary) -> list[dict[str, Any]]:
    return [asdict(each) for each in summary.notices]


def _json(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Write a body in the contract's order of keys, whatever the host's JSON provider does."""
    text = json.dumps(body, ensure_ascii=False) + "\n"
    return Response(text, status=status, headers=headers, mimetype="application/json")


def _error(fault: RequestError) -> Response:
    body: dict[str, Any] = {
        "error": HTTPStatus(fault.status).phrase,
        "message": fault.message,
        "code": fault.status,
        "reason": fault.reason,
    }
    if fault.details:
        body["details"] = fault.details
    return _json(body, fault.status, fault.headers)


def _from_file(fault: FileError) -> RequestError:
    status = 413 if fault.reason == "file_too_large" else 400
    return RequestError(status, fault.reason, fault.message, details=fault.details)


def _too_many(reason: str, fault: MailboxImportError, *, seconds: int) -> RequestError:
    return RequestError(429, reason, str(fault), headers={"Retry-After": str(seconds)})


def _from_http(fault: HTTPException) -> RequestError:
    if fault.code == 413:
        return too_large(request, current_state().config.max_file_size)
    status = fault.code or 500
    return RequestError(status, "invalid_field", fault.description or HTTPStatus(status).phrase)


def _internal(fault: Exception) -> RequestError:
    reference = secrets.token_hex(6)
    # The fault's own text may hold values of a row: its type and its places are enough to go on.
    places = "".join(traceback.format_tb(fault.__traceback__))
    words = f"{type(fault).__name__} {fault if isinstance(fault, MailboxImportError) else ''}"
    logger.error("import failed, reference %s: %s\n%s", reference, words, places)
    return RequestError(
        500,
        "internal",
        f"Something went wrong on our side. Give whoever runs this app the reference {reference}.",
        details={"reference": reference},
    )
