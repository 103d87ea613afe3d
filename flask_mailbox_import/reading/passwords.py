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
    """
    none|no password|unknown|empty|blank|not set|unset|unchanged|same|same as above|same as email
    see above|as above|ditto|dito|idem|tbd|tba|tbc|to follow|todo|fixme|ask|ask it
    na|nat|n a|n v|k a|s o|n n
    password|passwort|app password|app specific|your password|your app password
    your password here|password here|enter password|enter password here|type password here
    changeme|change me
    hidden|redacted|masked|show|show password|reveal|click to reveal|click to show|loading
    in lastpass|in 1password|in bitwarden|in keepass|in vault|see lastpass|see 1password
    see bitwarden|see keepass|see vault|see note|see notes|oauth|oauth2|sso|2fa|expired|disabled
    siehe keepass|siehe tresor|siehe oben|wie oben|leer|unbekannt|keins|keine|kein|kein passwort
    kein kennwort|nicht gesetzt
    vide|aucun|aucune|inconnu|vac\u00edo|ninguno|ninguna|desconocido|vuoto|nessuno|nessuna
    """.strip()
    .replace("\n", "|")
    .replace("    ", "")
    .split("|")
)
#: Signs by which programs hide the characters of a password.
_SIGN = (
    "*\u2022\u25cf\u2219\u00b7\u25e6\u2b24\u26ab\u2217\uff0a\u25cb\u25a0\u2588\uff65\u22c5\u25aa"
)
_MASK = re.compile(rf"([{re.escape(_SIGN)}])\1{{2,}}(?: ?\(?[A-Za-z]{{3,8}}\)?)?")
_DOUBTFUL_MASK = re.compile(
    rf"([xX._#?-])\1{{3,}}|[-\u2014]{{2,3}}|\u3003|[?*]{{1,3}}"
    rf"|.{{0,8}}([{re.escape(_SIGN)}])\2{{3,}}.{{0,8}}",
    re.DOTALL,
)
#: Hashes, references to a vault, and what programs print in place of a value.
_NO_PASSWORD = re.compile(
    r"\$(?:2[abxy]?|1|5|6|7|y|argon2(?:id|i|d)|scrypt|pbkdf2\S*)\$\S+|\{[A-Z0-9.-]{3,16}\}\S+"
    r"|pbkdf2_\w+\$\S+|bcrypt_\w+\$\S+|op://\S+|vault:\S+|System\.(?:Security\.SecureString|Byte\[\]"
    r"|Object)|%[A-Z_]{2,20}%|\\\\N"
)
_WORD = re.compile(r"[^\W_]+")
#: No placeholder is longer, beside a mask.
_LONGEST = 24
_LONGEST_SHOWN = 16
_LONGEST_HASH = 256

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
    """Tell whether a password looks like a note in place of one.

    It is not asked of what :func:`placeholder_of` finds.
    """
    bare = text.strip()
    words = " ".join(_WORD.findall(bare.lower())) if len(bare) <= _LONGEST else ""
    is_hash = len(bare) <= _LONGEST_HASH and _NO_PASSWORD.fullmatch(bare) is not None
    return words in _DOUBTFUL or is_hash or _DOUBTFUL_MASK.fullmatch(bare) is not None


def mark_around(text: str) -> str:
    """Return the quotation mark with which a text begins, if one closes it too; else ""."""
    bare = text.strip()
    opening = bare[:1]
    return opening if len(bare) > 1 and opening in _PAIRS and bare[-1] in _CLOSING else ""
