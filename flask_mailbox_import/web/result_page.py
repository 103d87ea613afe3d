"""The page of an import: its progress, then its result, where failed rows are mended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from flask import Blueprint, abort, redirect, request, session, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response as BaseResponse

from ..core.errors import (
    InvalidCursor,
)
from ..core.imports import ImportStatus, Page, Summary
from ..core.remedies import ROWS_A_CAUSE, FailedCause
from ..core.rows import RowResult, RowStatus
from ..core.secret import Secret
from ..engine.state import current_state
from .boxes import BOXES_SHOWN, boxes_of, rows_of
from .check_page import check_page
from .corrections import field_id, is_row, kept_rows, read_typed, rows_in
from .errors import RequestError
from .failed_rows import failed_csv
from .rendering import Answer, page_view, render
from .report import report_csv
from .responses import csv_file
from .steering import UNDER_WAY, find_summary, refused_before
from .texts import translated

logger = logging.getLogger("flask_mailbox_import")

#: The session key of the import for which something was typed and kept.
SAVED = "mailbox_import_saved"
#: How many rows of one status are listed at once, in a folded list.
_LISTED = 50
#: How many rows of one cause are listed for who asks for all of them; then more follow.
_MOST_ROWS = 500


def register(blueprint: Blueprint) -> None:
    """Add the pages."""
    one = "/mailboxes/import/<import_id>"
    for rule, endpoint, view in (
        (one, "result", result),
        (f"{one}/progress", "progress", progress),
        (f"{one}/report.csv", "report", report),
        (f"{one}/failed.csv", "failed", failed),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view)


@page_view
def result(workspace_id: str, import_id: str) -> Answer:
    """``GET /mailboxes/import/ID``: the progress of an import and, at its end, the result."""
    return import_page(workspace_id, import_id, refused_before(import_id))


@page_view
def progress(workspace_id: str, import_id: str) -> Answer:
    """``GET .../ID/progress``: the part of an import's page that changes while it runs.

    With ``?token`` only a new token of its forms, for a script that asks whether a session lives.
    """
    if "token" in request.args:
        find_summary(workspace_id, import_id)
        return render("_token.html")
    return import_page(workspace_id, import_id, name="_import.html")


@page_view
def report(workspace_id: str, import_id: str) -> BaseResponse:
    """``GET .../ID/report.csv``: the result of each row, for a spreadsheet."""
    rows = current_state().importer.rows(import_id, workspace_id=workspace_id, limit=None)
    return csv_file(report_csv(rows.items, translated), "report.csv")


@page_view
def failed(workspace_id: str, import_id: str) -> BaseResponse:
    """``GET .../ID/failed.csv``: the rows that failed, to correct them in a spreadsheet."""
    state = current_state()
    rows = state.importer.failed_rows(import_id, workspace_id=workspace_id)
    return csv_file(failed_csv(rows, state.models.host_columns, translated), "failed.csv")


def import_page(
    workspace_id: str, import_id: str, fault: RequestError | None = None, name: str = "import.html"
) -> Answer:
    """Return the page of an import, with a fault if there is one."""
    importer = current_state().importer
    summary = find_summary(workspace_id, import_id)
    if summary.status is ImportStatus.CHECKED:
        if fault is not None and not summary.asks:
            return check_page(summary, fault)
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    if summary.status is ImportStatus.QUEUED:
        if importer.is_inline():
            # It was queued under another RUNNER: here only a user can continue it.
            summary = replace(summary, status=ImportStatus.INTERRUPTED)
        else:
            importer.wake()
    under_way = summary.status in UNDER_WAY
    return render(
        name,
        fault,
        summary=summary,
        under_way=under_way,
        waits=under_way and importer.waits_for_others(workspace_id),
        error_at=field_id(str(fault.details.get("field", ""))) if fault is not None else "",
        **({} if under_way else _result_values(summary, workspace_id, fault)),
    )


def _result_values(
    summary: Summary, workspace_id: str, fault: RequestError | None
) -> dict[str, object]:
    """Return what the templates need to show the result of an import."""
    import_id = summary.import_id or ""
    boxes = _boxes(summary, workspace_id, fault) if summary.failed else {}
    lists = {
        status: _listed(workspace_id, import_id, status)
        for status in (RowStatus.IMPORTED, RowStatus.SKIPPED, RowStatus.READY)
        if summary.counts[status.value]
    }
    pending = 0
    if not summary.options.tests and summary.imported:
        pending = current_state().mending.count_pending(import_id, workspace_id=workspace_id)
    return {
        **boxes,
        "lists": lists,
        "only": _only_row(summary, workspace_id) if summary.rows == 1 else None,
        "pending": pending,
        "mailboxes_url": _mailboxes_url(),
        "is_saved": session.pop(SAVED, None) == import_id,
        "field_id": field_id,
    }


def _boxes(summary: Summary, workspace_id: str, fault: RequestError | None) -> dict[str, object]:
    """Return what the templates need to show failed rows by their causes."""
    import_id, mending = summary.import_id or "", current_state().mending
    row, chosen, after = _chosen(workspace_id, import_id)
    first = request.args.get("from", "")
    start_at = int(first) if is_row(first) else 0
    causes, count = mending.causes(
        import_id,
        workspace_id=workspace_id,
        start=start_at,
        limit=BOXES_SHOWN,
        after={chosen: after} if chosen else None,
        most=_MOST_ROWS if "all" in request.args else ROWS_A_CAUSE,
    )
    numbers = [*rows_of(causes), *([row] if row else [])]
    kept = {each.row: each for each in kept_rows(workspace_id, import_id, numbers)}
    typed = dict(mending.typed(import_id, workspace_id=workspace_id))
    if fault is not None:
        # What is refused before it is kept, as without a valid token, is shown again.
        typed |= _sent_texts(causes, workspace_id, import_id)
    boxes = boxes_of(
        causes,
        typed,
        kept,
        chosen=chosen,
        opened=kept.get(row),
        wrong=str(fault.details.get("field", "")) if fault is not None else "",
    )
    following = start_at + BOXES_SHOWN
    return {
        "boxes": boxes,
        # Where the next ones begin; 0 where there are none.
        "boxes_more": following if following < count else 0,
        # What was typed; of a password only that there is a new one.
        "texts": {name: "" if isinstance(each, Secret) else each for name, each in typed.items()},
        "host_columns": current_state().models.host_columns,
    }


def _chosen(workspace_id: str, import_id: str) -> tuple[int, str, int]:
    """Return the row to be corrected, the cause whose rows are listed, and after which row."""
    text, after = request.args.get("row", ""), request.args.get("after", "")
    if is_row(text):
        cause = current_state().mending.cause_of(import_id, int(text), workspace_id=workspace_id)
        return int(text), cause, int(text) - 1
    return 0, request.args.get("cause", ""), int(after) if is_row(after) else 0


def _sent_form() -> Mapping[str, str]:
    """Return the form of the request; an empty one where it is too large to be read."""
    try:
        return request.form
    except RequestEntityTooLarge:
        return {}


def _sent_texts(
    causes: Sequence[FailedCause], workspace_id: str, import_id: str
) -> dict[str, str | Secret]:
    """Return what the form of this request has in its fields."""
    form = _sent_form()
    kept = kept_rows(workspace_id, import_id, rows_in(form))
    typed = read_typed(form, causes, kept, current_state().models.host_columns)
    return {name: each for name, each in typed.items() if each is not None}


def _listed(workspace_id: str, import_id: str, status: RowStatus) -> Page[RowResult]:
    rows = partial(
        current_state().importer.rows,
        import_id,
        workspace_id=workspace_id,
        status=status,
        limit=_LISTED,
    )
    if request.args.get("show") != status.value:
        return rows()
    try:
        return rows(cursor=request.args.get("cursor"))
    except InvalidCursor:
        abort(404)


def _only_row(summary: Summary, workspace_id: str) -> RowResult | None:
    """Return the one row of an import."""
    found = current_state().importer.rows(
        summary.import_id or "", workspace_id=workspace_id, limit=1
    )
    return found.items[0] if found.items else None


def _mailboxes_url() -> str:
    """Return the address of the host's own list of mailboxes; "" where it has none."""
    endpoint = current_state().config.mailboxes_endpoint
    if endpoint is None:
        return ""
    try:
        return url_for(endpoint)
    except BuildError:
        logger.error("MAILBOX_IMPORT_MAILBOXES_ENDPOINT is %s: the app has no such page.", endpoint)
        return ""
