"""Guards the cells of a CSV file for spreadsheets against formulas, and takes the guards off."""

from __future__ import annotations

import re

# A spreadsheet reads a cell that begins with one of these as a formula (OWASP ASVS 5.0 section
# 1.2.10). The last five are full-width forms.
_FORMULA = frozenset("=+-@|\t\r\n\ufffd\uff1d\uff0b\uff0d\uff20\uff5c")

_INSIDE = re.compile(r"([;\t|]\s*)(?=[=+@-])")
_GUARD_INSIDE = re.compile(r"([;\t|]\s*)'(?=[=+@-])")


def guarded(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe makes it a text."""
    # Python 3.10 cannot write a NUL, and no spreadsheet shows one.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    # A spreadsheet may split the cell at another delimiter; each part must be safe.
    text = _INSIDE.sub(r"\1'", text)
    return f"'{text}" if _begins_a_formula(text) else text


def unguarded(text: str) -> str:
    """Return a cell without the apostrophes that `guarded` puts there."""
    if text[:1] == "'" and _begins_a_formula(text[1:]):
        text = text[1:]
    return _GUARD_INSIDE.sub(r"\1", text)


def _begins_a_formula(text: str) -> bool:
    return text.lstrip(" ")[:1] in _FORMULA and bool(text.strip(" "))
