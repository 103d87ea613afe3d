"""The JSON face of what is there already: an import, its report, the template; runs nothing."""

from __future__ import annotations

from flask import Blueprint, Response, request

from .answers import json_view
from .api import METHODS, caller
from .auth import workspace_of
from .fields import read_flag
from .state import current_state
from .template import template


def register(blueprint: Blueprint) -> None:
    """Add the routes to the blueprint."""
    for rule, endpoint, view in (
        ("/v1/mailboxes/import/smtp/template.csv", "api_template", api_template),
        ("/v1/mailboxes/imports/<import_id>", "api_resource", api_resource),
        ("/v1/mailboxes/imports/<import_id>/report.csv", "api_report", api_report),
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
    return csv_file(template(), "mailboxes.csv")


@json_view("DELETE")
def api_resource(import_id: str) -> Response:
    """``DELETE /v1/mailboxes/imports/ID``: forget an import and, if asked, its mailboxes."""
    workspace_id = workspace_of(caller("DELETE"), request)
    current_state().importer.delete(
        import_id, workspace_id=workspace_id, mailboxes=read_flag(request, "mailboxes")
    )
    return Response(status=204)


@json_view("GET")
def api_report(import_id: str) -> Response:
    """``GET /v1/mailboxes/imports/ID/report.csv``: what came of each row of an import."""
    workspace_id = workspace_of(caller("GET"), request)
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
