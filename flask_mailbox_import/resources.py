"""The JSON face of what is there already: an import's report, the template; changes nothing."""

from __future__ import annotations

from flask import Blueprint, Response, request

from .api import METHODS, json_errors
from .auth import authenticate, workspace_of
from .errors import RequestError
from .state import current_state
from .template import template


def register(blueprint: Blueprint) -> None:
    """Add the routes to the blueprint."""
    for rule, endpoint, view in (
        ("/v1/mailboxes/import/smtp/template.csv", "api_template", api_template),
        ("/v1/mailboxes/imports/<import_id>/report.csv", "api_report", api_report),
    ):
        blueprint.add_url_rule(
            rule,
            endpoint=endpoint,
            view_func=view,
            methods=METHODS,
            provide_automatic_options=False,
        )


@json_errors
def api_template() -> Response:
    """``GET /v1/mailboxes/import/smtp/template.csv``: the columns, and an example row."""
    _workspace()
    return csv_file(template(), "mailboxes.csv")


@json_errors
def api_report(import_id: str) -> Response:
    """``GET /v1/mailboxes/imports/ID/report.csv``: what came of each row of an import."""
    workspace_id = _workspace()
    return csv_file(
        current_state().importer.report(import_id, workspace_id=workspace_id), "report.csv"
    )


def csv_file(data: bytes, name: str) -> Response:
    """Return a CSV file to be saved."""
    headers = {
        "Content-Disposition": f"attachment; filename={name}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, mimetype="text/csv", headers=headers)


def _workspace() -> str:
    """Return the workspace of a call that reads something.

    :raises RequestError: 401, 403, 405, as for the import.
    """
    state = current_state()
    identity = authenticate(request, state.api_keys, state.api_workspace_loader())
    if request.method != "GET":
        raise RequestError(
            405, "method_not_allowed", "Read this with GET.", headers={"Allow": "GET"}
        )
    return workspace_of(identity, request)
