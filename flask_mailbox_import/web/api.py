"""Every route of the JSON API: each view reads the request, calls the importer and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import Response, request, url_for

from ..core.imports import Page
from ..engine.state import NAME, current_state
from ..reading.template import template
from .auth import Caller
from .corrections import read_retry
from .failed_rows import failed_csv, retry_file
from .forms import (
    is_dry_run,
    prefers_async,
    read_cursor,
    read_flag,
    read_options,
    read_status,
)
from .openapi import document_for
from .report import report_csv
from .responses import answer, call_body, csv_file, dry_run_body, import_body, row_body
from .routes import register as register
from .routes import route
from .uploads import has_form, uploaded_file

_IMPORTS = "/v1/mailboxes/imports"
_ONE = f"{_IMPORTS}/<import_id>"


@route(
    "POST",
    "/v1/mailboxes/import/smtp",
    "api_import",
    tag="Mailboxes",
    answers={200: "ImportDone", 202: "ImportStarted"},
    may=(429,),
    headers=("Prefer",),
    body="ImportForm",
    takes_file=True,
)
def import_mailboxes(caller: Caller) -> Response:
    """Import a file of mailboxes.

    The login of each row is tested; those that work become mailboxes of the workspace.
    """
    importer = current_state().importer
    options = read_options(request, caller.workspace_id, api_key_id=caller.api_key_id)
    file = uploaded_file(request)
    options = replace(options, file_name=file.filename)
    if is_dry_run(request):
        check = importer.check_file(file.stream, options)
        return answer({"success": True, "data": dry_run_body(check.summary())})
    if prefers_async(request) and not importer.is_inline():
        import_id = importer.start_file(file.stream, options)
        return _accepted(import_id, caller, {"Preference-Applied": "respond-async"})
    summary = importer.import_file(file.stream, options)
    return answer({"success": True, "data": call_body(summary)})


@route(
    "GET",
    "/v1/mailboxes/import/smtp/template.csv",
    "api_template",
    tag="Mailboxes",
    answers={200: "Template"},
)
def get_template(_caller: Caller) -> Response:
    """Get a file with the columns and an example."""
    return csv_file(template(current_state().models.host_columns), "mailboxes.csv")


@route(
    "POST",
    "/v1/mailboxes/connection-test",
    "api_connection_test",
    tag="Mailboxes",
    answers={202: "Accepted"},
    may=(429,),
)
def test_pending_mailboxes(caller: Caller) -> Response:
    """Test the pending mailboxes of the workspace.

    Those that pass become `active`, the others stay `pending`. As many as a file may have rows,
    the oldest first. Where none is pending: 400 `no_rows`.
    """
    importer = current_state().importer
    import_id = importer.stage_pending(workspace_id=caller.workspace_id)
    importer.start(import_id, workspace_id=caller.workspace_id)
    return _accepted(import_id, caller)


@route(
    "GET",
    _IMPORTS,
    "api_imports",
    tag="Imports",
    answers={200: "ImportPage"},
    arguments=("cursor",),
)
def list_imports(caller: Caller) -> Response:
    """List the imports of the workspace, newest first."""
    page = current_state().importer.imports(
        workspace_id=caller.workspace_id, cursor=read_cursor(request)
    )
    return _listed(page, import_body)


@route("GET", _ONE, "api_resource", tag="Imports", answers={200: "ImportNow"})
def get_import(caller: Caller, import_id: str) -> Response:
    """Look at an import."""
    importer = current_state().importer
    importer.wake()
    summary = importer.summary(import_id, workspace_id=caller.workspace_id)
    return answer({"success": True, "data": import_body(summary)})


@route(
    "DELETE",
    _ONE,
    "api_resource",
    tag="Imports",
    answers={204: "Forgotten"},
    arguments=("mailboxes",),
)
def delete_import(caller: Caller, import_id: str) -> Response:
    """Forget an import; one that runs ends.

    With `mailboxes=true` the mailboxes that it added are removed, too; not those that it updated.
    """
    current_state().importer.delete(
        import_id, workspace_id=caller.workspace_id, mailboxes=read_flag(request, "mailboxes")
    )
    return Response(status=204)


@route(
    "GET",
    f"{_ONE}/rows",
    "api_rows",
    tag="Imports",
    answers={200: "RowPage"},
    arguments=("status", "cursor"),
)
def list_rows(caller: Caller, import_id: str) -> Response:
    """List the rows of an import, in the order of the file."""
    page = current_state().importer.rows(
        import_id,
        workspace_id=caller.workspace_id,
        status=read_status(request),
        cursor=read_cursor(request),
    )
    return _listed(page, row_body)


@route("GET", f"{_ONE}/report.csv", "api_report", tag="Imports", answers={200: "Report"})
def get_report(caller: Caller, import_id: str) -> Response:
    """Get what came of each row, as a file for a spreadsheet."""
    rows = current_state().importer.rows(import_id, workspace_id=caller.workspace_id, limit=None)
    return csv_file(report_csv(rows.items), "report.csv")


@route("GET", f"{_ONE}/failed.csv", "api_failed", tag="Imports", answers={200: "FailedRows"})
def get_failed_rows(caller: Caller, import_id: str) -> Response:
    """Get the rows that failed, as a file to correct in a spreadsheet and send to `retry`."""
    state = current_state()
    rows = state.importer.failed_rows(import_id, workspace_id=caller.workspace_id)
    return csv_file(failed_csv(rows, state.models.host_columns), "failed.csv")


@route("POST", f"{_ONE}/cancel", "api_cancel", tag="Imports", answers={202: "Accepted"})
def cancel_import(caller: Caller, import_id: str) -> Response:
    """Begin no more tests.

    Tests under way still end, and count; the rest stays `ready`. An import that has ended stays
    as it is.
    """
    current_state().importer.cancel(import_id, workspace_id=caller.workspace_id)
    return _accepted(import_id, caller)


@route(
    "POST",
    f"{_ONE}/continue",
    "api_continue",
    tag="Imports",
    answers={202: "Accepted"},
    may=(409, 429),
)
def continue_import(caller: Caller, import_id: str) -> Response:
    """Do what is left of an import.

    One that is finished, or under way, stays as it is; one that is just being cancelled is refused
    until it has ended.
    """
    current_state().importer.start(import_id, workspace_id=caller.workspace_id)
    return _accepted(import_id, caller)


@route(
    "POST",
    f"{_ONE}/retry",
    "api_retry",
    tag="Imports",
    answers={202: "Accepted"},
    may=(409, 413, 429),
    body="Retry",
    takes_file=True,
    takes_json=True,
)
def retry_rows(caller: Caller, import_id: str) -> Response:
    """Test failed rows again, corrected or not.

    Without a body, or with no rows, corrections and changes: all rows that are `retryable`. A
    change corrects every failed row that matches. A wrong correction fails its row at once.

    As a form it takes the file of failed rows with corrections in it. An empty cell changes
    nothing, and a kept password is used again. A row that is not changed is tested if it is
    `retryable`; rows that are not in the file stay as they are.
    """
    if has_form():
        retry_file(request, import_id, caller.workspace_id)
        return _accepted(import_id, caller)
    wanted = read_retry(request)
    current_state().importer.retry(
        import_id,
        workspace_id=caller.workspace_id,
        rows=wanted.rows,
        corrections=wanted.corrections,
        changes=wanted.changes,
    )
    return _accepted(import_id, caller)


@route(
    "GET",
    "/v1/mailboxes/openapi.json",
    "api_openapi",
    tag="Description",
    answers={200: "Description"},
    is_open=True,
)
def get_description() -> Response:
    """Get this description; it needs no key."""
    state = current_state()
    address = request.script_root + state.config.url_prefix or "/"
    return answer(document_for(state.models.host_columns, address))


def _accepted(import_id: str, caller: Caller, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer 202 with an import that goes on, and its address in ``Location``."""
    summary = current_state().importer.summary(import_id, workspace_id=caller.workspace_id)
    address = url_for(f"{NAME}.api_resource", import_id=import_id)
    body = {"success": True, "data": import_body(summary)}
    return answer(body, 202, {"Location": address, **(headers or {})})


def _listed(page: Page[Any], body: Callable[[Any], dict[str, Any]]) -> Response:
    data = [body(each) for each in page.items]
    return answer({"success": True, "data": data, "nextCursor": page.next_cursor})
