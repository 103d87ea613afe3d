"""Renders templates in the host's layout."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from flask import Response, current_app, make_response, render_template
from flask_wtf import FlaskForm
from jinja2 import Template
from markupsafe import Markup
from werkzeug.exceptions import InternalServerError
from werkzeug.wrappers import Response as BaseResponse
from wtforms import HiddenField

from ..config import DEFAULT_BASE_TEMPLATE
from ..core.errors import ImportNotFound
from ..core.providers import HELP_PAGES
from ..core.words import say
from ..engine.state import current_state
from .auth import page_workspace
from .errors import RequestError, refusal_of
from .forms import ConfirmForm, sent
from .texts import language, translated, translated_plural

#: For our own layout; a page in a host's layout has the host's policy.
_CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"

# The longest first: a link may be the beginning of another.
_LINKS = re.compile(
    f"({'|'.join(re.escape(each) for each in sorted(HELP_PAGES, key=len, reverse=True))})"
)

_NO_KEY = "this app has no SECRET_KEY, which signs its forms and sessions: set it in app.config."

logger = logging.getLogger("flask_mailbox_import")

Answer: TypeAlias = "str | BaseResponse | tuple[str, int, Mapping[str, str]]"


def page_view(view: Callable[..., Answer]) -> Callable[..., BaseResponse]:
    """Decorate the view of a page: pass it the workspace, set the page's security policy."""

    @functools.wraps(view)
    def wrapped(**values: str) -> BaseResponse:
        if not current_app.secret_key:
            logger.error("the pages cannot be shown: %s", _NO_KEY)
            raise InternalServerError(_NO_KEY)
        workspace = page_workspace()
        current_state().importer.erase_expired()
        if not isinstance(workspace, str):
            return workspace
        try:
            answer = view(workspace, **values)
        except ImportNotFound as fault:
            answer = render("gone.html", refusal_of(fault, on_page=True))
        return _with_policy(make_response(answer))

    return wrapped


def _with_policy(response: Response) -> Response:
    if current_state().config.base_template == DEFAULT_BASE_TEMPLATE:
        response.headers.setdefault("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
    return response


def linked(hint: str) -> Markup:
    """Return a hint as HTML. Only links to providers' help pages become links."""
    parts = _LINKS.split(hint)
    link = Markup('<a class="mbi-link" href="{0}" rel="noopener noreferrer">{0}</a>')
    return Markup().join(
        link.format(each) if number % 2 else each for number, each in enumerate(parts)
    )


SESSION_ENDED = say("Your session ended: try again.")


def confirmed() -> FlaskForm:
    """Return the form of a button, if its CSRF token is valid.

    :raises RequestError: 400 ``csrf``.
    """
    form = sent(ConfirmForm)
    if not form.validate():
        raise RequestError(400, "csrf", SESSION_ENDED)
    return form


def token(form: FlaskForm) -> Markup:
    """Return the hidden fields of a form, without ids, because a page may have several forms."""
    fields = (field(id=False) for field in form if isinstance(field, HiddenField))
    return Markup().join(fields)


def render(name: str, fault: RequestError | None = None, **values: Any) -> Answer:
    """Render one of our templates in the host's layout or ours, with a fault if there is one.

    In the template each value's name begins with ``mbi_``: a host's layout has names of its own.
    """
    config = current_state().config
    values = {
        "error_text": fault.message if fault else None,
        "form": ConfirmForm(formdata=None),
        "base_template": config.base_template,
        "limits": config,
        "linked": linked,
        "token": token,
        "t": translated,
        "n": translated_plural,
        "lang": language(),
        **values,
    }
    ours = {f"mbi_{name}": value for name, value in values.items()}
    # A host's own template of this name takes precedence. It can extend ours, in ``pages/``.
    names: list[str | Template] = [f"mailbox_import/{name}", f"mailbox_import/pages/{name}"]
    text = render_template(names, **ours)
    return (text, fault.status, fault.headers) if fault else text
