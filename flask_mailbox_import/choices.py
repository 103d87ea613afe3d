"""Which encodings a file may be in, with samples to tell them by; shows no password."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from .columns import Columns, Matcher
from .config import Config
from .decoding import CODECS, LABELS, UnknownEncoding, decode, encoding_named
from .errors import FileError
from .guesses import rank_encodings
from .names import SECRET_COLUMNS
from .table import Table, read_csv

_SAMPLES = 3
#: Encodings in which a file is read to see whether it is a table then.
_TRIED = 4
#: What is wrong with a file whatever its letters are.
_OF_ANY_ENCODING = frozenset({"no_rows", "too_many_rows"})
#: Characters around a letter that is not ASCII.
_AROUND = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A piece of a cell that holds letters which tell encodings apart."""

    row: int
    column: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingChoice:
    """An encoding that a file may be in, and what it makes of the file."""

    name: str
    label: str
    samples: tuple[Sample, ...]


def encoding_choices(
    data: bytes, config: Config, column_mapping: Mapping[str, str | None]
) -> tuple[EncodingChoice, ...]:
    """Return the encodings in which the file is a table of mailboxes, the likeliest first.

    Of several that make the same of the samples only the first.

    :raises FileError: what is wrong with the file in the likeliest of them.
    """
    matcher = Matcher(column_mapping)
    fault: FileError | None = None
    for first in itertools.islice(_likeliest(data), _TRIED):
        try:
            text = decode(data, first)
            table = read_csv(text, max_rows=config.max_rows, names_known=matcher.known)
            columns = matcher.match(table.header, table.header_row)
            pieces = tuple(itertools.islice(_pieces(table, columns), _SAMPLES))
        except FileError as found:
            certain = found.reason in _OF_ANY_ENCODING
            fault = found.with_traceback(None) if certain else fault or found.with_traceback(None)
            if certain:
                break
            continue
        return tuple(_distinct(data, first, pieces))
    if fault is None:
        raise FileError("unreadable_encoding", "The file is in no encoding that we know.")
    raise fault


def question(line: int, choices: Sequence[EncodingChoice]) -> UnknownEncoding:
    """Return the fault of a file that is not in Unicode, with what it may be in."""
    guess, samples = choices[0], [each.text for each in choices[0].samples]
    shown = ", ".join(f"“{each}”" for each in samples)
    return UnknownEncoding(
        line,
        f"If {shown} is right, it is {guess.label}: send encoding={guess.name} with it. If not: "
        if samples
        else "",
        guess=guess.name,
        samples=[asdict(each) for each in guess.samples],
        encodings=[each.name for each in choices],
    )


def _distinct(data: bytes, first: str, pieces: tuple[Sample, ...]) -> Iterator[EncodingChoice]:
    # Whatever its letters look like: there is something to ask about.
    yield EncodingChoice(name=first, label=LABELS[first], samples=pieces)
    seen = {pieces}
    for name in itertools.dropwhile(first.__ne__, _likeliest(data)):
        try:
            samples = tuple(
                replace(each, text=each.text.encode(CODECS[first]).decode(CODECS[name]))
                for each in pieces
            )
        except UnicodeError:
            continue
        if samples not in seen and all(each.text.isprintable() for each in samples):
            seen.add(samples)
            yield EncodingChoice(name=name, label=LABELS[name], samples=samples)


def _pieces(table: Table, columns: Columns) -> Iterator[Sample]:
    """Return a few pieces of the file that hold different letters; of passwords their letters."""
    open_to_all = [name is not None and name not in SECRET_COLUMNS for name in columns.names]
    header = ((table.header_row, name, name) for name in table.header)
    cells = [
        (row, *each)
        for row, cells in table.records
        # In a row with too many cells a password may be anywhere.
        if not any(cell.strip() for cell in cells[len(table.header) :])
        for each in zip(open_to_all, table.header, cells, strict=False)
        if not each[-1].isascii()
    ]
    shown = ((row, name, cell) for row, is_open, name, cell in cells if is_open)
    hidden = ((row, name, _letters(cell)) for row, is_open, name, cell in cells if not is_open)
    seen: set[str] = set()
    for row, name, text in itertools.chain(shown, header, hidden):
        new = set(_letters(text)) - seen
        if new:
            seen |= new
            yield Sample(row=row, column=name.strip(), text=_shortened(text.strip(" \t\r\n")))


def _likeliest(data: bytes) -> Iterator[str]:
    """Return the encodings that the whole file may be in, the likeliest first."""
    guessed = [encoding_named(each) for each in rank_encodings(data)]
    yield from guessed
    for name, codec in CODECS.items():
        if name not in guessed and not name.startswith("utf"):
            try:
                data.decode(codec)
            except UnicodeError:
                continue
            yield name


def _letters(text: str) -> str:
    return "".join(sorted({each for each in text if not each.isascii()}))


def _shortened(text: str) -> str:
    place = next(index for index, each in enumerate(text) if not each.isascii())
    start = max(0, place - _AROUND)
    return text[start : place + _AROUND]
