"""The texts of the pages in the reader's language, where the host has Flask-Babel; holds none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from flask_babel import Domain

#: The gettext domain: ``translations/LANGUAGE/LC_MESSAGES/mailbox_import.mo`` of the host.
DOMAIN = "mailbox_import"


def translated(text: str, **values: object) -> str:
    """Return a text as the host translates it, with the values of its ``%(names)s``."""
    domain = _domain()
    found = domain.gettext(text) if domain is not None and text else text
    return found % values if values else found


def translated_plural(one: str, many: str, count: int) -> str:
    """Return the one of two texts that fits a count, translated, with its ``%(count)s``."""
    domain = _domain()
    found = one if count == 1 else many
    if domain is not None:
        found = domain.get_translations().ungettext(one, many, count)
    return found % {"count": count}


def _domain() -> Domain | None:
    if "babel" not in current_app.extensions:
        return None
    from flask_babel import Domain

    made: Domain = current_app.extensions.setdefault(f"{DOMAIN}_texts", Domain(domain=DOMAIN))
    return made
