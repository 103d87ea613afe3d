"""The text encodings that a user may name for a file."""

from __future__ import annotations

from collections.abc import Sequence
from encodings.aliases import aliases

#: The encodings that may be named: our name (the WHATWG's where it has one), Python's name, and a
#: label for people. The usual ones come first.
ENCODINGS = (
    ("windows-1252", "cp1252", "Western European (Windows)"),
    ("macintosh", "mac_roman", "Western European (Mac)"),
    ("windows-1250", "cp1250", "Central European (Windows)"),
    ("windows-1251", "cp1251", "Cyrillic (Windows)"),
    ("windows-1253", "cp1253", "Greek (Windows)"),
    ("windows-1254", "cp1254", "Turkish (Windows)"),
    ("windows-1255", "cp1255", "Hebrew (Windows)"),
    ("windows-1256", "cp1256", "Arabic (Windows)"),
    ("windows-1257", "cp1257", "Baltic (Windows)"),
    ("windows-1258", "cp1258", "Vietnamese (Windows)"),
    ("windows-874", "cp874", "Thai (Windows)"),
    ("ibm850", "cp850", "Western European (DOS)"),
    ("ibm852", "cp852", "Central European (DOS)"),
    ("x-mac-ce", "mac_latin2", "Central European (Mac)"),
    ("x-mac-cyrillic", "mac_cyrillic", "Cyrillic (Mac)"),
    ("iso-8859-5", "iso8859_5", "Cyrillic (ISO)"),
    ("ibm437", "cp437", "US (DOS)"),
    ("iso-8859-2", "iso8859_2", "Central European (ISO)"),
    ("iso-8859-15", "iso8859_15", "Western European (ISO)"),
    ("koi8-r", "koi8_r", "Cyrillic (KOI8-R)"),
    ("ibm866", "cp866", "Cyrillic (DOS)"),
    ("shift_jis", "cp932", "Japanese (Shift JIS)"),
    ("euc-jp", "euc_jp", "Japanese (EUC)"),
    ("gb18030", "gb18030", "Chinese, simplified (GB 18030)"),
    ("big5", "cp950", "Chinese, traditional (Big5)"),
    ("euc-kr", "cp949", "Korean (EUC)"),
    ("utf-8", "utf_8", "Unicode (UTF-8)"),
    ("utf-16", "utf_16_le", "Unicode (UTF-16)"),
)
LABELS = {name: label for name, _, label in ENCODINGS}
CODECS = {name: codec for name, codec, _ in ENCODINGS}


def encoding_named(name: str) -> str:
    """Return our name of an encoding, however it is spelt.

    :raises ValueError: it is not one of ``ENCODINGS``.
    """
    found = _BY_ALIAS.get(_letters_and_digits(name))
    if found is None:
        raise ValueError(f"the encoding is not known; known are {', '.join(LABELS)}")
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
