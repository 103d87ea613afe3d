"""The text encodings that a user may name for a file."""

from __future__ import annotations

from collections.abc import Sequence
from encodings.aliases import aliases

from .words import say

#: The encodings that may be named: our name (the WHATWG's where it has one), Python's name, and a
#: label for people. The usual ones come first.
ENCODINGS = (
    ("windows-1252", "cp1252", say("Western European (Windows)")),
    ("macintosh", "mac_roman", say("Western European (Mac)")),
    ("windows-1250", "cp1250", say("Central European (Windows)")),
    ("windows-1251", "cp1251", say("Cyrillic (Windows)")),
    ("windows-1253", "cp1253", say("Greek (Windows)")),
    ("windows-1254", "cp1254", say("Turkish (Windows)")),
    ("windows-1255", "cp1255", say("Hebrew (Windows)")),
    ("windows-1256", "cp1256", say("Arabic (Windows)")),
    ("windows-1257", "cp1257", say("Baltic (Windows)")),
    ("windows-1258", "cp1258", say("Vietnamese (Windows)")),
    ("windows-874", "cp874", say("Thai (Windows)")),
    ("ibm850", "cp850", say("Western European (DOS)")),
    ("ibm852", "cp852", say("Central European (DOS)")),
    ("x-mac-ce", "mac_latin2", say("Central European (Mac)")),
    ("x-mac-cyrillic", "mac_cyrillic", say("Cyrillic (Mac)")),
    ("iso-8859-5", "iso8859_5", say("Cyrillic (ISO)")),
    ("ibm437", "cp437", say("US (DOS)")),
    ("iso-8859-2", "iso8859_2", say("Central European (ISO)")),
    ("iso-8859-15", "iso8859_15", say("Western European (ISO)")),
    ("koi8-r", "koi8_r", say("Cyrillic (KOI8-R)")),
    ("ibm866", "cp866", say("Cyrillic (DOS)")),
    ("shift_jis", "cp932", say("Japanese (Shift JIS)")),
    ("euc-jp", "euc_jp", say("Japanese (EUC)")),
    ("gb18030", "gb18030", say("Chinese, simplified (GB 18030)")),
    ("big5", "cp950", say("Chinese, traditional (Big5)")),
    ("euc-kr", "cp949", say("Korean (EUC)")),
    ("utf-8", "utf_8", say("Unicode (UTF-8)")),
    ("utf-16", "utf_16_le", say("Unicode (UTF-16)")),
)
LABELS = {name: label for name, _, label in ENCODINGS}
CODECS = {name: codec for name, codec, _ in ENCODINGS}


def encoding_named(name: str) -> str:
    """Return our name of an encoding, however it is spelt.

    :raises ValueError: it is not one of ``ENCODINGS``.
    """
    found = _BY_ALIAS.get(_letters_and_digits(name))
    if found is None:
        known = ", ".join(LABELS)
        raise ValueError(say("the encoding is not known; known are %(encodings)s", encodings=known))
    return found


def _letters_and_digits(name: str) -> str:
    return "".join(each for each in name.lower() if each.isascii() and each.isalnum())


def _by_alias(known: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    found = {"sjis": "shift_jis", "gbk": "gb18030", "gb2312": "gb18030", "ansi": "windows-1252"}
    for name, codec, _ in known:
        # Programs say Latin-1 and mean Windows-1252; so does the WHATWG's Encoding Standard.
        targets = {codec, *(("latin_1",) if codec == "cp1252" else ())}
        others = (alias for alias, target in aliases.items() if target in targets)
        found |= {_letters_and_digits(each): name for each in (name, codec, *targets, *others)}
    return found


_BY_ALIAS = _by_alias(ENCODINGS)
