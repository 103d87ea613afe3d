"""The history of a workspace's imports, and the buttons that stop, continue and delete one."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, request, session, url_for

from ..core.errors import InvalidCursor
from ..engine.state import current_state
from .errors import REFUSED_ON_PAGE, refusal_of
from .rendering import Answer, confirmed, page_view, render
from .result_page import import_page
from .steering import find_summary, start, steered

#: The session key under which the history page finds the number of removed mailboxes.
REMOVED = "mailbox_import_removed"


def register(blueprint: Blueprint) -> None:
    """Add the pages. A button's address, opened by GET, redirects to the import's page."""
    one = "/mailboxes/import/<import_id>"
    blueprint.add_url_rule("/mailboxes/imports", endpoint="history", view_func=history)
    for name, endpoint, view in (
        ("cancel", "cancel", cancel),
        ("continue", "continue_", continue_),
        ("delete", "delete", delete),
    ):
        blueprint.add_url_rule(
            f"{one}/{name}", endpoint=endpoint, view_func=view, methods=["GET", "POST"]
        )


@page_view
def history(workspace_id: str) -> Answer:
    """``GET /mailboxes/imports``: the workspace's imports, newest first."""
    try:
        imports = current_state().importer.imports(
            workspace_id=workspace_id, cursor=request.args.get("cursor")
        )
    except InvalidCursor:
        abort(404)
    return render("history.html", imports=imports, removed=session.pop(REMOVED, None))


@page_view
def cancel(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/cancel``: ask the import to stop."""
    return steered(workspace_id, import_id, current_state().importer.cancel, import_page)


@page_view
def continue_(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/continue``: run the rest of the import."""
    return steered(workspace_id, import_id, start, import_page)


@page_view
def delete(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/delete``: forget an import and, if asked, remove the mailboxes it added."""
    find_summary(workspace_id, import_id)
    if request.method != "POST":
        return redirect(url_for("mailbox_import.result", import_id=import_id), 303)
    try:
        confirmed()
        removed = current_state().importer.delete(
            import_id,
            workspace_id=workspace_id,
            mailboxes=request.form.get("mailboxes") == "true",
        )
    except REFUSED_ON_PAGE as fault:
        return import_page(workspace_id, import_id, refusal_of(fault, on_page=True))
    session[REMOVED] = removed
    return redirect(url_for("mailbox_import.history"), 303)
