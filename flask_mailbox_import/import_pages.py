"""What the pages of imports show: check, progress, result, history; acts on none."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from .causes import causes_of
from .corrections import read_corrections
from .errors import InvalidCursor, RequestError
from .frame import Answer, page, render
from .listing import ROWS
from .records import ImportStatus, RowStatus
from .resources import csv_file
from .results import KeptCells, Page, RowResult, RowState, Summary
from .state import current_state

#: Rows of a file that its check page shows as they were read.
_ROWS_SHOWN = 5
#: Where the session says, once, how many mailboxes were removed.
REMOVED = "mailbox_import_removed"
UNDER_WAY = (ImportStatus.QUEUED, ImportStatus.RUNNING)


def register(blueprint: Blueprint) -> None:
    """Add the pages to the blueprint."""
    one = "/mailboxes/import/<import_id>"
    for rule, endpoint, view in (
        (one, "result", result),
        (f"{one}/progress", "progress", progress),
        (f"{one}/report.csv", "report", report),
        ("/mailboxes/imports", "history", history),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view)


def check_page(summary: Summary, fault: RequestError | None = None) -> Answer:
    """Return the page that says what is in a file, and what is wrong."""
    jobs, import_id = current_state().jobs, summary.import_id or ""
    workspace_id = summary.workspace_id or ""
    return render(
        "check.html",
        fault,
        summary=summary,
        causes=causes_of(summary.errors),
        same=jobs.same_file(import_id, workspace_id=workspace_id),
        first=jobs.kept_cells(
            import_id, workspace_id=workspace_id, status=RowStatus.READY, limit=_ROWS_SHOWN
        ),
    )


@page
def result(workspace_id: str, import_id: str) -> Answer:
    """``GET /mailboxes/import/ID``: how far the import is, and then what came of it."""
    return import_page(workspace_id, import_id)


def import_page(
    workspace_id: str, import_id: str, fault: RequestError | None = None, name: str = "import.html"
) -> Answer:
    """Return the page of an import as it stands, and what is wrong."""
    state = current_state()
    summary = summary_of(workspace_id, import_id)
    if summary.status is ImportStatus.CHECKED:
        if fault is not None and not summary.asks:
            return check_page(summary, fault)
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    if summary.status is ImportStatus.QUEUED:
        if state.jobs.is_inline():
            # Queued by another configuration: nobody but its user begins it here.
            summary = replace(summary, status=ImportStatus.INTERRUPTED)
        else:
            state.jobs.wake()
    shown = _shown_rows(summary)
    failed: tuple[RowResult, ...] = ()
    rows: tuple[RowState, ...] = ()
    kept: dict[int, KeptCells] = {}
    cursor: str | int | None = None
    if shown is RowStatus.FAILED:
        failed, cursor = _failed(summary)
        kept = _kept(workspace_id, import_id)
    elif shown is not None:
        page_of_rows = _rows(workspace_id, import_id, shown)
        rows, cursor = page_of_rows.items, page_of_rows.next_cursor
    sent = request.form if fault is not None else {}
    changed = set(read_corrections(request, list(kept.values()))[1]) if sent else set()
    refused = fault.details.get("rows") if fault is not None else None
    if isinstance(refused, list):
        changed.update(refused)
    return render(
        name,
        fault,
        summary=summary,
        causes=causes_of(summary.errors),
        under_way=summary.status in UNDER_WAY,
        shown=shown,
        shown_failed=failed,
        kept=kept,
        rows=rows,
        cursor=cursor,
        # What was typed into a form that was refused is not typed again, but for passwords.
        sent=sent,
        changed=changed,
    )


def _failed(summary: Summary) -> tuple[tuple[RowResult, ...], int | None]:
    """Return the failed rows of one page of them, and where the next one begins."""
    after = request.args.get("cursor", 0, type=int)
    found = [each for each in summary.errors if each.row > after]
    return tuple(found[:ROWS]), found[ROWS - 1].row if len(found) > ROWS else None


def _kept(workspace_id: str, import_id: str) -> dict[int, KeptCells]:
    state = current_state()
    found = state.jobs.kept_cells(
        import_id,
        workspace_id=workspace_id,
        status=RowStatus.FAILED,
        limit=state.config.max_rows,
    )
    return {each.row: each for each in found}


def _shown_rows(summary: Summary) -> RowStatus | None:
    """Return which rows are listed: those asked for or, where some failed, these."""
    if summary.status in UNDER_WAY:
        return None
    try:
        return RowStatus(request.args.get("show", ""))
    except ValueError:
        return RowStatus.FAILED if summary.failed else None


def _rows(workspace_id: str, import_id: str, shown: RowStatus) -> Page[RowState]:
    try:
        return current_state().jobs.rows(
            import_id,
            workspace_id=workspace_id,
            status=shown,
            cursor=request.args.get("cursor"),
        )
    except InvalidCursor:
        abort(404)


@page
def progress(workspace_id: str, import_id: str) -> Answer:
    """``GET .../ID/progress``: the part of an import's page that changes as it goes on."""
    return import_page(workspace_id, import_id, name="_import.html")


@page
def report(workspace_id: str, import_id: str) -> BaseResponse:
    """``GET .../ID/report.csv``: what came of each row, for a spreadsheet."""
    data = current_state().importer.report(import_id, workspace_id=workspace_id)
    return csv_file(data, "report.csv")


@page
def history(workspace_id: str) -> Answer:
    """``GET /mailboxes/imports``: the workspace's imports, newest first."""
    try:
        imports = current_state().jobs.page(
            workspace_id=workspace_id, cursor=request.args.get("cursor")
        )
    except InvalidCursor:
        abort(404)
    return render("history.html", imports=imports, removed=session.pop(REMOVED, None))


def summary_of(workspace_id: str, import_id: str) -> Summary:
    """Return an import of the workspace.

    :raises ImportNotFound: there is none of this id in it.
    """
    return current_state().importer.summary(import_id, workspace_id=workspace_id)
