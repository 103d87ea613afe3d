"""The pages of one import (check, progress, result), their buttons, and the history."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from flask import Blueprint, abort, redirect, request, session, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from ..core.causes import causes_of
from ..core.errors import (
    ImportInterrupted,
    ImportNotRunnable,
    InvalidCursor,
    NotRetryable,
    TryLater,
)
from ..core.imports import ImportStatus, InvalidOption, Page, Summary
from ..core.rows import CheckedRow, KeptCells, RowResult, RowStatus
from ..core.words import say, together
from ..engine.state import current_state
from .corrections import read_corrections
from .errors import REFUSED_ON_PAGE, RequestError, refusal_of
from .forms import has_mapping, read_mapping
from .rendering import Answer, confirmed, page_view, render
from .report import report_csv
from .responses import csv_file
from .texts import translated

logger = logging.getLogger("flask_mailbox_import")

#: How many rows the check page shows as they were read.
_ROWS_SHOWN = 5
#: The session key under which the history page finds the number of removed mailboxes.
REMOVED = "mailbox_import_removed"
UNDER_WAY = (ImportStatus.QUEUED, ImportStatus.RUNNING)
#: How many encodings are shown at once; a click shows the others.
_CHOICES_SHOWN = 5
_CHOOSE = say("Choose the line that looks right.")
_CHOOSE_COLUMN = say("Choose a column.")
_UNCHANGED = say(
    "No row that failed is changed: open one below, type what is right, and test it again."
)
#: How many wrong corrections are named above the page; every one stands at its row, too.
_TOLD = 3


def register(blueprint: Blueprint) -> None:
    """Add the pages. A button's address, opened by GET, redirects to the import's page."""
    one = "/mailboxes/import/<import_id>"
    for rule, endpoint, view in (
        (one, "result", result),
        (f"{one}/progress", "progress", progress),
        (f"{one}/report.csv", "report", report),
        ("/mailboxes/imports", "history", history),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view)
    for rule, endpoint, view in (
        (f"{one}/check", "check", check),
        (f"{one}/cancel", "cancel", cancel),
        (f"{one}/continue", "continue_", continue_),
        (f"{one}/retry", "retry", retry),
        (f"{one}/delete", "delete", delete),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=["GET", "POST"])


def check_page(summary: Summary, fault: RequestError | None = None) -> Answer:
    """Return the page of a checked file, with a fault if there is one."""
    importer, import_id = current_state().importer, summary.import_id or ""
    workspace_id = summary.options.workspace_id
    return render(
        "check.html",
        fault,
        summary=summary,
        causes=causes_of(summary.errors),
        same=importer.same_file(import_id, workspace_id=workspace_id),
        first=importer.kept_cells(
            import_id, workspace_id=workspace_id, status=RowStatus.READY, limit=_ROWS_SHOWN
        ),
    )


@page_view
def result(workspace_id: str, import_id: str) -> Answer:
    """``GET /mailboxes/import/ID``: the progress of an import and, at its end, the result."""
    return import_page(workspace_id, import_id)


def import_page(
    workspace_id: str, import_id: str, fault: RequestError | None = None, name: str = "import.html"
) -> Answer:
    """Return the page of an import, with a fault if there is one."""
    state = current_state()
    summary = find_summary(workspace_id, import_id)
    if summary.status is ImportStatus.CHECKED:
        if fault is not None and not summary.asks:
            return check_page(summary, fault)
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    if summary.status is ImportStatus.QUEUED:
        if state.importer.is_inline():
            # It was queued under another RUNNER: here only a user can continue it.
            summary = replace(summary, status=ImportStatus.INTERRUPTED)
        else:
            state.importer.wake()
    shown = _shown_rows(summary)
    rows = _rows(workspace_id, import_id, shown)
    kept = _kept(workspace_id, import_id) if shown is RowStatus.FAILED else {}
    sent = _sent_form() if fault is not None else {}
    columns = state.models.host_columns
    changed = set(read_corrections(request, list(kept.values()), columns)[1]) if sent else set()
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
        rows=rows.items,
        cursor=rows.next_cursor,
        kept=kept,
        # A refused form is shown with what was typed into it, except passwords.
        sent=sent,
        changed=changed,
        host_columns=columns,
    )


def _sent_form() -> Mapping[str, str]:
    """Return the form of the request; an empty one where it is too large to be read."""
    try:
        return request.form
    except RequestEntityTooLarge:
        return {}


def _kept(workspace_id: str, import_id: str) -> dict[int, KeptCells]:
    state = current_state()
    found = state.importer.kept_cells(
        import_id,
        workspace_id=workspace_id,
        status=RowStatus.FAILED,
        limit=state.config.max_rows,
    )
    return {each.row: each for each in found}


def _shown_rows(summary: Summary) -> RowStatus | None:
    """Return the status of the rows to list: as asked for, else the failed ones, if any."""
    if summary.status in UNDER_WAY:
        return None
    try:
        return RowStatus(request.args.get("show", ""))
    except ValueError:
        return RowStatus.FAILED if summary.failed else None


def _rows(workspace_id: str, import_id: str, shown: RowStatus | None) -> Page[RowResult]:
    if shown is None:
        return Page(items=(), next_cursor=None)
    rows = partial(
        current_state().importer.rows, import_id, workspace_id=workspace_id, status=shown
    )
    try:
        return rows(cursor=request.args.get("cursor"))
    except InvalidCursor:
        if shown is RowStatus.FAILED:
            return rows()  # a refused form with corrections is shown again, whatever its address
        abort(404)


@page_view
def progress(workspace_id: str, import_id: str) -> Answer:
    """``GET .../ID/progress``: the part of an import's page that changes while it runs."""
    return import_page(workspace_id, import_id, name="_import.html")


@page_view
def report(workspace_id: str, import_id: str) -> BaseResponse:
    """``GET .../ID/report.csv``: the result of each row, for a spreadsheet."""
    rows = current_state().importer.rows(import_id, workspace_id=workspace_id, limit=None)
    return csv_file(report_csv(rows.items, translated), "report.csv")


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


def find_summary(workspace_id: str, import_id: str) -> Summary:
    """Return an import of the workspace.

    :raises ImportNotFound: there is none of this id in it.
    """
    return current_state().importer.summary(import_id, workspace_id=workspace_id)


@page_view
def check(workspace_id: str, import_id: str) -> Answer:
    """``GET`` and ``POST .../ID/check``: the check of the file, and the button that imports it."""
    summary = find_summary(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if summary.status is not ImportStatus.CHECKED:
        return redirect(address, 303)
    if summary.asks:
        return _ask(workspace_id, import_id)
    if request.method != "POST" or not summary.rows:
        return check_page(summary)
    if "encoding" in request.form or has_mapping(request):
        # Another tab has already answered the question.
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    return _steered(workspace_id, import_id, _start)


def _ask(workspace_id: str, import_id: str) -> Answer:
    """Ask how a file is to be read; an answer redirects to its check page."""
    importer = current_state().importer
    again = redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    fault = None
    if request.method == "POST":
        try:
            confirmed()
            encoding, mapping = request.form.get("encoding"), read_mapping(request)
            if not encoding and not mapping:
                words = _CHOOSE_COLUMN if has_mapping(request) else _CHOOSE
                raise RequestError(422, "invalid_field", words)
            importer.read_as(import_id, encoding, mapping, workspace_id=workspace_id)
            return again
        except InvalidOption:
            fault = RequestError(422, "invalid_field", _CHOOSE)
        except REFUSED_ON_PAGE as refused:
            fault = refusal_of(refused, on_page=True)
    question = importer.question(import_id, workspace_id=workspace_id)
    if question is None:
        return again
    name = "encoding.html" if question.encodings else "columns.html"
    address = url_for("mailbox_import.check", import_id=import_id)
    return render(
        name,
        fault,
        question=question,
        address=address,
        shown=_CHOICES_SHOWN,
        chosen=request.form,
    )


@page_view
def cancel(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/cancel``: ask the import to stop."""
    return _steered(workspace_id, import_id, current_state().importer.cancel)


@page_view
def continue_(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/continue``: run the rest of the import."""
    return _steered(workspace_id, import_id, _start)


@page_view
def retry(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/retry``: test failed rows again, corrected or not."""

    def put_back(import_id: str, *, workspace_id: str) -> None:
        importer = current_state().importer
        rows = corrections = None
        if request.form.get("what") != "retryable":
            kept = importer.kept_cells(
                import_id,
                workspace_id=workspace_id,
                status=RowStatus.FAILED,
                limit=current_state().config.max_rows,
            )
            columns = current_state().models.host_columns
            rows, corrections = read_corrections(request, kept, columns)
            if not rows and not corrections:
                raise NotRetryable(_UNCHANGED)
        refused: list[CheckedRow] = []
        _unless_broken(
            lambda: refused.extend(
                importer.retry(
                    import_id, workspace_id=workspace_id, rows=rows or (), corrections=corrections
                )
            )
        )
        if refused:
            raise _not_tested(refused)

    return _steered(workspace_id, import_id, put_back)


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


def _not_tested(rows: Sequence[CheckedRow]) -> RequestError:
    """Return the refusal that names wrong corrections. The rows keep these corrections."""
    told = [
        say("Row %(row)s: %(text)s", row=each.record.row, text=each.failure.text)
        for each in rows[:_TOLD]
        if each.failure
    ]
    words = together(say("Not tested."), *told)
    if (more := len(rows) - _TOLD) > 0:
        below = say(
            "And %(count)s more row below.", plural="And %(count)s more rows below.", count=more
        )
        words = together(words, below)
    numbers = [each.record.row for each in rows]
    return RequestError(422, "invalid_field", words, details={"rows": numbers})


def _start(import_id: str, *, workspace_id: str) -> None:
    _unless_broken(lambda: current_state().importer.start(import_id, workspace_id=workspace_id))


def _unless_broken(work: Callable[[], None]) -> None:
    try:
        work()
    except ImportInterrupted as fault:
        # The import's page shows how far it came.
        logger.error("%s", fault)


def _steered(workspace_id: str, import_id: str, work: Callable[..., None]) -> Answer:
    """Do the work of a button; redirect to the import's page, which shows the result."""
    find_summary(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if request.method != "POST":
        return redirect(address, 303)
    try:
        confirmed()
        work(import_id, workspace_id=workspace_id)
    except ImportNotRunnable:
        pass  # it runs, as its page shows
    except REFUSED_ON_PAGE as fault:
        # A second press of the button may find no place because of the first one.
        no_place = isinstance(fault, TryLater)
        if not no_place or find_summary(workspace_id, import_id).status not in UNDER_WAY:
            return import_page(workspace_id, import_id, refusal_of(fault, on_page=True))
    return redirect(address, 303)
