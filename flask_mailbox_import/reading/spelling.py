"""Reads addresses, servers, ports and words for encryption in the many ways people write them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ..core.words import say

#: Characters. A longer text is none of these.
_LONGEST = 320

#: What programs write for an empty cell.
_NOTHING = frozenset(
    {
        *("-", "--", "\u2013", "\u2014", "n/a", "#n/a", "null", "\\n", "nil", "nan", "(null)"),
        *("none", "<null>", "[null]", "(empty)", "<empty>", "undefined", "(none)", "<none>"),
    }
)
#: Ticks, and boxes without one.
_TICKS = {
    **dict.fromkeys(("[x]", "ticked", "angehakt", "coch\u00e9", "active", "aktiv", "actif"), "yes"),
    **dict.fromkeys(("[ ]", "[]", "inactive", "inaktiv", "inactif"), "no"),
    **dict.fromkeys(
        ("\u2713", "\u2714", "\u2611", "\u2705", "x", "checked", "\u2714\ufe0f"), "yes"
    ),
    **dict.fromkeys(("\u2610", "\u2717", "\u2718", "\u274c", "unchecked", "\u2716"), "no"),
}
_WHOLE = re.compile(r"([01])[.,]0{1,3}")


#: Control characters, half surrogates, and the two separators that some programs read as line ends.
_REFUSED_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})


def is_nothing(text: str) -> bool:
    """Tell whether a program wrote this for an empty cell, such as NULL or N/A."""
    return not text or (len(text) < 16 and text.strip().lower() in _NOTHING)


def tick_of(text: str) -> str:
    """Return ``yes`` or ``no`` for a tick box, also one that is a number; else the text."""
    text = text.strip()
    if whole := _WHOLE.fullmatch(text):
        return whole[1]
    return _TICKS.get(text.lower(), text)


_ADDRESS = r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+"
_FORMS = (
    # with a name: Ann Lee <ann@example.com>
    re.compile(rf"(?P<name>[^<>@]*?)\s*<\s*(?:mailto:)?(?P<address>{_ADDRESS})\s*>"),
    # as Markdown has it: [ann@example.com](mailto:...)
    re.compile(rf"\[(?P<address>{_ADDRESS})\]\(mailto:{_ADDRESS}\)", re.IGNORECASE),
    # as Access has it: ann@example.com#mailto:...#
    re.compile(r"(?P<address>[^\s@#]+@[^\s@#]+)#(?:mailto:[^\s#]*)?#?", re.IGNORECASE),
    # as a link, or with the name of the column: mailto:..., email: ...
    re.compile(
        rf"(?:(?:mailto:(?://)?|(?:mailto|e-?mail|smtp)\s*:)\s*)?(?P<address>{_ADDRESS}?)(?:\?\S*)?",
        re.IGNORECASE,
    ),
    # in brackets, or with a remark: (ann@example.com), ann@example.com (Sales)
    re.compile(rf"(?P<name>[^\[\]()@]*?)\s*[(\[](?P<address>{_ADDRESS})[)\]]"),
    re.compile(rf"(?P<address>{_ADDRESS})\s*\((?P<name>[^()@]*)\)"),
)
_AT = re.compile(r"\s*[(\[{]\s*at\s*[)\]}]\s*", re.IGNORECASE)
_ENDS = ".,;:\u3002 "


def address_of(text: str) -> tuple[str, str] | None:
    """Return the one address in a cell, and the name beside it; None where there is none."""
    if len(text) > _LONGEST:
        return None
    text = text.replace("\uff20", "@").strip().rstrip(_ENDS)
    if text.count("@") == 0:
        text = _AT.sub("@", text)
    for form in _FORMS:
        if found := form.fullmatch(text):
            parts = found.groupdict()
            name = (parts.get("name") or "").strip().strip('"').strip()
            return parts["address"].rstrip(_ENDS), name
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a cell says of a server; "" where it says nothing."""

    host: str
    port: str = ""
    #: ``tls`` or ``starttls``.
    mode: str = ""


_SCHEME = re.compile(r"(?:([a-z]{3,8})://|//|(?:smtp|imap|host|server)\s*[:=]\s*(?=[a-z]))", re.I)
_SCHEMES = {"smtps": "tls", "imaps": "tls", "ssl": "tls", "starttls": "starttls"}
_KNOWN_SCHEMES = frozenset({*_SCHEMES, "smtp", "imap", "http", "https", "tls", "mail"})
_MODE_AT_END = re.compile(r"[ /([,]{1,4}(ssl/tls|starttls|ssl|tls|tcp)[)\]]?$", re.I)
_PORT_AT_END = re.compile(
    r"(?:: ?|,? (?:- )?(?:port ?:? ?)?|,? ?\((?:port ?:? ?)?)([0-9]{1,5})\)?$", re.I
)
_HYPERLINK = re.compile(r"([^\s#]+)#[^#]*#?")


def server_of(text: str) -> Server:
    """Return what a cell says of a server: a name, or a name in a URL, with a port or a mode.

    A path of a web page stays in the host, which is then refused.
    """
    host, port, mode = " ".join(text.split()), "", ""
    if len(host) > _LONGEST:
        return Server(host=text)
    if found := _HYPERLINK.fullmatch(host):
        host = found[1]
    if host[:1] == "<" and host[-1:] == ">":
        host = host[1:-1].strip()
    scheme = _SCHEME.match(host)
    if scheme is not None and (scheme[1] is None or scheme[1].lower() in _KNOWN_SCHEMES):
        host, mode = host[scheme.end() :], _SCHEMES.get((scheme[1] or "").lower(), "")
    while True:
        host = host.rstrip("/ ,;")
        if (said := _MODE_AT_END.search(host)) is not None:
            mode = mode or _MODES.get(said[1].lower(), "")
            host = host[: said.start()]
        elif not port and host.count(":") < 2 and (said := _PORT_AT_END.search(host)) is not None:
            port, host = said[1], host[: said.start()]
        else:
            break
    if host[:1] == "[" and host[-1:] == "]" and ":" not in host:
        host = host[1:-1]
    if "/" in host:
        return Server(host=text)
    return Server(host=host, port=port, mode=mode)


_MODES = {"ssl": "tls", "ssl/tls": "tls", "starttls": "starttls", "smtps": "tls", "imaps": "tls"}
#: Characters. A longer text is no port.
LONGEST_PORT = 64
_PORT_WORDS = frozenset(
    {"port", "tcp", "tls", "ssl", "starttls", "smtp", "smtps", "imap", "imaps", "nr"}
)
_BESIDE_A_PORT = re.compile(r"[\s/()\[\]:;,.#+=_'-]*")
_TLS_PORTS = frozenset({"465", "993"})
#: What people write where they mean the usual port.
_USUAL = frozenset({"default", "auto", "standard", "automatic"})


def port_of(text: str) -> tuple[str, str] | None:
    """Return the one port in a cell, and the TLS mode beside it or ""; None where there is none.

    "TLS" beside a port means TLS from the start on 465 and 993, and STARTTLS elsewhere.
    """
    if len(text) > LONGEST_PORT:
        return None
    text = "".join(_digit(each) for each in unicodedata.normalize("NFKC", text)).lower()
    if text in _USUAL:
        return "", ""
    numbers, words = re.findall(r"[0-9]+", text), re.findall(r"[^\W\d_]+", text)
    rest = re.sub(r"[0-9]+|[^\W\d_]+", "", text)
    if len(numbers) != 1 or not _PORT_WORDS.issuperset(words) or not _BESIDE_A_PORT.fullmatch(rest):
        return None
    if text.lstrip().startswith("-"):
        return None
    port = numbers[0].lstrip("0") or "0"
    modes = {_MODES.get(word, "") for word in words} - {""}
    if not modes and "tls" in words:
        modes = {"tls" if port in _TLS_PORTS else "starttls"}
    return port, modes.pop() if len(modes) == 1 else ""


def _digit(character: str) -> str:
    """Return a digit of any script as ASCII."""
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


#: Scripts with letters that look like Latin ones.
_ALIKE = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def odd_character(text: str, allowed: str) -> str:
    """Return the name of the first character that does not belong in a text; "" where all do.

    :param allowed: which characters do, beside letters and digits.
    """
    for each in text:
        if not (each.isalnum() or each in allowed or unicodedata.combining(each)):
            return _named(each)
    return ""


def look_alike(text: str) -> str:
    """Return the name of the first letter that looks like a Latin one, among Latin ones."""
    if text.isascii() or not any("a" <= each <= "z" for each in text.lower()):
        return ""
    for each in text:
        if unicodedata.name(each, "").startswith(_ALIKE):
            return _named(each)
    return ""


def foreign_letter(text: str) -> str:
    """Return the name of the first letter that is not ASCII; "" where all are."""
    return next((_named(each) for each in text if not each.isascii()), "")


_COMMON = {" ": say("a space"), "\t": say("a tab"), "\n": say("a line break")}


def _named(character: str) -> str:
    """Return a character with its name, if it is not one that everybody knows."""
    name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
    if character in _COMMON:
        return str(_COMMON[character])
    if character.isascii() and character.isprintable():
        return f"'{character}'"
    shown = f"'{character}', " if character.isprintable() else ""
    return f"{shown}{name}"


def control_character(text: str) -> str:
    """Return the first character of a text that no cell may have, in words; "" without one."""
    if text.isprintable():
        return ""
    refused = (each for each in text if unicodedata.category(each) in _REFUSED_CATEGORIES)
    first = next(refused, "")
    known = {"\n": say("a line break"), "\r": say("a line break"), "\t": say("a tab")}
    return str(known.get(first, say("a control character"))) if first else ""
