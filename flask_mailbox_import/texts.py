"""The texts of the pages as the host wants them, translated by its Flask-Babel; holds none."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import current_app

from .state import current_state

if TYPE_CHECKING:
    from flask_babel import Domain

#: The gettext domain: ``translations/LANGUAGE/LC_MESSAGES/mailbox_import.mo`` of the host.
DOMAIN = "mailbox_import"


def translated(text: str, **values: object) -> str:
    """Return a text as the host translates it, with the values of its ``%(names)s``.

    A text that has its values already, as those of files and rows have, is known by its pattern.
    """
    found = _known(text)
    if found is None:
        found = text if values or not _is_translated() else _by_sentences(text)
    return found % values if values else found


def translated_plural(one: str, many: str, count: int) -> str:
    """Return the one of two texts that fits a count, translated, with its ``%(count)s``."""
    one, many, domain = _own(one), _own(many), _domain()
    found = one if count == 1 else many
    if domain is not None:
        found = domain.get_translations().ungettext(one, many, count)
    return found % {"count": count}


def language() -> str:
    """Return the language tag (RFC 5646) of the texts as they are shown."""
    domain, title = _domain(), "Import mailboxes"
    if domain is None or domain.get_translations().ugettext(title) == title:
        return "en"
    from flask_babel import get_locale

    return str(get_locale() or "en").replace("_", "-")


def _known(text: str) -> str | None:
    """Return the host's text for one of ours, None where it has none."""
    own, domain = _own(text), _domain()
    found = domain.get_translations().ugettext(own) if domain is not None and own else own
    return found if found != text else None


def _by_sentences(text: str) -> str:
    """Translate what is known of a text: all of it by its pattern, or its sentences."""
    for pattern, names in _patterns():
        match = pattern.fullmatch(text)
        found = _known(names) if match else None
        if match and found is not None:
            # A value may be words of ours again.
            values = {each: _known(value) or value for each, value in match.groupdict().items()}
            return found % values
    head, end, rest = text.partition(". ")
    if not end:
        return text
    first = f"{head}."
    return f"{_known(first) or _by_sentences(first)} {_known(rest) or _by_sentences(rest)}"


def _is_translated() -> bool:
    return bool(current_state().texts) or _domain() is not None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return the catalog's texts with values, as patterns and as they are; the longest first."""
    catalog = (Path(__file__).parent / "translations" / f"{DOMAIN}.pot").read_text("utf-8")
    found = re.findall(r'#\. with values\n#.*\nmsgid "(.*)"\n', catalog)
    texts = [text.replace('\\"', '"').replace("\\\\", "\\") for text in found]
    return [(_pattern(text), text) for text in sorted(texts, key=len, reverse=True)]


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"%\((value\d+)\)s", text.replace("%%", "%"))
    escaped = (
        f"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.compile("".join(escaped), re.DOTALL)


def _own(text: str) -> str:
    return current_state().texts.get(text, text)


def _domain() -> Domain | None:
    if "babel" not in current_app.extensions:
        return None
    from flask_babel import Domain

    made: Domain = current_app.extensions.setdefault(f"{DOMAIN}_texts", Domain(domain=DOMAIN))
    return made
