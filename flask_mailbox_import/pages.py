"""The HTML face: upload, check and result pages; reads the request, calls the importer, renders."""

from __future__ import annotations

import logging

from flask import (
    Blueprint,
    abort,
    current_app,
    make_response,
    redirect,
    request,
    url_for,
)
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from .answers import refused
from .api import is_api
from .errors import (
    FileError,
    ImportInterrupted,
    ImportNotFound,
    ImportNotRunnable,
    RequestError,
    RunLost,
    TooManyRefusedLogins,
    TooManyRunning,
    too_many,
)
from .fields import read_fields, read_file, read_mapping, too_large
from .forms import ConfirmForm, UploadForm, sent
from .frame import Answer, page, render
from .names import COLUMNS, REQUIRED
from .records import ImportStatus
from .resources import csv_file
from .results import Summary
from .state import current_state
from .template import template as template_bytes
from .workbook import can_read_workbooks

logger = logging.getLogger("flask_mailbox_import")

_SESSION_ENDED = "Your session ended: try again."
#: Encodings that are shown at once; the others are a click away.
_CHOICES_SHOWN = 5
_EXAMPLE = ("ann@example.com", "her password", "smtp.example.com", "imap.example.com")


def register(blueprint: Blueprint) -> None:
    """Add the pages to the blueprint."""
    for rule, endpoint, view, methods in (
        ("/mailboxes/import", "upload", upload, ["GET", "POST"]),
        ("/mailboxes/import/template.csv", "template", template, ["GET"]),
        ("/mailboxes/import/<import_id>/check", "check", check, ["GET", "POST"]),
        ("/mailboxes/import/<import_id>", "result", result, ["GET"]),
        ("/mailboxes/import/<import_id>/report.csv", "report", report, ["GET"]),
    ):
        blueprint.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=methods)
    # A host's CSRFProtect reads the form before our view does.
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)
    blueprint.register_error_handler(CSRFError, _csrf_failed)


@page
def upload(workspace_id: str) -> Answer:
    """``GET`` and ``POST /mailboxes/import``: choose a file; a good one leads to its check page."""
    if request.method != "POST":
        return _upload_page()
    form: FlaskForm | None = None
    try:
        form = sent(UploadForm)
        import_id = _stage(form, workspace_id)
    except RequestEntityTooLarge:
        return _upload_page(too_large(request, current_state().config.max_file_size))
    except RequestError as fault:
        return _upload_page(fault, form)
    return redirect(url_for("mailbox_import.check", import_id=import_id), 303)


def _stage(form: FlaskForm, workspace_id: str) -> str:
    """Keep the uploaded file for its check page.

    :raises RequestError: what is wrong, in words for the page.
    """
    if not form.validate():
        raise RequestError(400, "csrf", _SESSION_ENDED)
    try:
        fields = read_fields(request, beside={form.meta.csrf_field_name})
        if fields.dry_run:
            raise RequestError(422, "invalid_field", "The field 'dryRun' is for the JSON call.")
        return current_state().importer.stage_file(
            read_file(request).stream,
            workspace_id=workspace_id,
            tag=fields.tag,
            skip_connection_test=fields.skip_connection_test,
            # A box without a tick is not sent at all.
            test_imap=bool(fields.test_imap),
            encoding=fields.encoding,
            column_mapping=fields.column_mapping,
            ask=True,
        )
    except FileError as fault:
        status = 413 if fault.reason == "file_too_large" else 422
        raise _at("file", status, fault.reason, fault.message) from None
    except TooManyRefusedLogins as fault:
        raise too_many(fault) from None
    except RequestError as fault:
        if fault.reason == "no_file":
            raise _at("file", 422, "no_file", "Select the file with your mailboxes.") from None
        raise _at(fault.details.get("field"), 422, fault.reason, fault.message) from None


def _at(field: object, status: int, reason: str, message: str) -> RequestError:
    return RequestError(status, reason, message, details={"field": field})


def _upload_page(fault: RequestError | None = None, form: FlaskForm | None = None) -> Answer:
    return render(
        "upload.html",
        fault,
        workbooks=can_read_workbooks(),
        # Without form data: what was sent may be what cannot be read.
        form=form or UploadForm(formdata=None, testImap=current_state().config.test_imap),
        error_at=fault.details.get("field", "file" if fault.status == 413 else "") if fault else "",
        columns=COLUMNS,
        required=REQUIRED,
        example=_EXAMPLE,
    )


def _too_large(fault: RequestEntityTooLarge) -> BaseResponse:
    """Answer where a host's hook read the form before our view did."""
    limit = current_state().config.max_file_size
    return refused(fault) if is_api(request.endpoint) else _refused(too_large(request, limit))


def _csrf_failed(_fault: CSRFError) -> BaseResponse:
    """Answer where the host's CSRFProtect refused a form of ours."""
    return _refused(RequestError(400, "csrf", _SESSION_ENDED))


def _refused(fault: RequestError) -> BaseResponse:
    @page
    def answer(workspace_id: str, import_id: str = "") -> Answer:
        if not import_id:
            return _upload_page(fault)
        return _check_page(_summary(workspace_id, import_id), fault)

    try:
        return answer(**(request.view_args or {}))
    except HTTPException as aborted:
        # Nobody else handles what an error handler raises: let the host's handlers see it.
        return make_response(current_app.handle_http_exception(aborted))


@page
def template(_workspace_id: str) -> BaseResponse:
    """``GET /mailboxes/import/template.csv``: the columns, and an example row."""
    return csv_file(template_bytes(), "mailboxes.csv")


@page
def report(workspace_id: str, import_id: str) -> BaseResponse:
    """``GET /mailboxes/import/ID/report.csv``: what came of each row, for a spreadsheet."""
    try:
        data = current_state().importer.report(import_id, workspace_id=workspace_id)
    except ImportNotFound:
        abort(404)
    return csv_file(data, "report.csv")


@page
def check(workspace_id: str, import_id: str) -> Answer:
    """``GET`` and ``POST .../ID/check``: what is in the file, and the button that imports it."""
    summary = _summary(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if summary.status is not ImportStatus.CHECKED:
        return redirect(address, 303)
    if summary.asks:
        return _ask(workspace_id, import_id)
    if request.method != "POST" or not summary.rows:
        return _check_page(summary)
    if "encoding" in request.form:
        # The answer to a question that is answered already, from another tab.
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    try:
        _run(workspace_id, import_id)
    except RequestError as fault:
        now = _summary(workspace_id, import_id)
        # A second press of the button may have found no place because of the first.
        if now.status is ImportStatus.CHECKED:
            return _check_page(now, fault)
    return redirect(address, 303)


def _ask(workspace_id: str, import_id: str) -> Answer:
    """Ask how a file is to be read; the answer leads to its check page."""
    importer = current_state().importer
    again = redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    fault = None
    if request.method == "POST":
        try:
            if not sent(ConfirmForm).validate():
                raise RequestError(400, "csrf", _SESSION_ENDED)
            encoding, mapping = request.form.get("encoding"), read_mapping(request)
            if not encoding and not mapping:
                raise RequestError(422, "invalid_field", "Choose the line that looks right.")
            importer.read_as(import_id, encoding, mapping, workspace_id=workspace_id)
            return again
        except ValueError:
            fault = RequestError(422, "invalid_field", "Choose the line that looks right.")
        except FileError as found:
            fault = RequestError(422, found.reason, found.message)
        except RequestError as found:
            fault = found
    question = importer.question(import_id, workspace_id=workspace_id)
    if question is None:
        return again
    return render(
        "encoding.html" if question.encodings else "columns.html",
        fault,
        form=ConfirmForm(formdata=None),
        question=question,
        choices=question.encodings,
        shown=_CHOICES_SHOWN,
    )


def _check_page(summary: Summary, fault: RequestError | None = None) -> Answer:
    return render("check.html", fault, form=ConfirmForm(formdata=None), summary=summary)


def _run(workspace_id: str, import_id: str) -> None:
    if not sent(ConfirmForm).validate():
        raise RequestError(400, "csrf", _SESSION_ENDED)
    try:
        current_state().importer.continue_import(import_id, workspace_id=workspace_id)
    except (TooManyRunning, TooManyRefusedLogins) as fault:
        raise too_many(fault) from None
    except ImportInterrupted as fault:
        # Its page says how far it came.
        logger.error("%s", fault)
    except (ImportNotRunnable, RunLost):
        pass  # the first press of the button, or somebody else, runs it


@page
def result(workspace_id: str, import_id: str) -> Answer:
    """``GET /mailboxes/import/ID``: what came of the import."""
    summary = _summary(workspace_id, import_id)
    if summary.status is ImportStatus.CHECKED:
        return redirect(url_for("mailbox_import.check", import_id=import_id), 303)
    return render("result.html", summary=summary)


def _summary(workspace_id: str, import_id: str) -> Summary:
    try:
        return current_state().importer.summary(import_id, workspace_id=workspace_id)
    except ImportNotFound:
        abort(404)
