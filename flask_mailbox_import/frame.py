"""What every page shares: whose workspace it is for, the headers, the layout; no page itself."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from flask import Response, abort, make_response, render_template
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from .config import DEFAULT_BASE_TEMPLATE
from .errors import HookError
from .labels import check_workspace_id
from .providers import HELP_PAGES
from .state import current_state

logger = logging.getLogger("flask_mailbox_import")

#: Our own layout needs nothing from elsewhere; a host's layout has the host's own policy.
_CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'self'"

# Longest first, or one that begins another would cut it.
_LINKS = re.compile(
    f"({'|'.join(re.escape(each) for each in sorted(HELP_PAGES, key=len, reverse=True))})"
)

Answer: TypeAlias = "str | BaseResponse | tuple[str, int]"


def page(view: Callable[..., Answer]) -> Callable[..., BaseResponse]:
    """Ask the host whose workspace it is, and set the headers of our pages on the answer."""

    @functools.wraps(view)
    def wrapped(**values: str) -> BaseResponse:
        workspace = _workspace()
        current_state().importer.erase_expired()
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


def linked(hint: str) -> Markup:
    """Return a hint with its links to providers' help pages; no other address becomes a link."""
    parts = _LINKS.split(hint)
    link = Markup('<a class="mbi-link" href="{0}" rel="noopener noreferrer">{0}</a>')
    return Markup().join(
        link.format(each) if number % 2 else each for number, each in enumerate(parts)
    )


def render(name: str, **values: Any) -> str:
    """Render one of our templates inside the host's layout, or inside our own."""
    config = current_state().config
    values = {
        "error": None,
        "base_template": config.base_template,
        "limits": config,
        "linked": linked,
        **values,
    }
    return render_template(f"mailbox_import/{name}", **values)
