"""Makes the blueprint: the routes of the API and the pages, headers, error handlers."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, TooManyRequests
from werkzeug.wrappers import Response as BaseResponse

from ..engine.state import NAME, current_state
from . import api, check_page, history_page, mending_form, result_page, upload_page
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
    for module in (api, upload_page, check_page, result_page, mending_form, history_page):
        module.register(blueprint)
    blueprint.after_request(_hardened)
    blueprint.after_request(_as_json)
    # A host's CSRFProtect may read the form before our view does.
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)
    blueprint.register_error_handler(CSRFError, _csrf_failed)
    return blueprint


def _hardened(response: Response) -> Response:
    """Set the security headers of a page, and of an answer of the host's error handlers."""
    if request.endpoint == f"{NAME}.static" or is_api(request.endpoint):
        return response
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    # The host's own policy may allow frames. Where it has a rule for them, this header is ignored.
    response.headers["X-Frame-Options"] = "DENY"
    return response


def _as_json(response: Response) -> Response:
    """Answer a call of the API in JSON where a limit of the host's ends it (Flask-Limiter).

    Its headers stay, such as ``Retry-After``.
    """
    is_page = response.status_code == TooManyRequests.code and not response.is_json
    if not is_page or not is_api(request.endpoint):
        return response
    made = refused(TooManyRequests())
    for name, value in response.headers:
        if name.lower() not in ("content-type", "content-length"):
            made.headers[name] = value
    return made


def _too_large(fault: RequestEntityTooLarge) -> BaseResponse:
    """Answer a request whose form is too large, where a host's hook read it before our view."""
    limit = current_state().config.max_file_size
    return refused(fault) if is_api(request.endpoint) else _refused(too_large(request, limit))


def _csrf_failed(_fault: CSRFError) -> BaseResponse:
    """Answer a form that the host's CSRFProtect refused."""
    return _refused(RequestError(400, "csrf", SESSION_ENDED))


def _refused(fault: RequestError) -> BaseResponse:
    @page_view
    def answer(workspace_id: str, import_id: str = "") -> Answer:
        if not import_id:
            return upload_page.upload_form(fault)
        return result_page.import_page(workspace_id, import_id, fault)

    try:
        return answer(**(request.view_args or {}))
    except HTTPException as aborted:
        # Flask does not handle what an error handler raises: pass it to the host's handlers.
        return make_response(current_app.handle_http_exception(aborted))
