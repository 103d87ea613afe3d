"""The forms of an import: answer, start, cancel, continue, retry, remove; shows none itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from flask import Blueprint, redirect, request, session, url_for

from .corrections import has_mapping, read_corrections, read_mapping
from .errors import (
    FileError,
    ImportInterrupted,
    ImportNotRunnable,
    MailboxesInUse,
    NotRetryable,
    RequestError,
    TooManyRefusedLogins,
    TooManyRunning,
    too_many,
)
from .frame import Answer, confirmed, page, render
from .import_pages import REMOVED, UNDER_WAY, check_page, import_page, summary_of
from .records import CheckedRow, ImportStatus, RowStatus
from .state import current_state

logger = logging.getLogger("flask_mailbox_import")

#: Encodings that are shown at once; the others are a click away.
_CHOICES_SHOWN = 5
_CHOOSE = "Choose the line that looks right."
_CHOOSE_COLUMN = "Choose a column."
_UNCHANGED = "No row that failed is changed: open one below, type what is right, and test it again."
#: Corrections that are none and are told above the page; the others stand at their rows.
_TOLD = 3


def register(blueprint: Blueprint) -> None:
    """Add the routes; who opens a form's as an address is led to the page of the import."""
    one = "/mailboxes/import/<import_id>"
    for rule, endpoint, view in (
        (f"{one}/check", "check", check),
        (f"{one}/cancel", "cancel", cancel),
        (f"{one}/continue", "continue_", continue_),
        (f"{one}/retry", "retry", retry),
        (f"{one}/delete", "delete", delete),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=["GET", "POST"])


@page
def check(workspace_id: str, import_id: str) -> Answer:
    """``GET`` and ``POST .../ID/check``: what is in the file, and the button that imports it."""
    summary = summary_of(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if summary.status is not ImportStatus.CHECKED:
        return redirect(address, 303)
    if summary.asks:
        return _ask(workspace_id, import_id)
    if request.method != "POST" or not summary.rows:
        return check_page(summary)
    if "encoding" in request.form or has_mapping(request):
        # The answer to a question that is answered already, from another tab.
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    return _steered(workspace_id, import_id, _start)


def _ask(workspace_id: str, import_id: str) -> Answer:
    """Ask how a file is to be read; the answer leads to its check page."""
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
        except ValueError:
            fault = RequestError(422, "invalid_field", _CHOOSE)
        except FileError as found:
            fault = RequestError(422, found.reason, found.message)
        except RequestError as found:
            fault = found
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


@page
def cancel(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/cancel``: begin no more tests."""
    return _steered(workspace_id, import_id, current_state().jobs.cancel)


@page
def continue_(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/continue``: do what is left."""
    return _steered(workspace_id, import_id, _start)


@page
def retry(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/retry``: test failed rows again, corrected or not."""

    def put_back(import_id: str, *, workspace_id: str) -> None:
        jobs = current_state().jobs
        rows = corrections = None
        if request.form.get("what") != "retryable":
            kept = jobs.kept_cells(
                import_id,
                workspace_id=workspace_id,
                status=RowStatus.FAILED,
                limit=current_state().config.max_rows,
            )
            rows, corrections = read_corrections(request, kept)
            if not rows and not corrections:
                raise NotRetryable(_UNCHANGED)
        refused: list[CheckedRow] = []
        _unless_broken(
            lambda: refused.extend(
                jobs.retry(
                    import_id, workspace_id=workspace_id, rows=rows or (), corrections=corrections
                )
            )
        )
        if refused:
            raise _not_tested(refused)

    return _steered(workspace_id, import_id, put_back)


@page
def delete(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/delete``: forget an import and, if asked, the mailboxes that it added."""
    summary_of(workspace_id, import_id)
    if request.method != "POST":
        return redirect(url_for("mailbox_import.result", import_id=import_id), 303)
    try:
        confirmed()
        removed = current_state().importer.delete(
            import_id,
            workspace_id=workspace_id,
            mailboxes=request.form.get("mailboxes") == "true",
        )
    except RequestError as fault:
        return import_page(workspace_id, import_id, fault)
    except MailboxesInUse as used:
        words = f"Nothing was removed: {used}."
        return import_page(workspace_id, import_id, RequestError(422, "invalid_field", words))
    session[REMOVED] = removed
    return redirect(url_for("mailbox_import.history"), 303)


def _not_tested(rows: Sequence[CheckedRow]) -> RequestError:
    """Return what is wrong with corrections that are none; they are kept all the same."""
    told = (f"Row {each.record.row}: {each.reason.text}" for each in rows[:_TOLD] if each.reason)
    words = f"Not tested. {' '.join(told)}"
    if len(rows) > _TOLD:
        words += f" And {len(rows) - _TOLD} more rows below."
    numbers = [each.record.row for each in rows]
    return RequestError(422, "invalid_field", words, details={"rows": numbers})


def _start(import_id: str, *, workspace_id: str) -> None:
    _unless_broken(lambda: current_state().jobs.start(import_id, workspace_id=workspace_id))


def _unless_broken(work: Callable[[], None]) -> None:
    try:
        work()
    except ImportInterrupted as fault:
        # Its page says how far it came.
        logger.error("%s", fault)


def _steered(workspace_id: str, import_id: str, work: Callable[..., None]) -> Answer:
    """Do what a button asks for; lead to the import's page, which says what came of it."""
    summary_of(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if request.method != "POST":
        return redirect(address, 303)
    fault: RequestError | None = None
    try:
        confirmed()
        work(import_id, workspace_id=workspace_id)
    except RequestError as refused:
        fault = refused
    except (TooManyRunning, TooManyRefusedLogins) as limit:
        # A second press of the button may have found no place because of the first.
        if summary_of(workspace_id, import_id).status not in UNDER_WAY:
            fault = too_many(limit)
    except NotRetryable as wrong:
        fault = RequestError(422, "invalid_field", str(wrong))
    except ImportNotRunnable:
        pass  # it is under way: its page shows it
    if fault is not None:
        return import_page(workspace_id, import_id, fault)
    return redirect(address, 303)
