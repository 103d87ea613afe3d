"""The texts of the pages as the host wants them, translated by its Flask-Babel; holds none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

from .state import current_state

if TYPE_CHECKING:
    from flask_babel import Domain

#: The gettext domain: ``translations/LANGUAGE/LC_MESSAGES/mailbox_import.mo`` of the host.
DOMAIN = "mailbox_import"


def translated(text: str, **values: object) -> str:
    """Return a text as the host translates it, with the values of its ``%(names)s``."""
    found = _own(text)
    domain = _domain()
    if domain is not None and found:
        found = domain.get_translations().ugettext(found)
    return found % values if values else found


def translated_plural(one: str, many: str, count: int) -> str:
    """Return the one of two texts that fits a count, translated, with its ``%(count)s``."""
    one, many, domain = _own(one), _own(many), _domain()
    found = one if count == 1 else many
    if domain is not None:
        found = domain.get_translations().ungettext(one, many, count)
    return found % {"count": count}


def _own(text: str) -> str:
    return current_state().texts.get(text, text)


def _domain() -> Domain | None:
    if "babel" not in current_app.extensions:
        return None
    from flask_babel import Domain

    made: Domain = current_app.extensions.setdefault(f"{DOMAIN}_texts", Domain(domain=DOMAIN))
    return made
