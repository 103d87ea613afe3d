"""The JSON face of imports as resources: look at them, steer them, forget them; reads no file."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from .answers import answer, json_view
from .api import METHODS, accepted, caller, check_method
from .auth import workspace_of
from .bodies import import_body, row_body
from .corrections import read_retry
from .fields import read_cursor, read_flag, read_status, refuse_arguments
from .results import Page
from .state import current_state
from .template import template


def register(blueprint: Blueprint) -> None:
    """Add the routes to the blueprint."""
    one = "/v1/mailboxes/imports/<import_id>"
    for rule, endpoint, view in (
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
    page = current_state().jobs.page(workspace_id=workspace_id, cursor=read_cursor(request))
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
    state.jobs.wake()
    summary = state.importer.summary(import_id, workspace_id=workspace_id)
    return answer({"success": True, "data": import_body(summary)})


@json_view("GET")
def api_rows(import_id: str) -> Response:
    """``GET /v1/mailboxes/imports/ID/rows``: where each row stands, in the file's order."""
    workspace_id = workspace_of(caller("GET"), request)
    refuse_arguments(request, "status", "cursor")
    page = current_state().jobs.rows(
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
    report = current_state().importer.report(import_id, workspace_id=workspace_id)
    return csv_file(report, "report.csv")


@json_view("POST")
def api_cancel(import_id: str) -> Response:
    """``POST /v1/mailboxes/imports/ID/cancel``: begin no more tests; those under way count."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    current_state().jobs.cancel(import_id, workspace_id=workspace_id)
    return accepted(import_id, workspace_id)


@json_view("POST")
def api_continue(import_id: str) -> Response:
    """``POST /v1/mailboxes/imports/ID/continue``: do what is left of an import."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    current_state().jobs.start(import_id, workspace_id=workspace_id)
    return accepted(import_id, workspace_id)


@json_view("POST")
def api_retry(import_id: str) -> Response:
    """``POST /v1/mailboxes/imports/ID/retry``: test failed rows again, corrected or not."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    rows, corrections = read_retry(request)
    current_state().jobs.retry(
        import_id, workspace_id=workspace_id, rows=rows, corrections=corrections
    )
    return accepted(import_id, workspace_id)


@json_view("POST")
def api_connection_test() -> Response:
    """``POST /v1/mailboxes/connection-test``: test the workspace's pending mailboxes."""
    workspace_id = workspace_of(caller("POST"), request)
    refuse_arguments(request)
    jobs = current_state().jobs
    import_id = jobs.stage_pending(workspace_id=workspace_id)
    jobs.start(import_id, workspace_id=workspace_id)
    return accepted(import_id, workspace_id)


def _listed(page: Page[Any], body: Callable[[Any], dict[str, Any]]) -> Response:
    data = [body(each) for each in page.items]
    return answer({"success": True, "data": data, "nextCursor": page.next_cursor})


def csv_file(data: bytes, name: str) -> Response:
    """Return a CSV file to be saved."""
    headers = {
        "Content-Disposition": f"attachment; filename={name}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, mimetype="text/csv", headers=headers)
