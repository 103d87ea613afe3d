"""Puts our texts into the host's own words, and into the reader's language (gettext)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

from ..core.words import Part, Words, joined
from ..engine.state import current_state

if TYPE_CHECKING:
    from flask_babel import Domain

#: The gettext domain: ``translations/LANGUAGE/LC_MESSAGES/mailbox_import.mo`` of the host.
DOMAIN = "mailbox_import"


def translated(text: str, **values: object) -> str:
    """Return the host's translation of a text, with the values of its ``%(names)s``.

    ``Words`` have their values already, so they take none here: each of their parts is translated.
    """
    if isinstance(text, Words):
        return joined(map(_translated_part, text.parts))
    found = _template(text)
    return found % values if values else found


def translated_plural(one: str, many: str, count: int) -> str:
    """Return the translation of a text for a count, with its ``%(count)s``."""
    return _plural_template(one, many, count) % {"count": count}


def language() -> str:
    """Return the language tag (RFC 5646) of the shown texts."""
    domain, title = _domain(), "Import mailboxes"
    if domain is None or domain.get_translations().ugettext(title) == title:
        return "en"
    from flask_babel import get_locale

    return str(get_locale() or "en").replace("_", "-")


def _translated_part(part: Part) -> str:
    template = (
        _plural_template(part.template, part.plural, int(str(part.values["count"])))
        if part.plural
        else _template(part.template)
    )
    try:
        return part.filled(template, translated)
    except (KeyError, TypeError, ValueError):
        # A text of the host's names a value that this one does not have.
        return part.filled(part.plural or part.template, translated)


def _template(text: str) -> str:
    own, domain = _own(text), _domain()
    return domain.get_translations().ugettext(own) if domain is not None and own else own


def _plural_template(one: str, many: str, count: int) -> str:
    one, many, domain = _own(one), _own(many), _domain()
    if domain is not None:
        found: str = domain.get_translations().ungettext(one, many, count)
        return found
    return one if count == 1 else many


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
