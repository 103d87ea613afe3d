"""The upload page, and the answers to forms that nobody could read; imports have pages apart."""

from __future__ import annotations

import logging

from flask import (
    Blueprint,
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
    RequestError,
    TooManyRefusedLogins,
    too_many,
)
from .fields import read_fields, read_file, too_large
from .forms import UploadForm, sent
from .frame import SESSION_ENDED, Answer, page, render
from .import_pages import import_page
from .names import COLUMNS, REQUIRED
from .resources import csv_file
from .state import current_state
from .template import template as template_bytes
from .workbook import can_read_workbooks

logger = logging.getLogger("flask_mailbox_import")

_EXAMPLE = ("ann@example.com", "her password", "smtp.example.com", "imap.example.com")


def register(blueprint: Blueprint) -> None:
    """Add the pages to the blueprint."""
    address = "/mailboxes/import"
    blueprint.add_url_rule(address, endpoint="upload", view_func=upload, methods=["GET", "POST"])
    blueprint.add_url_rule(f"{address}/template.csv", endpoint="template", view_func=template)
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
    except RequestError as wrong:
        return _upload_page(wrong, form)
    address = url_for("mailbox_import.check", import_id=import_id)
    question = current_state().importer.question(import_id, workspace_id=workspace_id)
    if question is not None and question.wanted:
        # The page again, as for any fault of a file; but here somebody can say what is meant.
        fault = _at(f"column-{question.wanted[0]}", 422, "missing_column", question.message)
        return _upload_page(fault, form, question=question, address=address)
    return redirect(address, 303)


def _stage(form: FlaskForm, workspace_id: str) -> str:
    """Keep the uploaded file for its check page.

    :raises RequestError: what is wrong, in words for the page.
    """
    if not form.validate():
        raise RequestError(400, "csrf", SESSION_ENDED)
    try:
        fields = read_fields(request, beside={form.meta.csrf_field_name})
        if fields.dry_run:
            raise RequestError(422, "invalid_field", "The field 'dryRun' is for the JSON call.")
        file = read_file(request)
        return current_state().importer.stage_file(
            file.stream,
            workspace_id=workspace_id,
            tag=fields.tag,
            skip_connection_test=fields.skip_connection_test,
            # A box without a tick is not sent at all.
            test_imap=bool(fields.test_imap),
            encoding=fields.encoding,
            column_mapping=fields.column_mapping,
            updates=fields.updates,
            file_name=file.filename,
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


def _upload_page(
    fault: RequestError | None = None, form: FlaskForm | None = None, **values: object
) -> Answer:
    return render(
        "upload.html",
        fault,
        workbooks=can_read_workbooks(),
        # Without form data: what was sent may be what cannot be read.
        mbi_form=form or UploadForm(formdata=None, testImap=current_state().config.test_imap),
        error_at=fault.details.get("field", "file" if fault.status == 413 else "") if fault else "",
        columns=COLUMNS,
        required=REQUIRED,
        example=_EXAMPLE,
        **{"question": None, "chosen": {}, **values},
    )


def _too_large(fault: RequestEntityTooLarge) -> BaseResponse:
    """Answer where a host's hook read the form before our view did."""
    limit = current_state().config.max_file_size
    return refused(fault) if is_api(request.endpoint) else _refused(too_large(request, limit))


def _csrf_failed(_fault: CSRFError) -> BaseResponse:
    """Answer where the host's CSRFProtect refused a form of ours."""
    return _refused(RequestError(400, "csrf", SESSION_ENDED))


def _refused(fault: RequestError) -> BaseResponse:
    @page
    def answer(workspace_id: str, import_id: str = "") -> Answer:
        if not import_id:
            return _upload_page(fault)
        return import_page(workspace_id, import_id, fault)

    try:
        return answer(**(request.view_args or {}))
    except HTTPException as aborted:
        # Nobody else handles what an error handler raises: let the host's handlers see it.
        return make_response(current_app.handle_http_exception(aborted))


@page
def template(_workspace_id: str) -> BaseResponse:
    """``GET /mailboxes/import/template.csv``: the columns, and an example row."""
    return csv_file(template_bytes(), "mailboxes.csv")
