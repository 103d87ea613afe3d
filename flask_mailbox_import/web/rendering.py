"""Renders templates in the host's layout, with the host's texts and language."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

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
from ..engine.state import current_state
from .auth import page_workspace
from .errors import RequestError, refusal_of
from .forms import ConfirmForm, sent

if TYPE_CHECKING:
    from flask_babel import Domain


#: For our own layout; a page in a host's layout has the host's policy.
_CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"

# The longest first: a link may be the beginning of another.
_LINKS = re.compile(
    f"({'|'.join(re.escape(each) for each in sorted(HELP_PAGES, key=len, reverse=True))})"
)

_NO_KEY = "this app has no SECRET_KEY, with which forms and sessions are signed."

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


SESSION_ENDED = "Your session ended: try again."


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


#: The gettext domain: ``translations/LANGUAGE/LC_MESSAGES/mailbox_import.mo`` of the host.
DOMAIN = "mailbox_import"


def translated(text: str, **values: object) -> str:
    """Return the host's translation of a text, with the values of its ``%(names)s``.

    Sentences about files and rows have their values already. They are found by their patterns.
    """
    found = _known(text)
    if found is None:
        found = text if values or not _is_translated() else _by_sentences(text)
    return found % values if values else found


def translated_plural(one: str, many: str, count: int) -> str:
    """Return the translation of a text for a count, with its ``%(count)s``."""
    one, many, domain = _own(one), _own(many), _domain()
    found = one if count == 1 else many
    if domain is not None:
        found = domain.get_translations().ungettext(one, many, count)
    return found % {"count": count}


def language() -> str:
    """Return the language tag (RFC 5646) of the shown texts."""
    domain, title = _domain(), "Import mailboxes"
    if domain is None or domain.get_translations().ugettext(title) == title:
        return "en"
    from flask_babel import get_locale

    return str(get_locale() or "en").replace("_", "-")


def _known(text: str) -> str | None:
    """Return the host's text for one of ours; None where it has none."""
    own, domain = _own(text), _domain()
    found = domain.get_translations().ugettext(own) if domain is not None and own else own
    return found if found != text else None


def _by_sentences(text: str) -> str:
    """Translate a text as a whole, by its pattern, or sentence by sentence."""
    said: list[str] = []
    rest = text
    while rest:
        whole = _known(rest) or _by_pattern(rest)
        if whole is not None:
            return " ".join([*said, whole])
        head, end, rest = rest.partition(". ")
        first = f"{head}." if end else head
        said.append(_known(first) or _by_pattern(first) or first)
    return " ".join(said)


def _by_pattern(text: str) -> str | None:
    """Return the translation of a text that has its values already; None where none is known."""
    for literals, names in _patterns():
        values = _values(text, literals)
        found = _known(names) if values is not None else None
        if values is not None and found is not None:
            # A value may be a text of ours, too.
            said = {f"value{n}": _known(each) or each for n, each in enumerate(values, 1)}
            return found % said
    return None


def _values(text: str, literals: tuple[str, ...]) -> list[str] | None:
    """Return what stands between the literals of a text; None where it has others.

    Each is looked for once, from left to right: a text that somebody made up takes no longer.
    """
    first, *others, last = literals
    if not text.startswith(first) or not text.endswith(last):
        return None
    values, start = [], len(first)
    for literal in others:
        end = text.find(literal, start + 1)
        if end < 0:
            return None
        values.append(text[start:end])
        start = end + len(literal)
    end = len(text) - len(last)
    return [*values, text[start:end]] if end > start else None


def _is_translated() -> bool:
    return bool(current_state().texts) or _domain() is not None


@cache
def _patterns() -> list[tuple[tuple[str, ...], str]]:
    """Return the catalog's texts with values, each with its literals; the longest first."""
    catalog = (Path(__file__).parent / "translations" / f"{DOMAIN}.pot").read_text("utf-8")
    found = re.findall(r'#\. with values\n#.*\nmsgid "(.*)"\n', catalog)
    texts = [text.replace('\\"', '"').replace("\\\\", "\\") for text in found]
    return [
        (tuple(re.split(r"%\(value\d+\)s", text.replace("%%", "%"))), text)
        for text in sorted(texts, key=len, reverse=True)
    ]


def _own(text: str) -> str:
    return current_state().texts.get(text, text)


def _domain() -> Domain | None:
    """Return our texts in the host's Flask-Babel; None where it has none.

    Others, such as Flask-BabelPlus, use the same name in ``app.extensions``.
    """
    found = current_app.extensions.get("babel")
    if found is None:
        return None
    try:
        from flask_babel import BabelConfiguration, Domain
    except ImportError:
        return None
    if not isinstance(found, BabelConfiguration):
        return None
    made: Domain = current_app.extensions.setdefault(f"{DOMAIN}_texts", Domain(domain=DOMAIN))
    return made
