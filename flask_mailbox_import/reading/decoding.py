"""Turns the bytes of a file into text, and ranks the encodings they may be in (alphabets.ini).

No library does the ranking. In such a file only a few names are not ASCII, and libraries need more
text. Of the files of ``tests/benchmarks/encodings.py`` with names, our first guess is right in
99 %, chardet's in 80 %, charset-normalizer's in 48 %. Where nothing but one symbol such as "£" is
not ASCII, these are 82 %, 35 % and 23 %: Windows-1252 comes first, and a Mac's or DOS's file may
come second or third.
"""

from __future__ import annotations

import codecs
import configparser
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unicodedata import category, combining, normalize

from ..core.encodings import CODECS, LABELS
from ..core.errors import FileError, empty_file
from ..core.rows import SECRET_COLUMNS
from ..core.words import say
from .header_names import NAMES

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
#: Characters that are no letters but usual in names, notes and passwords; and some less usual.
_USUAL = "\xa0£€§°©®™«»„“”‘’–—…•"
_LESS_USUAL = "\xad½¼¾²³¹ºªµ´¿¡¢¥±·×÷‰‹›"
_NO_LETTERS = frozenset(_USUAL + _LESS_USUAL)
_NO_LETTER = re.compile(f"[{_USUAL}{_LESS_USUAL}]+")
_LETTER = r"[^\W\d_ªºµ]"
#: Where such a character rather is a letter of another encoding: amid a name, and a few others.
_IN_A_NAME = re.compile(
    r"[^\W\d_a-z][^\W\d_A-Z]*[“”„‘–—«»‹›•€£…©®™‰½¼¾²¹³¡¿¢¥×÷±§°·ºªµ\xa0][^\W\d_A-Z]"
    rf"|(?:[A-Z][a-z]*|[a-z]{{3}})’(?!(?:[stdm]|ll|re|ve)\b)[a-z]|µ{_LETTER}{{3}}"
    rf"|(?<!\w)[£¥©®¼¾¹³][^\W\d_A-Z]{{2}}|{_LETTER}{{3}}[³º·¼¾×÷]|[^\x00-\x7f]¹"
    r"|[A-Z][a-z]*[aeiou]§|\xad\b|\b\xad"
)
#: Where it hardly stands otherwise.
_MISPLACED = re.compile(
    rf"(?<={_LETTER})[“”„‘–—«»‹›•€£…©®™‰½¼¾¹³¡¿¢¥×÷±§°·ºªµ](?={_LETTER})"
    rf"|{_LETTER}(?:[„‹¡¿‘€§‰]|[–—•]$)|^[^„]*{_LETTER}“|[™•³²¹‰›]{_LETTER}|£[a-z]"
    rf"|{_LETTER}{{3}}[²³ºª¢¥±µ]|(?<!\b[Nn])(?<={_LETTER})°"
)
#: Two of them side by side are rather the bytes of one letter.
_HEAP = re.compile(r"([£€§°©®™•½¼¾²³¹ºªµ´¢¥±·×÷‰])(?!\1)[£€§°©®™•½¼¾²³¹ºªµ´¢¥±·×÷‰«»]")
_NOT_AT_THIS_END = re.compile(r"^[ьъыЬЪЫςğĞß]|[ךםןףץς]\w|σ$")
#: How much the letters of a password tell, beside those of a name.
_OF_A_PASSWORD = 0.4
#: What an alternation of vowel and consonant is worth.
_TURN = 0.13
_ASCII = frozenset(range(128))
#: How many words to look at.
_MOST_WORDS = 200
#: How far from the beginning of its line, and in how many columns, a password is looked for.
_NEAR, _MOST_COLUMNS = 10_000, 50


def rank_encodings(data: bytes) -> list[str]:
    """Return the encodings (Python's names) that can decode ``data``, the likeliest first."""
    tokens = _tokens(data)
    # A character that is there twenty times is no twenty reasons for an encoding.
    kinds = len({frozenset(token) - _ASCII for token, _ in tokens}) or 1
    scores: dict[str, float] = {}
    for encoding, known in _ENCODINGS.items():
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        worths = [_worths(*each, encoding) for each in _words(tokens, encoding)]
        # The more there is to read, the less it counts how frequent an encoding is.
        scores[encoding] = known.head_start / kinds**0.5 + _worth_of_all(worths)
    return sorted(scores, key=lambda encoding: -scores[encoding])


def _worth_of_all(worths: list[list[float]]) -> float:
    """Return the worth of words: half of it in any languages, and half of it in a single one."""
    if not worths:
        return 0
    mixed = sum(map(max, worths))
    single = max(map(sum, zip(*worths, strict=True)))
    return (mixed + single) / 2 / len(worths)


def _tokens(data: bytes) -> list[tuple[bytes, bool]]:
    """Return the first words that are not ASCII, each with whether it is of a password."""
    found = {token[:64]: None for token in _TOKEN.findall(data) if not token.isascii()}
    tokens = list(itertools.islice(found, _MOST_WORDS))
    end = b"\n" if b"\n" in data else b"\r"
    top = data[:_NEAR].strip().split(end, 5)[:5]
    delimiter, secret = next((each for each in map(_secret_columns, top) if each[1]), (b",", []))
    return [(each, _column(data, each, delimiter, end) in secret) for each in tokens]


def _secret_columns(line: bytes) -> tuple[bytes, list[int]]:
    """Return what separates the cells of a header, and where its columns with passwords are."""
    delimiter = max((b",", b";", b"\t", b"|"), key=line.count)
    names = line.decode("cp1252", "replace").split(delimiter.decode())[:_MOST_COLUMNS]
    found = (NAMES.of(name.strip('" \r'))[0] for name in names)
    return delimiter, [place for place, name in enumerate(found) if name in SECRET_COLUMNS]


def _column(data: bytes, token: bytes, delimiter: bytes, end: bytes) -> int:
    """Return the number of the column where a word is first found, or -1."""
    place = data.find(token)
    begin = data.rfind(end, max(0, place - _NEAR), place)
    return -1 if begin < 0 else data.count(delimiter, begin, place)


def _words(tokens: list[tuple[bytes, bool]], encoding: str) -> Iterator[tuple[str, bool]]:
    for token, is_secret in tokens:
        for word in re.split(r"[\x00-@\[-`{-\x7f]+", token.decode(encoding, "ignore")):
            if not word.isascii():
                yield word, is_secret


def _worths(word: str, is_secret: bool, encoding: str) -> list[float]:
    """Return how well a word fits each of the encoding's languages.

    It is at most 1; below 0 the word does not fit. A password is no word of a language, so that a
    symbol may stand anywhere in it.
    """
    languages = len(_ENCODINGS[encoding].alphabets)
    others = {c for c in word if c > "\x7f" and (c in _NO_LETTERS or not _is_letter(c))}
    if not others:
        worths = _worths_of_letters(word, encoding)
    elif not others <= _NO_LETTERS:
        return [-1] * languages
    elif _HEAP.search(word) or (not is_secret and _IN_A_NAME.search(word)):
        return [-0.7] * languages
    else:
        natural = 0.9 if others <= set(_USUAL) else 0.8
        if not is_secret and _MISPLACED.search(word):
            natural = 0.6
        parts = [part for part in _NO_LETTER.split(word) if not part.isascii()]
        of_parts = [_worths_of_letters(part, encoding) for part in parts]
        worths = [min(each) for each in zip([natural] * languages, *of_parts, strict=True)]
    return [_OF_A_PASSWORD * each for each in worths] if is_secret and not others else worths


def _is_letter(char: str) -> bool:
    # The last kind are marks between letters, such as those of Hebrew and Persian.
    return char.isalpha() or combining(char) > 0 or category(char) == "Cf"


def _worths_of_letters(word: str, encoding: str) -> list[float]:
    known = _ENCODINGS[encoding]
    letters = [c for c in word if c > "\x7f" and c.isalpha()]
    if _NOT_AT_THIS_END.search(word) or not letters:
        return [-0.7] * len(known.alphabets)
    if known.lead_bytes:
        return [_worth_of_two_bytes(word, letters, encoding)]
    fault = _fault_of_case(word, letters)
    if fault is not None:
        return [fault] * len(known.alphabets)
    latin, caseless = letters[0] < "\u0250", word.lower() == word.upper()
    if latin:
        # Few words begin with a small letter that is not ASCII, since most are names.
        turn = _TURN * _turns(word) - 0.3 * (word.islower() and word[0] in letters)
    else:
        turn = 0 if caseless or word.istitle() else -0.12 if word.islower() else -0.25
    small = ["ı" if c == "İ" else c.lower() for c in letters]
    return [turn + _fit(small, alphabet) for alphabet in known.alphabets]


def _fit(letters: list[str], alphabet: str) -> float:
    if not set(letters) <= set(alphabet):
        return -0.7
    return 1 - 0.8 * sum(map(alphabet.index, letters)) / len(alphabet) / len(letters)


def _fault_of_case(word: str, letters: list[str]) -> float | None:
    """Return the worth of what is no word: one letter, strange capitals, two scripts mixed."""
    if len(word) == 1:
        return 0.2
    plain = len(re.findall("[A-Za-z]", word))
    if not (word.lower() == word.upper() or word.istitle() or word.islower() or word.isupper()):
        return -0.6
    latin = letters[0] < "\u0250"
    return -0.6 if (len(letters) > plain + 1 if latin else plain) else None


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


def _turns(word: str) -> int:
    """Count the alternations of vowel and consonant beside the letters that are not ASCII."""
    vowels = [normalize("NFD", c)[0] in "aeiouyAEIOUYøæœØÆŒı" for c in word]
    count = 0
    for at, c in enumerate(word):
        if c > "\x7f" and c.isalpha():
            near = sum(vowels[max(0, at - 1) : at] + vowels[at + 1 : at + 2])
            count += -near if vowels[at] else near - 1
    return count
