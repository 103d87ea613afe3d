"""Turns the bytes of a file into text, and ranks the encodings they may be in (alphabets.ini).

No library does the ranking. In such a file only a few names are not ASCII, and libraries need more
text. With the files of ``tests/benchmarks/encodings.py`` our first guess is right in 99 %,
chardet's in 79 %, charset-normalizer's in 44 %.
"""

from __future__ import annotations

import codecs
import configparser
import re
from dataclasses import dataclass
from pathlib import Path
from unicodedata import combining, normalize

from ..core.encodings import CODECS, LABELS
from ..core.errors import FileError, empty_file
from ..core.words import say

_MARKS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
#: How many bytes are searched for the NULs of UTF-16.
_SAMPLE = 512


class NotUnicode(Exception):
    """A file is not in Unicode, and no encoding was given.

    :param line: the number of the first line that cannot be decoded.
    """

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def decode(data: bytes, encoding: str | None = None) -> str:
    """Return the text of a file in UTF-8, UTF-16 or the given ``encoding``.

    A byte-order mark takes precedence over ``encoding`` (https://encoding.spec.whatwg.org/#decode).

    :param encoding: a name in ``ENCODINGS``.
    :raises NotUnicode: the file is not in Unicode, and no encoding is given.
    :raises FileError: ``unreadable_encoding``: the file is not in that encoding; ``empty_file``.
    """
    text = _text(data, encoding)
    if not text.strip():
        raise empty_file()
    # The csv module of Python 3.10 refuses the whole file for a NUL. With another control character
    # in its place, only the row fails.
    return text.replace("\0", "\x01")


def label_of(data: bytes, encoding: str | None = None) -> str:
    """Return a label, for people, of the encoding in which :func:`decode` read a file."""
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
    # Raised outside of the handler: the UnicodeDecodeError holds the whole file.
    raise NotUnicode(line)


def _strict(data: bytes, codec: str, asked: str | None = None) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as fault:
        line = _line(data, fault.start)
    name = asked or codec.replace("_", "-").upper().removesuffix("-LE").removesuffix("-BE")
    words = say(
        "The text near line %(line)s is not %(encoding)s: save the file as 'CSV UTF-8' and try "
        "again.",
        line=line,
        encoding=name,
    )
    if asked:
        words = say(
            "The text near line %(line)s is not %(encoding)s: ask for another encoding.",
            line=line,
            encoding=name,
        )
    raise FileError("unreadable_encoding", words, {"line": line})


def _line(data: bytes, end: int) -> int:
    return data.count(b"\n", 0, end) + 1


def _utf16(sample: bytes) -> str | None:
    """Return the UTF-16 of a file without a byte-order mark; None where it is not UTF-16.

    In the right byte order many of its characters are ASCII.
    """
    if 0 not in sample:
        return None
    texts = {each: sample.decode(each, "replace") for each in ("utf_16_le", "utf_16_be")}
    known = {each: sum("\0" < char < "\x7f" for char in text) for each, text in texts.items()}
    best, other = sorted(known, key=known.__getitem__, reverse=True)
    return best if known[best] * 10 > len(texts[best]) and known[best] > 2 * known[other] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoding:
    """What text in an encoding looks like; read from alphabets.ini."""

    #: Added to its score, since files in it are more frequent.
    head_start: float
    #: For each language its letters that are not ASCII, the most frequent first.
    alphabets: tuple[str, ...]
    #: For an encoding with two bytes a letter: the first bytes of frequent letters; else empty.
    lead_bytes: range
    #: The worth of a letter with such a first byte that is not in ``alphabets``.
    other_letter: float


def _read_alphabets() -> dict[str, _Encoding]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(Path(__file__).with_name("alphabets.ini").read_text("utf-8"))
    found = {}
    for name in parser.sections():
        if name == "letters":
            continue
        values = parser[name]
        first, _, last = values.get("lead_bytes", "").partition("-")
        found[name] = _Encoding(
            head_start=float(values["head_start"]),
            alphabets=tuple(
                alphabet
                for language in values["letters"].split()
                for alphabet in parser["letters"][language].split()
            ),
            lead_bytes=range(int(first, 16), int(last, 16) + 1) if first else range(0),
            other_letter=values.getfloat("other_letter", 0.0),
        )
    return found


_ENCODINGS = _read_alphabets()
_TOKEN = re.compile(rb"[^\x00-\x2f\x3a-\x40]+")  # none of these is a character's second byte
_PUNCTUATION = "’–“”‘—…€«»•®™„°\xa0"
_UNLIKE = re.compile(r"[^\W\d_][–“‘„«•°—€]|[”»…™®–—•][^\W\d_]|\xa0[a-z]|^[ьъыςğß]|[ךםןףץς]\w|σ$")


def rank_encodings(data: bytes) -> list[str]:
    """Return the encodings (Python's names) that can decode ``data``, the likeliest first."""
    tokens = list({t[:64]: None for t in _TOKEN.findall(data) if not t.isascii()})[:500]
    scores: dict[str, float] = {}
    for encoding, known in _ENCODINGS.items():
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = "\n".join(token.decode(encoding, "ignore") for token in tokens)
        words = [w for w in re.split(r"[\x00-@\[-`{-\x7f]+", text) if not w.isascii()]
        worth = sum(_worth(word, encoding) for word in words) / (len(words) or 1)
        scores[encoding] = known.head_start + worth
    return sorted(scores, key=lambda encoding: -scores[encoding])


def _worth(word: str, encoding: str) -> float:
    """Return how well a word fits the encoding's languages: at most 1; below 0: it does not fit."""
    letters = [c for c in word if c > "\x7f" and c.isalpha()]
    if any(c > "\x7f" and not (c.isalpha() or c in _PUNCTUATION or combining(c)) for c in word):
        return -1
    if _UNLIKE.search(word):
        return -0.7
    if not letters:
        return 0.7
    if _ENCODINGS[encoding].lead_bytes:
        return _worth_of_two_bytes(word, letters, encoding)
    return _worth_of_one_byte(word, letters, encoding)


def _worth_of_two_bytes(word: str, letters: list[str], encoding: str) -> float:
    known = _ENCODINGS[encoding]
    codes = [c.encode(encoding) for c in letters]
    if re.search("[A-Za-z]", word) or any(len(code) == 1 for code in codes):
        return -0.5
    other = known.other_letter
    if encoding == "big5":  # no EUC encoding has a second byte below A1
        other += 0.25 * sum(code[1] < 0xA1 for code in codes) / len(codes)
    common = known.alphabets[0]
    worths = [
        (1 if c in common else other) if code[0] in known.lead_bytes else -0.3
        for c, code in zip(letters, codes, strict=True)
    ]
    return sum(worths) / len(codes)


def _worth_of_one_byte(word: str, letters: list[str], encoding: str) -> float:
    plain = len(re.findall("[A-Za-z]", word))
    latin, caseless = letters[0] < "\u0250", word.lower() == word.upper()
    if not (caseless or word.istitle() or word.islower() or word.isupper()):
        return -0.6
    if len(letters) > plain + 1 if latin else plain:
        return -0.6
    if latin:
        turn = 0.07 * _turns(word) - 0.2 * (not plain)
    else:
        turn = 0 if caseless or word.istitle() else -0.12 if word.islower() else -0.25
    small = ["ı" if c == "İ" else c.lower() for c in letters]
    fits = [
        1 - 0.8 * sum(a.index(c) / len(a) for c in small) / len(small)
        for a in _ENCODINGS[encoding].alphabets
        if set(small) <= set(a)
    ]
    return max(fits, default=-0.3) + turn


def _turns(word: str) -> int:
    """Count the alternations of vowel and consonant beside the letters that are not ASCII."""
    vowels = [normalize("NFD", c)[0] in "aeiouyAEIOUYøæœØÆŒı" for c in word]
    count = 0
    for at, c in enumerate(word):
        if c > "\x7f" and c.isalpha():
            near = sum(vowels[max(0, at - 1) : at] + vowels[at + 1 : at + 2])
            count += -near if vowels[at] else near - 1
    return count
