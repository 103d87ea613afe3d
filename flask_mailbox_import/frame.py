"""What every page shares: whose workspace it is for, the headers, the layout; no page itself."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from flask import Blueprint, Response, abort, make_response, render_template, request
from flask_wtf import FlaskForm
from jinja2 import Template
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse
from wtforms import HiddenField

from .api import is_api
from .config import DEFAULT_BASE_TEMPLATE
from .errors import HookError, ImportNotFound, RequestError
from .forms import ConfirmForm, sent
from .labels import check_workspace_id
from .providers import HELP_PAGES
from .state import NAME, current_state
from .texts import language, translated, translated_plural

logger = logging.getLogger("flask_mailbox_import")

#: Our own layout needs nothing from elsewhere; a host's layout has the host's own policy.
_CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"

# Longest first, or one that begins another would cut it.
_LINKS = re.compile(
    f"({'|'.join(re.escape(each) for each in sorted(HELP_PAGES, key=len, reverse=True))})"
)

Answer: TypeAlias = "str | BaseResponse | tuple[str, int, Mapping[str, str]]"


def page(view: Callable[..., Answer]) -> Callable[..., BaseResponse]:
    """Ask the host whose workspace it is, and set the policy of our pages on the answer."""

    @functools.wraps(view)
    def wrapped(**values: str) -> BaseResponse:
        workspace = _workspace()
        current_state().importer.erase_expired()
        if not isinstance(workspace, str):
            return workspace
        try:
            answer = view(workspace, **values)
        except ImportNotFound:
            answer = render("gone.html", RequestError(404, "not_found", GONE))
        return _with_policy(make_response(answer))

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


def register(blueprint: Blueprint) -> None:
    """Set the headers of every answer of a page, those of the host's error handlers too."""
    blueprint.after_request(_hardened)


def _hardened(response: Response) -> Response:
    if request.endpoint == f"{NAME}.static" or is_api(request.endpoint):
        return response
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    # For a host's own layout, whose policy may not say it; in browsers, frame-ancestors goes first.
    response.headers["X-Frame-Options"] = "DENY"
    return response


def _with_policy(response: Response) -> Response:
    if current_state().config.base_template == DEFAULT_BASE_TEMPLATE:
        response.headers.setdefault("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
    return response


def linked(hint: str) -> Markup:
    """Return a hint with its links to providers' help pages; no other address becomes a link."""
    parts = _LINKS.split(hint)
    link = Markup('<a class="mbi-link" href="{0}" rel="noopener noreferrer">{0}</a>')
    return Markup().join(
        link.format(each) if number % 2 else each for number, each in enumerate(parts)
    )


GONE = "This import is not here. It may have been removed."
SESSION_ENDED = "Your session ended: try again."


def confirmed() -> FlaskForm:
    """Return the form of a button, if it was really the user who pressed it.

    :raises RequestError: 400 ``csrf``: what to do.
    """
    form = sent(ConfirmForm)
    if not form.validate():
        raise RequestError(400, "csrf", SESSION_ENDED)
    return form


def token(form: FlaskForm) -> Markup:
    """Return the hidden fields of a form, without ids: a page may have many forms."""
    fields = (field(id=False) for field in form if isinstance(field, HiddenField))
    return Markup().join(fields)


def render(name: str, fault: RequestError | None = None, **values: Any) -> Answer:
    """Render one of our templates, and what is wrong, inside the host's layout or our own."""
    config = current_state().config
    values = {
        "mbi_error_text": fault.message if fault else None,
        "mbi_form": ConfirmForm(formdata=None),
        "base_template": config.base_template,
        "mbi_limits": config,
        "mbi_linked": linked,
        "mbi_token": token,
        "mbi_t": translated,
        "mbi_n": translated_plural,
        "mbi_lang": language(),
        **values,
    }
    # A host's own page of the same name goes first; it can extend ours.
    names: list[str | Template] = [f"mailbox_import/{name}", f"mailbox_import/pages/{name}"]
    text = render_template(names, **values)
    return (text, fault.status, fault.headers) if fault else text
