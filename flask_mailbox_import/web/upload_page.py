"""The upload page: a file and its options, and the faults of a file."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import IO

from flask import Blueprint, Request, redirect, request, url_for
from flask_wtf import FlaskForm
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from ..core.errors import file_too_large
from ..core.rows import COLUMNS
from ..core.words import say
from ..engine.state import current_state
from ..reading.pasted import pasted_file
from ..reading.template import template as template_bytes
from ..reading.workbook import can_read_workbooks
from .errors import REFUSED_ON_PAGE, RequestError, refusal_of, too_large
from .forms import UploadForm, is_dry_run, read_options, sent
from .rendering import SESSION_ENDED, Answer, page_view, render
from .responses import csv_file
from .uploads import uploaded_file

#: The field of rows that were pasted.
PASTED = "pasted"
_NOT_BOTH = say("Choose a file or paste rows, not both.")
_EXAMPLE = {"email": "ann@example.com", "password": "her password", "smtphost": "smtp.example.com"}


def register(blueprint: Blueprint) -> None:
    """Add the pages to the blueprint."""
    address = "/mailboxes/import"
    blueprint.add_url_rule(address, endpoint="upload", view_func=upload, methods=["GET", "POST"])
    blueprint.add_url_rule(f"{address}/template.csv", endpoint="template", view_func=template)


@page_view
def upload(workspace_id: str) -> Answer:
    """``GET`` and ``POST /mailboxes/import``: choose a file; a good one leads to its check page."""
    if request.method != "POST":
        return upload_form()
    form: FlaskForm | None = None
    try:
        form = sent(UploadForm)
        import_id = _stage(form, workspace_id)
    except RequestEntityTooLarge:
        return upload_form(too_large(request, current_state().config.max_file_size))
    except REFUSED_ON_PAGE as wrong:
        return upload_form(refusal_of(wrong, on_page=True), form)
    address = url_for("mailbox_import.check", import_id=import_id)
    question = current_state().importer.question(import_id, workspace_id=workspace_id)
    if question is not None and question.wanted:
        # Show the page again, as for any fault of a file, but with the question.
        details = {"field": f"column-{question.wanted[0]}"}
        fault = RequestError(422, "missing_column", question.message, details)
        return upload_form(fault, form, question=question, address=address)
    return redirect(address, 303)


def _stage(form: FlaskForm, workspace_id: str) -> str:
    """Keep the uploaded file for its check page."""
    if not form.validate():
        raise RequestError(400, "csrf", SESSION_ENDED)
    beside = {form.meta.csrf_field_name, PASTED}
    options = read_options(request, workspace_id, beside=beside)
    if is_dry_run(request):
        raise RequestError(400, "invalid_field", say("The field 'dryRun' is for the JSON call."))
    # A browser does not send a box that is not ticked.
    options = replace(options, test_imap=bool(options.test_imap))
    importer = current_state().importer
    if request.form.get(PASTED, "").strip():
        return importer.stage_file(_pasted(request), options, ask=True)
    file = uploaded_file(request)
    return importer.stage_file(file.stream, replace(options, file_name=file.filename), ask=True)


def _pasted(request: Request) -> IO[bytes]:
    """Return the rows that were pasted, as a file.

    :raises RequestError: a file was sent, too, or they are too many.
    """
    if any(each.filename for each in request.files.getlist("file")):
        raise RequestError(400, "invalid_field", _NOT_BOTH, {"field": PASTED})
    data, limit = pasted_file(request.form[PASTED]), current_state().config.max_file_size
    if len(data) > limit:
        fault = file_too_large(limit)
        raise RequestError(413, fault.reason, fault.message, {"field": PASTED})
    return io.BytesIO(data)


def upload_form(
    fault: RequestError | None = None, form: FlaskForm | None = None, **values: object
) -> Answer:
    """Return the upload page, with a fault if there is one; ``form`` is the form that was sent."""
    return render(
        "upload.html",
        fault,
        workbooks=can_read_workbooks(),
        # Without the form data of this request, which may be unreadable.
        form=form or UploadForm(formdata=None, testImap=current_state().config.test_imap),
        error_at=fault.details.get("field", "file" if fault.status == 413 else "") if fault else "",
        columns=(*COLUMNS, *(each.title for each in current_state().models.host_columns)),
        example=_EXAMPLE,
        **{"question": None, "chosen": {}, **values},
    )


@page_view
def template(_workspace_id: str) -> BaseResponse:
    """``GET /mailboxes/import/template.csv``: our columns, and an example row."""
    return csv_file(template_bytes(current_state().models.host_columns), "mailboxes.csv")
