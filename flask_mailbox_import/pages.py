"""The HTML face: upload, check and result pages; reads the request, calls the importer, renders."""

from __future__ import annotations

import csv
import functools
import io
import logging
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from .columns import COLUMNS, REQUIRED
from .config import DEFAULT_BASE_TEMPLATE
from .errors import (
    FileError,
    HookError,
    ImportNotFound,
    ImportNotRunnable,
    RequestError,
    TooManyRefusedLogins,
    TooManyRunning,
)
from .forms import ConfirmForm, UploadForm
from .labels import check_workspace_id
from .records import ImportStatus, Summary
from .state import current_state

logger = logging.getLogger("flask_mailbox_import")

_EXAMPLE = ("ann@example.com", "her password", "smtp.example.com", "imap.example.com")
#: Our own layout needs nothing from elsewhere; a host's layout has the host's own policy.
_CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'self'"

View = Callable[..., "str | BaseResponse | tuple[str, int]"]


def register(blueprint: Blueprint) -> None:
    """Add the pages to the blueprint."""
    for rule, endpoint, view, methods in (
        ("/mailboxes/import", "upload", upload, ["GET", "POST"]),
        ("/mailboxes/import/template.csv", "template", template, ["GET"]),
        ("/mailboxes/import/<import_id>/check", "check", check, ["GET", "POST"]),
        ("/mailboxes/import/<import_id>", "result", result, ["GET"]),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=methods)
    # A host's CSRFProtect reads the form before our view does.
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)


def _page(view: View) -> Callable[..., BaseResponse]:
    """Ask the host whose workspace it is, and set the headers of our pages on the answer."""

    @functools.wraps(view)
    def wrapped(**values: str) -> BaseResponse:
        workspace = _workspace()
        if isinstance(workspace, str):
            return _with_headers(make_response(view(workspace, **values)))
        return workspace

    return wrapped


def _workspace() -> str | BaseResponse:
    """Return the workspace, or the response that the host's loader gave in its place."""
    loader = current_state().workspace_loader()
    if loader is None:
        logger.error("register whose page it is: @mailbox_import.workspace_loader")
        abort(403)
    found = loader()
    if isinstance(found, BaseResponse):
        return found
    if not found:
        abort(401)
    try:
        return check_workspace_id(found)
    except ValueError as fault:
        raise HookError(f"workspace_loader: {fault}") from None


def _with_headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if current_state().config.base_template == DEFAULT_BASE_TEMPLATE:
        response.headers.setdefault("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
    return response


def _render(name: str, **values: Any) -> str:
    config = current_state().config
    values = {"error": None, "base_template": config.base_template, "limits": config, **values}
    return render_template(f"mailbox_import/{name}", **values)


@_page
def upload(workspace_id: str) -> str | BaseResponse | tuple[str, int]:
    """``GET`` and ``POST /mailboxes/import``: choose a file; a good one leads to its check page."""
    try:
        form = UploadForm()
        submitted = form.is_submitted()
    except RequestEntityTooLarge:
        return _upload_page(_too_large_words(), 413)
    if not submitted:
        return _upload_page(form=form)
    try:
        import_id = _stage(form, workspace_id)
    except RequestError as fault:
        return _upload_page(fault.message, fault.status, form)
    return redirect(url_for("mailbox_import.check", import_id=import_id), 303)


def _stage(form: UploadForm, workspace_id: str) -> str:
    """Keep the uploaded file for its check page.

    :raises RequestError: what is wrong, in words for the page.
    """
    if not form.validate():
        raise RequestError(400, "csrf", "Your session ended before the file was sent: try again.")
    file = form.file.data
    if file is None or not file.filename:
        raise RequestError(422, "no_file", "Select a CSV file with your mailboxes.")
    try:
        return current_state().importer.stage_file(
            file.stream,
            workspace_id=workspace_id,
            tag=form.tag.data,
            skip_connection_test=bool(form.skipConnectionTest.data),
        )
    except FileError as fault:
        status = 413 if fault.reason == "file_too_large" else 422
        raise RequestError(status, fault.reason, fault.message) from None
    except ValueError as fault:
        raise RequestError(422, "invalid_field", f"{fault}: shorten it.".capitalize()) from None
    except TooManyRefusedLogins as fault:
        raise RequestError(429, "too_many_refused_logins", str(fault)) from None


def _upload_page(
    error: str | None = None, status: int = 200, form: UploadForm | None = None
) -> tuple[str, int]:
    # Without form data: what was sent may be what cannot be read.
    form = form or UploadForm(formdata=None)
    page = _render(
        "upload.html", form=form, error=error, columns=COLUMNS, required=REQUIRED, example=_EXAMPLE
    )
    return page, status


def _too_large_words() -> str:
    limit = current_state().config.max_file_size
    return f"The file is larger than {limit} bytes: split it into several files."


def _too_large(_fault: RequestEntityTooLarge) -> BaseResponse:
    return _with_headers(make_response(_upload_page(_too_large_words(), 413)))


@_page
def template(_workspace_id: str) -> BaseResponse:
    """``GET /mailboxes/import/template.csv``: the columns, and no row that could be imported."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow(COLUMNS)
    # With a byte-order mark, or Excel reads it in another encoding than it writes.
    response = Response(text.getvalue().encode("utf-8-sig"), mimetype="text/csv")
    response.headers["Content-Disposition"] = "attachment; filename=mailboxes.csv"
    return response


@_page
def check(workspace_id: str, import_id: str) -> str | BaseResponse | tuple[str, int]:
    """``GET`` and ``POST .../ID/check``: what is in the file, and the button that imports it."""
    summary = _summary(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if summary.status is not ImportStatus.CHECKED:
        return redirect(address, 303)
    form = ConfirmForm()
    if not form.is_submitted():
        return _render("check.html", form=form, summary=summary)
    try:
        _run(form, import_id)
    except RequestError as fault:
        page = _render("check.html", form=form, summary=summary, error=fault.message)
        return page, fault.status
    return redirect(address, 303)


def _run(form: ConfirmForm, import_id: str) -> None:
    if not form.validate():
        raise RequestError(400, "csrf", "Your session ended: press the button again.")
    try:
        current_state().importer.continue_import(import_id)
    except TooManyRunning as fault:
        raise RequestError(429, "too_many_running", str(fault)) from None
    except ImportNotRunnable:
        pass  # a second press of the button: the first one runs it


@_page
def result(workspace_id: str, import_id: str) -> str | BaseResponse:
    """``GET /mailboxes/import/ID``: what came of the import."""
    summary = _summary(workspace_id, import_id)
    if summary.status is ImportStatus.CHECKED:
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    return _render("result.html", summary=summary)


def _summary(workspace_id: str, import_id: str) -> Summary:
    try:
        return current_state().importer.summary(import_id, workspace_id=workspace_id)
    except ImportNotFound:
        abort(404)
