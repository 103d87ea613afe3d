"""Bytes of a file -> text; no other encoding than Unicode's is taken without being asked for."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from encodings.aliases import aliases

from .errors import FileError

#: Encodings that may be asked for: our name (WHATWG's where it has one), Python's, and for people.
#: The usual ones first.
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

_MARKS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
#: Bytes in which the NULs of UTF-16 are looked for.
_SAMPLE = 512


class UnknownEncoding(FileError):  # noqa: N818 (the fault is the name)
    """The file is not in Unicode, and nobody has said in what; ``line`` is where it shows."""

    def __init__(self, line: int, words: str = "", **details: object) -> None:
        advice = f"{words} If not, save" if words else "Save"
        super().__init__(
            "unreadable_encoding",
            f"The text near line {line} is not UTF-8. {advice} the file as 'CSV UTF-8' and try "
            "again.",
            {"line": line, **details},
        )
        self.line = line


def encoding_named(name: str) -> str:
    """Return our name of an encoding that somebody asks for.

    :raises ValueError: that is none of ours.
    """
    found = _BY_ALIAS.get(_plain(name))
    if found is None:
        raise ValueError(f"the encoding is not known; known are {', '.join(LABELS)}")
    return found


def decode(data: bytes, encoding: str | None = None) -> str:
    """Return the text of a file: in UTF-8 or UTF-16, or in the ``encoding`` that was asked for.

    A byte-order mark decides, whatever was asked for (https://encoding.spec.whatwg.org/#decode).

    :raises UnknownEncoding: it is in neither, and nothing was asked for.
    :raises FileError: ``unreadable_encoding``: it is not in what was asked for; ``empty_file``.
    """
    text = _text(data, encoding)
    if not text.strip():
        raise FileError("empty_file", "The file is empty: choose the file with your mailboxes.")
    # The csv module of Python 3.10 breaks off at a NUL: another control character faults the row.
    return text.replace("\0", "\x01")


def label_of(data: bytes, encoding: str | None = None) -> str:
    """Return for people in what a file was read that :func:`decode` could read."""
    codec = next((codec for mark, codec in _MARKS if data.startswith(mark)), None)
    if codec is None and encoding is not None:
        return LABELS[encoding]
    codec = codec or _utf16(data[:_SAMPLE]) or "utf_8"
    return f"Unicode ({'-'.join(codec.upper().split('_')[:2])})"


def _text(data: bytes, encoding: str | None) -> str:
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], codec)
    if encoding is not None:
        return _strict(data, CODECS[encoding], encoding)
    guess = _utf16(data[:_SAMPLE])
    if guess is not None:
        return _strict(data, guess)
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        line = _line(data, fault.start)
    # Raised out here, since the fault holds the whole file.
    raise UnknownEncoding(line)


def _strict(data: bytes, codec: str, asked: str | None = None) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as fault:
        line = _line(data, fault.start)
    name = asked or codec.replace("_", "-").upper().removesuffix("-LE").removesuffix("-BE")
    advice = "ask for another encoding" if asked else "save the file as 'CSV UTF-8' and try again"
    raise FileError(
        "unreadable_encoding",
        f"The text near line {line} is not {name}: {advice}.",
        {"line": line},
    )


def _line(data: bytes, end: int) -> int:
    return data.count(b"\n", 0, end) + 1


def _utf16(sample: bytes) -> str | None:
    """Know UTF-16 without a mark: in the right one of the two the delimiters are ASCII."""
    if 0 not in sample:
        return None
    texts = {each: sample.decode(each, "replace") for each in ("utf_16_le", "utf_16_be")}
    known = {each: sum("\0" < char < "\x7f" for char in text) for each, text in texts.items()}
    best, other = sorted(known, key=known.__getitem__, reverse=True)
    return best if known[best] * 10 > len(texts[best]) and known[best] > 2 * known[other] else None


def _plain(name: str) -> str:
    return "".join(each for each in name.lower() if each.isascii() and each.isalnum())


def _by_alias(known: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    found = {"sjis": "shift_jis", "gbk": "gb18030", "gb2312": "gb18030", "ansi": "windows-1252"}
    for name, codec, _ in known:
        # Latin-1 is what programs call Windows-1252, as the WHATWG's standard does.
        targets = {codec, *(("latin_1",) if codec == "cp1252" else ())}
        others = (alias for alias, target in aliases.items() if target in targets)
        found |= {_plain(each): name for each in (name, codec, *targets, *others)}
    return found


_BY_ALIAS = _by_alias(ENCODINGS)
