"""Makes the question about a file whose encoding is unclear, with samples to choose by."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, replace

from ..config import Config
from ..core.encodings import CODECS, LABELS, encoding_named
from ..core.errors import FileError, UnclearFile
from ..core.imports import EncodingChoice, Question, Sample
from ..core.rows import SECRET_COLUMNS
from ..core.words import say, together
from .decoding import decode, rank_encodings
from .header import Columns, Matcher
from .table import MAX_HEADER_LENGTH, Table, read_csv

#: How many samples to show, and how many at most where these do not tell the encodings apart.
_SAMPLES, _MAX_SAMPLES = 3, 8
#: How many pieces of the file to compare per encoding. Each has a letter that is not ASCII.
_PIECES = 400
#: How many encodings to try until the file is a table.
_TRIED = 4
#: Faults of a file that no other encoding can mend.
_OF_ANY_ENCODING = frozenset({"no_rows", "too_many_rows"})
#: How many characters to show on each side of a letter that is not ASCII.
_AROUND = 20
#: Columns whose cells are shown as they are; of other cells only single letters are shown.
_NAMES = frozenset({"displayname", "firstname", "lastname"})
_HOSTS = frozenset({"smtphost", "imaphost"})
_HOST = re.compile(r"[^\s@.]+(?:\.[^\s@.]+)+")
_LONGEST = 254
_NO_TEXT = frozenset({"Cc", "Cn", "Co"})
#: Kinds of characters that cannot be seen, beside the space; and others that are empty as well.
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_NAMES_OF_UNSEEN = {"\t": "tab", "\n": "line break", "\r": "line break"}


def encoding_choices(data: bytes, config: Config, matcher: Matcher) -> tuple[EncodingChoice, ...]:
    """Return the encodings in which the file is a table of mailboxes, the likeliest first.

    Of encodings that give the same text only the first is returned. The samples are pieces of the
    file that differ between the encodings.

    :raises FileError: the file is no table in any of them; the error is that of the likeliest.
    """
    fault: FileError | None = None
    # A header in ASCII is the same in all of them, so that one try is enough.
    tried = 1 if data[:MAX_HEADER_LENGTH].isascii() else _TRIED
    ranked = [encoding_named(each) for each in rank_encodings(data)]
    for first in itertools.islice(_likeliest(data, ranked), tried):
        try:
            text = decode(data, first)
            table = read_csv(text, max_rows=config.max_rows, matcher=matcher)
            columns = matcher.match(table.header, table.header_row, table.records)
            found_pieces = list(itertools.islice(_pieces(table, columns), _PIECES))
        except FileError as found:
            certain = found.reason in _OF_ANY_ENCODING
            fault = found.with_traceback(None) if certain else fault or found.with_traceback(None)
            if certain:
                break
            continue
        likeliest = itertools.dropwhile(first.__ne__, _likeliest(data, ranked))
        return tuple(_distinct(likeliest, first, found_pieces))
    if fault is None:
        raise FileError("unreadable_encoding", say("The file is in no encoding that we know."))
    raise fault


def unclear_encoding(line: int, choices: Sequence[EncodingChoice]) -> UnclearFile:
    """Return the fault of a file that is not in Unicode, with the question for its encoding.

    :param line: the number of the first line that is not UTF-8.
    """
    guess, samples = choices[0], [each.text for each in choices[0].samples]
    advice = say("Save the file as 'CSV UTF-8' and try again.")
    if samples:
        advice = say(
            "If %(samples)s looks right, it is %(label)s: give %(encoding)s as its encoding. If "
            "not, save the file as 'CSV UTF-8' and try again.",
            samples=", ".join(f"“{each}”" for each in samples),
            label=guess.label,
            encoding=guess.name,
        )
    message = together(say("The text near line %(line)s is not UTF-8.", line=line), advice)
    details = {
        "line": line,
        "guess": guess.name,
        "samples": [asdict(each) for each in guess.samples],
        "encodings": [each.name for each in choices],
    }
    question = Question(message=message, encodings=tuple(choices))
    return UnclearFile("unreadable_encoding", question, details)


def _distinct(
    likeliest: Iterable[str], first: str, found: Sequence[tuple[Sample, bool]]
) -> Iterator[EncodingChoice]:
    """Return the encodings in which the pieces differ; of equal ones only the first."""
    pieces = [piece for piece, _ in found]
    hidden = {place for place, (_, is_hidden) in enumerate(found) if is_hidden}
    readings: dict[str, tuple[str, ...]] = {}
    for name in likeliest:
        try:
            texts = tuple(each.text.encode(CODECS[first]).decode(CODECS[name]) for each in pieces)
        except UnicodeError:
            continue
        if texts not in readings.values() and (name == first or all(map(_is_text, texts))):
            readings[name] = texts
    if len(readings) > 1 and not all(map(_is_text, readings[first])):
        del readings[first]
    shown = _telling(list(readings.values()), hidden)
    for name, texts in readings.items():
        samples = tuple(replace(pieces[place], text=_seen(texts[place])) for place in shown)
        yield EncodingChoice(name=name, label=LABELS[name], samples=samples)


def _telling(readings: Sequence[tuple[str, ...]], hidden: Collection[int]) -> list[int]:
    """Return the positions of the pieces that best tell the readings apart.

    :param hidden: those of letters of passwords: they are shown only where others do not do.
    """
    shown: list[int] = []
    places = range(len(readings[0]))

    def told_apart(place: int) -> int:
        return len({tuple(texts[each] for each in (*shown, place)) for texts in readings})

    while len(shown) < min(_MAX_SAMPLES, len(places)):
        rest = (each for each in places if each not in shown)
        best = max(rest, key=lambda place: (told_apart(place), place not in hidden))
        gains = not shown or told_apart(best) > told_apart(shown[-1])
        if not gains and (len(shown) >= _SAMPLES or best in hidden):
            break
        shown.append(best)
    return sorted(shown)


def _seen(text: str) -> str:
    """Return a text with a name in place of each character that cannot be seen."""
    return "".join(f"[{_name(each)}]" if _is_unseen(each) else each for each in text)


def _is_unseen(char: str) -> bool:
    return char != " " and (unicodedata.category(char) in _UNSEEN or char in _EMPTY)


def _name(char: str) -> str:
    """Return a name such as "no-break space"."""
    known = _NAMES_OF_UNSEEN.get(char) or unicodedata.name(char, "").lower()
    return known or f"control character {ord(char):02X}"


def _is_text(text: str) -> bool:
    """Tell whether a text is free of control, private and unassigned characters."""
    return not any(unicodedata.category(each) in _NO_TEXT for each in text if not each.isascii())


def _pieces(table: Table, columns: Columns) -> Iterator[tuple[Sample, bool]]:
    """Return pieces of the file, each with a letter that no piece before it has.

    With each is told whether it is only the letters of a cell that may hold a password.

    Of a cell that may hold a password, only the letters that are not ASCII are returned. In a row
    whose cells have moved, any cell may hold a password.
    """
    # Where no column is known as one of passwords, any column may be one.
    secret = min(_places(columns, SECRET_COLUMNS), default=-1)
    # A host right behind the password shows that nothing in front of it has moved.
    host = min((each for each in _places(columns, _HOSTS) if each > secret), default=-1)
    header = ((table.header_row, name, name, False) for name in table.header)
    cells = [
        (row.number, named in _NAMES and is_open and (place < secret or in_place), name, cell)
        for row in table.records
        for is_open, in_place in ((not row.is_packed, _is_host(row.cells, host)),)
        for place, (named, name, cell) in enumerate(
            zip(columns.names, table.header, row.cells, strict=False)
        )
        if not cell.isascii()
    ]
    shown = ((row, name, cell, False) for row, is_open, name, cell in cells if is_open)
    hidden = (
        (row, name, _letters(cell), True) for row, is_open, name, cell in cells if not is_open
    )
    seen: set[str] = set()
    for row, name, text, is_hidden in itertools.chain(shown, header, hidden):
        for piece in _split(text):
            new = set(_letters(piece)) - seen
            if new:
                seen |= new
                yield Sample(row=row, column=name.strip(), text=piece), is_hidden


def _places(columns: Columns, names: Collection[str]) -> list[int]:
    return [place for place, name in enumerate(columns.names) if name in names]


def _is_host(cells: Sequence[str], place: int) -> bool:
    text = cells[place].strip() if 0 <= place < len(cells) else ""
    return len(text) <= _LONGEST and _HOST.fullmatch(text) is not None


def _split(text: str) -> Iterator[str]:
    """Return short pieces of a text, each around a letter that is not ASCII."""
    text = text.strip(" \t\r\n")
    while not text.isascii():
        place = next(index for index, each in enumerate(text) if not each.isascii())
        start = max(0, place - _AROUND)
        yield text[start : place + _AROUND]
        text = text[place + _AROUND :]


def _likeliest(data: bytes, ranked: Sequence[str]) -> Iterator[str]:
    """Return the encodings that can decode the whole file, the ranked ones first."""
    yield from ranked
    for name, codec in CODECS.items():
        if name not in ranked and not name.startswith("utf"):
            try:
                data.decode(codec)
            except UnicodeError:
                continue
            yield name


def _letters(text: str) -> str:
    return "".join(sorted({each for each in text if not each.isascii()}))
