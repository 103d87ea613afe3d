"""The form of an import's failed rows: keeps what was typed, and does what its buttons say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from flask import Blueprint, redirect, request, session, url_for

from ..core.errors import ImportNotRunnable, NotRetryable, TryLater, WrongCorrection
from ..core.remedies import FailedCause
from ..core.rows import CheckedRow
from ..core.secret import Secret
from ..core.words import say, together
from ..engine.state import current_state
from .corrections import field_id, is_row, kept_rows, read_typed, rows_in
from .errors import REFUSED_ON_PAGE, RequestError, refusal_of
from .failed_rows import retry_file
from .rendering import Answer, confirmed, page_view
from .result_page import SAVED, import_page
from .steering import UNDER_WAY, find_summary, keep_refusal, start, unless_broken

_UNCHANGED = say(
    "No row that failed is changed: open one below, type what is right, and test it again."
)
#: How many wrong corrections are named above the page; every one stands at its row, too.
_TOLD = 3


def register(blueprint: Blueprint) -> None:
    """Add the buttons. Their addresses, opened by GET, redirect to the import's page."""
    one = "/mailboxes/import/<import_id>"
    for rule, endpoint, view in (
        (f"{one}/retry", "retry", retry),
        (f"{one}/test-pending", "test_pending", test_pending),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=["GET", "POST"])


@page_view
def retry(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/retry``: keep what was typed; test failed rows again, corrected or not."""
    find_summary(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if request.method != "POST":
        return redirect(address, 303)
    try:
        form = confirmed()
        if not _has_file():
            _keep_typed(workspace_id, import_id)
    except REFUSED_ON_PAGE as fault:
        return import_page(workspace_id, import_id, refusal_of(fault, on_page=True))
    try:
        if _has_file():
            beside = {form.meta.csrf_field_name}
            _test(lambda: retry_file(request, import_id, workspace_id, beside=beside))
        else:
            address = _pressed(workspace_id, import_id) or address
    except ImportNotRunnable:
        pass  # it runs, as its page shows
    except REFUSED_ON_PAGE as fault:
        # A second press of the button may find no place because of the first one.
        no_place = isinstance(fault, TryLater)
        if not no_place or find_summary(workspace_id, import_id).status not in UNDER_WAY:
            address = _refused_at(import_id, fault)
    return redirect(address, 303)


def _has_file() -> bool:
    """Tell whether the form has a file of failed rows, corrected."""
    return "file" in request.files


def _keep_typed(workspace_id: str, import_id: str) -> None:
    """Seal what was typed, whatever was pressed."""
    # No variable holds the form: it would be in the traceback of a fault.
    mending = current_state().mending
    beginnings = {name.partition(".")[0] for name in request.form if "." in name}
    ids = {each: 0 for each in beginnings if each.startswith("c")}
    causes: list[FailedCause] = []
    if ids:
        causes, _ = mending.causes(import_id, workspace_id=workspace_id, limit=0, after=ids)
    kept = kept_rows(workspace_id, import_id, rows_in(request.form))
    typed = read_typed(request.form, causes, kept, current_state().models.host_columns)
    mending.keep_typed(import_id, typed, workspace_id=workspace_id)


def _pressed(workspace_id: str, import_id: str) -> str:
    """Do what a button of the form says; return the address to go to, "" for the import's."""
    page = partial(url_for, "mailbox_import.result", import_id=import_id)
    row, save = request.form.get("correct", ""), request.form.get("save")
    if is_row(row):
        return page(row=row, _anchor=f"row-{row}")
    if save is not None:
        session[SAVED] = import_id
        cause, _, after = save.partition(":")
        return page(cause=cause, after=after, _anchor=cause) if cause else ""
    _test(lambda: _tested(workspace_id, import_id))
    return ""


def _test(work: Callable[[], list[CheckedRow]]) -> None:
    """Start a test.

    :param work: starts it, and returns the rows that are not tested.
    :raises RequestError: there are such rows.
    """
    refused: list[CheckedRow] = []
    unless_broken(lambda: refused.extend(work()))
    if refused:
        raise _not_tested(refused)


def _tested(workspace_id: str, import_id: str) -> list[CheckedRow]:
    """Test the rows that a button stands for; return those that are not tested."""
    state = current_state()
    mine = partial(state.mending.test_cause, import_id, workspace_id=workspace_id)
    for name in ("test", "meant", "changed"):
        if cause_id := request.form.get(name, ""):
            values = _values_of(workspace_id, import_id, cause_id, with_meant=name == "meant")
            return mine(cause_id, values, only_changed=name == "changed")
    if request.form.get("what") == "retryable":
        return state.importer.retry(import_id, workspace_id=workspace_id)
    typed = state.mending.typed(import_id, workspace_id=workspace_id)
    ticked = {int(each) for each in request.form.getlist("rows") if is_row(each)}
    own = {name.partition(".")[0] for name in typed}
    changed = {each for each in rows_in(request.form) if str(each) in own}
    if not ticked | changed:
        raise NotRetryable(_UNCHANGED)
    return state.mending.test_rows(import_id, sorted(ticked | changed), workspace_id=workspace_id)


def _values_of(
    workspace_id: str, import_id: str, cause_id: str, *, with_meant: bool
) -> dict[str, str | Secret]:
    """Return the values that were typed for all rows of a cause.

    :param with_meant: the server that was surely meant is taken in place of what was typed.
    """
    mending = current_state().mending
    typed = mending.typed(import_id, workspace_id=workspace_id)
    prefix = f"{cause_id}."
    values: dict[str, str | Secret] = {
        name.removeprefix(prefix): each for name, each in typed.items() if name.startswith(prefix)
    }
    if with_meant:
        causes, _ = mending.causes(
            import_id, workspace_id=workspace_id, limit=0, after={cause_id: 0}
        )
        for each in causes:
            values["smtphost"] = each.meant or values.get("smtphost", "")
    return values


def _not_tested(rows: Sequence[CheckedRow]) -> RequestError:
    """Return the refusal that names rows that cannot be tested as they are corrected."""
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
    return RequestError(422, "invalid_field", words)


def _refused_at(import_id: str, fault: Exception) -> str:
    """Keep what is refused for the next request; return the address of the field that is wrong."""
    field, row = "file" if _has_file() else "", None
    if isinstance(fault, WrongCorrection):
        field, row = _field_of(fault)
    keep_refusal(import_id, refusal_of(fault, on_page=True), field)
    place = field_id(field) or None
    return url_for("mailbox_import.result", import_id=import_id, row=row, _anchor=place)


def _field_of(fault: WrongCorrection) -> tuple[str, int | None]:
    """Return the name of the field that is wrong, and the row that is to be opened for it."""
    for name in ("test", "meant", "changed"):
        whole = f"{request.form.get(name, '')}.{fault.column}"
        if whole in request.form:
            return whole, None
    return f"{fault.row}.{fault.column}", fault.row


@page_view
def test_pending(workspace_id: str, import_id: str) -> Answer:
    """``POST .../ID/test-pending``: test the mailboxes of an import that are pending."""
    find_summary(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if request.method != "POST":
        return redirect(address, 303)
    importer = current_state().importer
    try:
        confirmed()
        found = importer.stage_pending(workspace_id=workspace_id, of_import=import_id)
        start(found, workspace_id=workspace_id)
    except REFUSED_ON_PAGE as fault:
        return import_page(workspace_id, import_id, refusal_of(fault, on_page=True))
    return redirect(url_for("mailbox_import.result", import_id=found), 303)
