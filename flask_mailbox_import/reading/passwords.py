"""Tells passwords from placeholders, and from the quotation marks around them."""

from __future__ import annotations

import re

#: What programs write where they show or have no password.
_PLACEHOLDERS = frozenset(
    {
        *(
            "null",
            "(null)",
            "<null>",
            "[null]",
            "nan",
            "\\n",
            "n/a",
            "#n/a",
            "nil",
            "undefined",
            "-",
        ),
        *("hidden", "<hidden>", "[hidden]", "(hidden)", "redacted", "<redacted>", "[redacted]"),
        *("(redacted)", "[password]", "<password>", "{{password}}", "${password}", "%password%"),
        *("[object object]", "(not set)", "<not set>", "(none)", "<none>", "(empty)", "<empty>"),
        *("-", "masked", "[masked]", "<masked>", "(masked)", "<secret>", "[secret]"),
    }
)
#: Words that may be a password, though hardly.
_DOUBTFUL = frozenset(
    {
        *("-", "--", "\u2013", "\u2014", "?", "??", "???", "none", "tbd", "tba", "todo", "same"),
        *("same as above", "see above", "as above", "unknown", "ask", "n.a.", "na", "empty"),
        *("siehe oben", "unbekannt", "wie oben", "dito", "ditto", "password", "passwort", "x", '"'),
        *("keins", "keine", "kein", "changeme", "your password", "enter password here"),
    }
)
#: Signs by which programs hide the characters of a password.
_MASK = re.compile(r"([*\u2022\u25cf\u2219\u00b7\u25e6\u2b24\u26ab\u2217\uff0a])\1{2,}")
_DOUBTFUL_MASK = re.compile(r"([xX._#?-])\1{3,}")
#: No placeholder is longer, beside a mask.
_LONGEST = 24
_LONGEST_SHOWN = 16

_PAIRS = {
    **{each: each for each in "\"'`\u00b4"},
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab",
    "\u201c": "\u201d",
    "\u2018": "\u2019",
    "\u201e": "\u201c",
    "\u201a": "\u2018",
    "\u2039": "\u203a",
}
#: Marks that close what each mark opens, as programs and people mix them.
_CLOSING = frozenset({*_PAIRS.values(), "\u201d", "\u2019"})


def placeholder_of(text: str) -> str:
    """Return what stands in place of a password, to be shown; "" where it may be one."""
    bare = text.strip()
    if _MASK.fullmatch(bare):
        return bare[:_LONGEST_SHOWN]
    return bare if len(bare) <= _LONGEST and bare.lower() in _PLACEHOLDERS else ""


def is_doubtful(text: str) -> bool:
    """Tell whether a password looks like a note in place of one."""
    bare = text.strip()
    if _DOUBTFUL_MASK.fullmatch(bare):
        return True
    return 0 < len(bare) <= _LONGEST and bare.lower() in _DOUBTFUL


def mark_around(text: str) -> str:
    """Return the quotation mark with which a text begins, if one closes it too; else ""."""
    bare = text.strip()
    opening = bare[:1]
    return opening if len(bare) > 1 and opening in _PAIRS and bare[-1] in _CLOSING else ""
