"""The check page of an import: what is in its file, how it is to be read, and its start."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from flask import Blueprint, redirect, request, url_for

from ..core.causes import causes_of
from ..core.errors import ImportNotRunnable, RunLost
from ..core.imports import ImportStatus, InvalidOption, Summary
from ..core.rows import RowStatus
from ..core.words import say
from ..engine.state import current_state
from .errors import REFUSED_ON_PAGE, RequestError, refusal_of
from .forms import has_mapping, read_mapping
from .rendering import Answer, confirmed, page_view, render
from .steering import find_summary, start, steered, unless_broken

#: How many rows the check page shows as they were read.
_ROWS_SHOWN = 5
#: How many encodings are shown at once; a click shows the others.
_CHOICES_SHOWN = 5
_CHOOSE = say("Choose the line that looks right.")
_CHOOSE_COLUMN = say("Choose a column.")


def register(blueprint: Blueprint) -> None:
    """Add the page."""
    blueprint.add_url_rule(
        "/mailboxes/import/<import_id>/check",
        endpoint="check",
        view_func=check,
        methods=["GET", "POST"],
    )


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
    begin = partial(_begin, summary)
    return steered(workspace_id, import_id, begin, _refused)


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


def _begin(summary: Summary, import_id: str, *, workspace_id: str) -> None:
    """Start an import; one that tests nothing ends at once, so that nobody waits for a page."""
    importer, is_short = (
        current_state().importer,
        summary.ready <= current_state().config.chunk_rows,
    )
    if summary.options.tests or not is_short:
        start(import_id, workspace_id=workspace_id)
        return
    with suppress(ImportNotRunnable, RunLost):
        unless_broken(lambda: importer.continue_import(import_id, workspace_id=workspace_id))


def _refused(workspace_id: str, import_id: str, fault: RequestError) -> Answer:
    return check_page(find_summary(workspace_id, import_id), fault)
