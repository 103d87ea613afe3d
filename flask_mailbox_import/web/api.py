"""The routes of the JSON API: reads the request, calls the importer, answers in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request, url_for

from ..core.imports import Page
from ..engine.state import NAME, current_state
from ..reading.template import template
from ..storage.api_keys import ApiKey
from .auth import caller, check_method, workspace_of
from .forms import (
    is_dry_run,
    prefers_async,
    read_cursor,
    read_flag,
    read_options,
    read_retry,
    read_status,
    refuse_arguments,
)
from .report import report_csv
from .responses import answer, call_body, csv_file, dry_run_body, import_body, json_view, row_body
from .uploads import check_envelope, uploaded_file

#: All that a route answers itself, so that a wrong one is refused in JSON.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def register(blueprint: Blueprint) -> None:
    """Add the JSON routes to the blueprint."""
    one = "/v1/mailboxes/imports/<import_id>"
    for rule, endpoint, view in (
        ("/v1/mailboxes/import/smtp", "api_import", import_smtp),
        ("/v1/mailboxes/import/smtp/template.csv", "api_template", api_template),
        ("/v1/mailboxes/openapi.json", "api_openapi", api_openapi),
        ("/v1/mailboxes/connection-test", "api_connection_test", api_connection_test),
        ("/v1/mailboxes/imports", "api_imports", api_imports),
        (one, "api_resource", api_resource),
        (f"{one}/rows", "api_rows", api_rows),
        (f"{one}/report.csv", "api_report", api_report),
        (f"{one}/cancel", "api_cancel", api_cancel),
        (f"{one}/continue", "api_continue", api_continue),
        (f"{one}/retry", "api_retry", api_retry),
    ):
        blueprint.add_url_rule(
            rule,
            endpoint=endpoint,
            view_func=view,
            methods=METHODS,
            provide_automatic_options=False,
        )


@json_view("POST")
def import_smtp() -> Response:
    """``POST /v1/mailboxes/import/smtp``: import a CSV file of mailboxes."""
    state = current_state()
    identity = caller("POST")
    check_envelope()
    workspace_id = workspace_of(identity, request)
    refuse_arguments(request)
    file = uploaded_file(request)
    options = read_options(
        request,
        workspace_id,
        file_name=file.filename,
        api_key_id=identity.id if isinstance(identity, ApiKey) else None,
    )
    if is_dry_run(request):
        check = state.importer.check_file(file.stream, options)
        return answer({"success": True, "data": dry_run_body(check.summary())})
    if prefers_async(request) and not state.importer.is_inline():
        import_id = state.importer.stage_file(file.stream, options)
        state.importer.start(import_id, workspace_id=workspace_id)
        return accepted(import_id, workspace_id, {"Preference-Applied": "respond-async"})
    summary = state.importer.import_file(file.stream, options)
    return answer({"success": True, "data": call_body(summary)})


def accepted(
    import_id: str, workspace_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer 202 with an import that goes on, and where it can be watched."""
    summary = current_state().importer.summary(import_id, workspace_id=workspace_id)
    address = url_for(f"{NAME}.api_resource", import_id=import_id)
    body = {"success": True, "data": import_body(summary)}
    return answer(body, 202, {"Location": address, **(headers or {})})


@json_view("GET")
def api_template() -> Response:
    """``GET /v1/mailboxes/import/smtp/template.csv``: the columns, and an example row."""
    workspace_of(caller("GET"), request)
    refuse_arguments(request)
    return csv_file(template(), "mailboxes.csv")


@json_view("GET")
def api_openapi() -> Response:
    """``GET /v1/mailboxes/openapi.json``: this API, for programs; needs no key."""
    check_method("GET")
    refuse_arguments(request)
    prefix = current_state().config.url_prefix
    return answer({**_openapi(), "servers": [{"url": request.script_root + prefix or "/"}]})


@cache
def _openapi() -> dict[str, Any]:
    text = Path(__file__).with_name("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@json_view("GET")
def api_imports() -> Response:
    """``GET /v1/mailboxes/imports``: the workspace's imports, newest first."""
    workspace_id = workspace_of(caller("GET"), request)
    refuse_arguments(request, "cursor")
    page = current_state().importer.imports(workspace_id=workspace_id, cursor=read_cursor(request))
    return _listed(page, import_body)


@json_view("GET", "DELETE")
def api_resource(import_id: str) -> Response:
    """``GET`` and ``DELETE /v1/mailboxes/imports/ID``: look at an import, or forget it."""
    workspace_id = workspace_of(caller("GET", "DELETE"), request)
    state = current_state()
    if request.method == "DELETE":
        mailboxes = read_flag(request, "mailboxes")
        state.importer.delete(import_id, workspace_id=workspace_id, mailboxes=mailboxes)
        return Response(status=204)
    refuse_arguments(request)
    state.importer.wake()
    summary = state.importer.summary(import_id, workspace_id=workspace_id)
    return answer({"success": True, "data": import_body(summary)})


@json_view("GET")
def api_rows(import_id: str) -> Response:
    """``GET /v1/mailboxes/imports/ID/rows``: where each row stands, in the file's order."""
    workspace_id = workspace_of(caller("GET"), request)
    refuse_arguments(request, "status", "cursor")
    page = current_state().importer.rows(
        import_id,
        workspace_id=workspace_id,
        status=read_status(request),
        cursor=read_cursor(request),
    )
    return _listed(page, row_body)


@json_view("GET")
def api_report(import_id: str) -> Response:
    """``GET /v1/mailboxes/imports/ID/report.csv``: what came of each row of an import."""
    workspace_id = workspace_of(caller("GET"), request)
    refuse_arguments(request)
    rows = current_state().importer.rows(import_id, workspace_id=workspace_id, limit=None)
    return csv_file(report_csv(rows.items), "report.csv")


@json_view("POST")
def api_cancel(import_id: str) -> Response:
    """``POST /v1/mailboxes/imports/ID/cancel``: begin no more tests; those under way count."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    current_state().importer.cancel(import_id, workspace_id=workspace_id)
    return accepted(import_id, workspace_id)


@json_view("POST")
def api_continue(import_id: str) -> Response:
    """``POST /v1/mailboxes/imports/ID/continue``: do what is left of an import."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    current_state().importer.start(import_id, workspace_id=workspace_id)
    return accepted(import_id, workspace_id)


@json_view("POST")
def api_retry(import_id: str) -> Response:
    """``POST /v1/mailboxes/imports/ID/retry``: test failed rows again, corrected or not."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    rows, corrections = read_retry(request)
    current_state().importer.retry(
        import_id, workspace_id=workspace_id, rows=rows, corrections=corrections
    )
    return accepted(import_id, workspace_id)


@json_view("POST")
def api_connection_test() -> Response:
    """``POST /v1/mailboxes/connection-test``: test the workspace's pending mailboxes."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    importer = current_state().importer
    import_id = importer.stage_pending(workspace_id=workspace_id)
    importer.start(import_id, workspace_id=workspace_id)
    return accepted(import_id, workspace_id)


def _listed(page: Page[Any], body: Callable[[Any], dict[str, Any]]) -> Response:
    data = [body(each) for each in page.items]
    return answer({"success": True, "data": data, "nextCursor": page.next_cursor})
