"""Tells passwords from placeholders, and from the quotation marks around them."""

from __future__ import annotations

import re

from .spelling import is_nothing

#: What programs write where they show or have no password, beside what they write for nothing.
_PLACEHOLDERS = frozenset(
    {
        *("hidden", "redacted", "masked", "not set", "password", "secret", "your password"),
        *("app password", "password here", "object object", "blank"),
    }
)
_BRACKETS = re.compile(r"[\[<({%$#]{1,3}\s*([^\[\]<>(){}%$#]*?)\s*[\])>}%]{0,2}")
#: Words that may be a password, though hardly.
_DOUBTFUL = frozenset(
    {
        *(
            "-",
            "?",
            "??",
            "???",
            "none",
            "tbd",
            "tba",
            "todo",
            "same",
            "same as above",
            "see above",
        ),
        *("as above", "same as email", "unknown", "ask", "ask it", "na", "n.a.", "empty"),
        *(
            "blank",
            "not set",
            "no password",
            "ditto",
            "dito",
            "idem",
            "\u3003",
            "password",
            "passwort",
        ),
        *("your password", "your_password", "password here", "password_here", "changeme", "oauth"),
        *("enter password here", "click to reveal", "loading...", "siehe oben", "wie oben", "leer"),
        *("unbekannt", "keins", "keine", "kein", "k.a.", "s.o.", "vide", "vac\u00edo", "vuoto"),
        *("in lastpass", "see 1password", "see lastpass", "hidden", "redacted", "masked"),
    }
)
#: Signs by which programs hide the characters of a password.
_SIGN = (
    "*\u2022\u25cf\u2219\u00b7\u25e6\u2b24\u26ab\u2217\uff0a\u25cb\u25a0\u2588\uff65\u22c5\u25aa"
)
_MASK = re.compile(rf"([{re.escape(_SIGN)}])\1{{2,}}(?: ?\(?[A-Za-z]{{3,8}}\)?)?")
_DOUBTFUL_MASK = re.compile(
    rf"([xX._#?-])\1{{3,}}|.{{0,8}}([{re.escape(_SIGN)}])\2{{3,}}.{{0,8}}", re.DOTALL
)
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
    if not bare or len(bare) > _LONGEST:
        return ""
    if is_nothing(bare) and bare.lower() != "none":
        return bare
    inner = _BRACKETS.fullmatch(bare.lower())
    words = inner[1].replace("_", " ") if inner is not None and bare[-1] in "])>}%" else ""
    return bare if words in _PLACEHOLDERS else ""


def is_doubtful(text: str) -> bool:
    """Tell whether a password looks like a note in place of one."""
    bare = text.strip()
    if _DOUBTFUL_MASK.fullmatch(bare) and not placeholder_of(bare):
        return True
    return 0 < len(bare) <= _LONGEST and bare.lower() in _DOUBTFUL


def mark_around(text: str) -> str:
    """Return the quotation mark with which a text begins, if one closes it too; else ""."""
    bare = text.strip()
    opening = bare[:1]
    return opening if len(bare) > 1 and opening in _PAIRS and bare[-1] in _CLOSING else ""
