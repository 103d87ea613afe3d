"""Joins the routes of the API and the pages in one blueprint, with headers and error pages."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from ..engine.state import NAME, current_state
from . import api, import_page, upload_page
from .errors import RequestError, too_large
from .rendering import SESSION_ENDED, Answer, page_view
from .responses import refused
from .uploads import is_api, limit_first


def new_blueprint(url_prefix: str) -> Blueprint:
    """Return the blueprint ``mailbox_import`` with all routes of the API and the pages.

    :param url_prefix: the path before every route, without a slash at its end; "" for none.
    """
    blueprint = Blueprint(
        NAME,
        __name__,
        url_prefix=url_prefix or None,
        template_folder="templates",
        static_folder="static/mailbox_import",
        static_url_path="/mailboxes/import/static",
    )
    blueprint.record_once(limit_first)
    for module in (api, import_page, upload_page):
        module.register(blueprint)
    blueprint.after_request(_hardened)
    # A host's CSRFProtect reads the form before our view does.
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)
    blueprint.register_error_handler(CSRFError, _csrf_failed)
    return blueprint


def _hardened(response: Response) -> Response:
    """Set the headers of every answer of a page, those of the host's error handlers too."""
    if request.endpoint == f"{NAME}.static" or is_api(request.endpoint):
        return response
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    # A host's own policy may leave frames out. Browsers heed frame-ancestors before this header.
    response.headers["X-Frame-Options"] = "DENY"
    return response


def _too_large(fault: RequestEntityTooLarge) -> BaseResponse:
    """Answer where a host's hook read the form before our view did."""
    limit = current_state().config.max_file_size
    return refused(fault) if is_api(request.endpoint) else _refused(too_large(request, limit))


def _csrf_failed(_fault: CSRFError) -> BaseResponse:
    """Answer where the host's CSRFProtect refused a form of ours."""
    return _refused(RequestError(400, "csrf", SESSION_ENDED))


def _refused(fault: RequestError) -> BaseResponse:
    @page_view
    def answer(workspace_id: str, import_id: str = "") -> Answer:
        if not import_id:
            return upload_page.upload_form(fault)
        return import_page.import_page(workspace_id, import_id, fault)

    try:
        return answer(**(request.view_args or {}))
    except HTTPException as aborted:
        # Nobody else handles what an error handler raises: let the host's handlers see it.
        return make_response(current_app.handle_http_exception(aborted))
