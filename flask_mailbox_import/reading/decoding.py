"""Turns the bytes of a file into text, and ranks the encodings they may be in (alphabets.ini).

No library ranks them here. Such a file holds a few names and nothing else that is not ASCII, and
libraries are made for longer texts: of the files of ``tests/benchmarks/encodings.py`` our first
guess is right in 99 %, chardet's in 79 %, charset-normalizer's in 44 %.
"""

from __future__ import annotations

import codecs
import configparser
import re
from dataclasses import dataclass
from pathlib import Path
from unicodedata import combining, normalize

from ..core.encodings import CODECS, LABELS
from ..core.errors import FileError

_MARKS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
#: Bytes in which the NULs of UTF-16 are looked for.
_SAMPLE = 512


class NotUnicode(Exception):
    """A file is not in Unicode, and nobody has said in what.

    :param line: the number of the line where that shows.
    """

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def decode(data: bytes, encoding: str | None = None) -> str:
    """Return the text of a file: in UTF-8 or UTF-16, or in the ``encoding`` that was asked for.

    A byte-order mark decides, whatever was asked for (https://encoding.spec.whatwg.org/#decode).

    :raises NotUnicode: it is in neither, and nothing was asked for.
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
    raise NotUnicode(line)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoding:
    """What text in an encoding looks like; read from alphabets.ini."""

    #: Added to its score: it is met more often than others.
    head_start: float
    #: By language, the letters beyond ASCII, the commonest first.
    alphabets: tuple[str, ...]
    #: Of an encoding of two bytes a letter: the first bytes of common letters; else empty.
    lead_bytes: range
    #: The worth of a letter that has such a first byte and is not in ``alphabets``.
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
    """Return those encodings that can read all of ``data``, by Python's names, likeliest first."""
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
    """Return how much a word looks like one of the encoding's languages: 1 at most, below 0: no."""
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
    if encoding == "big5":  # a second byte below A1 is of no EUC encoding
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
    """Count how far vowels and consonants take turns about the letters beyond ASCII."""
    vowels = [normalize("NFD", c)[0] in "aeiouyAEIOUYøæœØÆŒı" for c in word]
    count = 0
    for at, c in enumerate(word):
        if c > "\x7f" and c.isalpha():
            near = sum(vowels[max(0, at - 1) : at] + vowels[at + 1 : at + 2])
            count += -near if vowels[at] else near - 1
    return count
