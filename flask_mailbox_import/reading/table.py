"""Finds the table in the rows of a file: its delimiter, its header, and which rows are its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..core.errors import FileError, empty_file
from ..core.rows import MAX_COLUMNS
from ..core.words import say
from .csv_rows import DELIMITERS, Row, csv_rows, delimiters_of, first_rows, parsed
from .header import Matcher
from .padding import without_padding
from .sieve import Sieve

# Excel writes and reads this line above the header, and does not count it as a row.
_SEP_LINE = re.compile(r'"?sep=([^"\w\r\n])"?[,;\t|]*(\r\n|\r|\n)', re.ASCII | re.IGNORECASE)
#: What a program leaves at the end of each line of a file that has another delimiter.
_TRAILING = ",;\t|"
#: So many rows must end with the same of these.
_LEAST_TAILS = 2

MAX_HEADER_LENGTH = 10_000
#: The header is searched for in this many rows: people put a title above it.
HEADER_WITHIN = 10
#: The delimiter is searched for in at most this many rows, blank ones included.
_LINES_OF_HEADER = 1000
#: Where a row of names is shorter, one of its names may be a cell of a mailbox.
_LEAST_KNOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file as rows of text. Blank rows are left out, but count in the numbers of rows."""

    #: The number that a spreadsheet shows beside the header.
    header_row: int
    header: tuple[str, ...]
    records: tuple[Row, ...]
    #: How many rows above the header are not blank, such as a title.
    above: int
    #: How many rows are blank above the last record, or hold only defaults.
    blank: int
    #: How many rows are remarks.
    remarks: int = 0
    #: How many rows stood in one cell and were taken apart.
    opened: int = 0
    #: The names of columns of passwords that had spaces to make them even.
    padded: tuple[str, ...] = ()
    #: The header stands in two rows.
    is_double: bool = False
    #: What separates the cells; "" in a workbook.
    delimiter: str = ""
    #: The sheet of a workbook that was read, and its other sheets that are not empty.
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()


def read_csv(text: str, *, max_rows: int, matcher: Matcher) -> Table:
    """Read CSV (RFC 4180).

    The delimiter is a comma, semicolon, tab or bar, a rarer one, or that of a ``sep=`` line: the
    one with which the header has most known names. Where a space follows each delimiter of the
    header, spaces after delimiters are dropped.

    :raises FileError: see :func:`to_table`, and ``malformed_csv``.
    """
    text = _without_end_mark(text)
    sep = _SEP_LINE.match(text)
    if sep is not None:
        text = text[sep.end() :]
    delimiters = ([sep[1]] if sep is not None else []) + delimiters_of(text)
    headers = {each: _header(text, each, matcher) for each in delimiters}
    delimiter = max(headers, key=lambda each: headers[each][0])
    others = [cell for cell in headers[delimiter][1][1:] if cell]
    # A quoted name that holds the delimiter is in several pieces here.
    after_space = any(cell.startswith(" ") for cell in others) and all(
        cell.startswith(" ") or '"' in cell for cell in others
    )
    rows = csv_rows(text, delimiter, after_space=after_space)
    return to_table(rows, max_rows=max_rows, matcher=matcher, delimiter=delimiter)


def to_table(rows: Iterable[Row], *, max_rows: int, matcher: Matcher, delimiter: str = "") -> Table:
    """Find the header among rows; return it with the rows below it that are mailboxes.

    :raises FileError: ``empty_file not_a_table no_rows too_many_rows``.
    """
    filled = (row for row in rows if any(map(str.strip, row.cells)))
    top = list(itertools.islice(filled, HEADER_WITHIN))
    if not top:
        raise empty_file()
    header = _find_header(top, matcher)
    suffix = header.cells[-1][len(header.cells[-1].rstrip(_TRAILING)) :] if delimiter else ""
    cells = (*header.cells[:-1], header.cells[-1].removesuffix(suffix))
    names = matcher.names(cells)
    delimiters, has_remarks = (header.inner, delimiter, *DELIMITERS), matcher.is_address(cells[0])
    sieve = Sieve(names, delimiters, has_remarks=has_remarks)
    below = filter(sieve.is_mailbox, itertools.chain(top[header.place + 1 :], filled))
    records = tuple(sieve.opened(row, suffix) for row in itertools.islice(below, max_rows))
    blank = (records[-1].number - header.number - sieve.passed) if records else 0
    _refuse_more(sum(1 for _ in below), max_rows)
    _refuse_none(records, header.known)
    padded: tuple[int, ...] = ()
    if delimiter:
        records = _without_tail(records, len(cells))
        records, padded = without_padding(records, cells, names, is_ruled=sieve.is_ruled)
    return Table(
        header_row=header.number,
        header=cells,
        records=records,
        padded=tuple(cells[place].strip() for place in padded),
        above=header.above,
        blank=blank + sieve.defaults,
        remarks=sieve.remarks,
        opened=sieve.taken_apart,
        is_double=header.is_double,
        delimiter=delimiter,
    )


def _without_tail(records: tuple[Row, ...], width: int) -> tuple[Row, ...]:
    """Return rows without the same delimiters behind the last cell of each, as ``S3cret,,``."""
    if len(records) < _LEAST_TAILS or any(len(each.cells) != width for each in records):
        return records
    last = {each.cells[-1] for each in records}
    tails = {cell[len(cell.rstrip(_TRAILING)) :] for cell in last}
    if len(tails) > 1 or len(last) == 1 or tails == {""}:
        return records
    (tail,) = tails
    return tuple(
        each._replace(cells=(*each.cells[:-1], each.cells[-1].removesuffix(tail)))
        for each in records
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The header among the first rows."""

    cells: tuple[str, ...]
    #: The number that a spreadsheet shows beside it, and its place among the first rows.
    number: int
    place: int
    #: How many rows stand above it.
    above: int
    #: How many known names it has.
    known: int
    #: The delimiter within it, where it stands in one cell; else "".
    inner: str
    is_double: bool


def _find_header(top: list[Row], matcher: Matcher) -> _Header:
    """Find the header among the first rows; one that stands in one cell is taken apart there.

    :raises FileError: ``not_a_table``.
    """
    known, place = header_of(top, matcher)
    inner = "" if known > _LEAST_KNOWN else _open_header(top, matcher)
    if inner:
        known, place = header_of(top, matcher)
    double = _double_header(top, place, matcher)
    above, place, cells = double or (place, place, tuple(top[place].cells))
    _refuse_wide(cells)
    return _Header(
        cells=cells,
        number=top[place].number,
        place=place,
        above=above,
        known=known,
        inner=inner,
        is_double=double is not None,
    )


def header_of(rows: Sequence[Row], matcher: Matcher) -> tuple[int, int]:
    """Return how many known names the header has, and its place among the first rows."""
    known = [matcher.known(_beginning(row.cells)) for row in rows[:HEADER_WITHIN]]
    plain = [0 if row.is_remark else each for row, each in zip(rows, known, strict=False)]
    # A remark may name the columns above the header.
    known = plain if max(plain) >= _LEAST_KNOWN else known
    most = max(known)
    # A single known name may be a cell of a mailbox: take the first row as the header then.
    if most < _LEAST_KNOWN:
        return known[0], 0
    # Where another header further down has more names, the first one still counts.
    place = next(
        place for place, each in enumerate(known) if each >= _LEAST_KNOWN and 2 * each >= most
    )
    return known[place], place


def _without_end_mark(text: str) -> str:
    """Return a text without the Ctrl-Z or NULs behind its last line: old programs end files so."""
    # A NUL is read as U+0001, see decoding.py.
    end = text.rstrip("\r\n")
    before = end.rstrip("\x1a\x01")
    return before if before != end and before.endswith(("\r", "\n")) else text


def _open_header(top: list[Row], matcher: Matcher) -> str:
    """Take apart a header that stands in one cell, in place; return the delimiter within it."""
    for place, row in enumerate(top):
        filled = [each for each in row.cells if each.strip()]
        if len(filled) != 1 or len(filled[0]) > MAX_HEADER_LENGTH:
            continue
        for inner in DELIMITERS:
            names = parsed(filled[0].strip(), inner) if inner in filled[0] else []
            if matcher.known(names) > _LEAST_KNOWN:
                top[place] = row._replace(cells=names)
                return inner
    return ""


def _double_header(
    top: Sequence[Row], place: int, matcher: Matcher
) -> tuple[int, int, tuple[str, ...]] | None:
    """Return a header that stands in two rows: the places of both, and their names as one.

    The lower row has names of columns only; the upper one groups them, as "SMTP" over "Host" and
    "Port".
    """
    for first, second in ((place, place + 1), (place - 1, place)):
        if first < 0 or second >= len(top):
            continue
        upper, lower = top[first].cells, top[second].cells
        names = [each for each in lower if each.strip()]
        if any("@" in each for each in (*upper, *lower)) or not all(map(matcher.is_name, names)):
            continue
        merged = _merged(upper, lower, matcher)
        if matcher.known(merged) > max(matcher.known(upper), matcher.known(lower)):
            return first, second, merged
    return None


def _merged(upper: Sequence[str], lower: Sequence[str], matcher: Matcher) -> tuple[str, ...]:
    names, group = [], ""
    for above, below in itertools.zip_longest(upper, lower, fillvalue=""):
        group = above.strip() or group
        both = f"{group} {below.strip()}".strip()
        # A group may end before the next one begins.
        alone = not matcher.is_name(both)
        names.append(above.strip() if not below.strip() else below.strip() if alone else both)
    return tuple(names)


def _refuse_wide(header: Sequence[str]) -> None:
    if len(header) > MAX_COLUMNS or sum(map(len, header)) > MAX_HEADER_LENGTH:
        words = say(
            "The header has more than %(columns)s columns or %(characters)s characters: remove the "
            "columns that are not needed.",
            columns=MAX_COLUMNS,
            characters=MAX_HEADER_LENGTH,
        )
        raise FileError("not_a_table", words)


def _refuse_none(records: Sequence[Row], known: int) -> None:
    if not records and known:
        raise FileError(
            "no_rows", say("The file has a header and nothing below it: add your mailboxes there.")
        )


def _refuse_more(more: int, max_rows: int) -> None:
    if more:
        words = say(
            "The file has %(count)s mailbox, but at most %(most)s can be imported at once: split "
            "it into several files. Nothing was imported.",
            plural="The file has %(count)s mailboxes, but at most %(most)s can be imported at "
            "once: split it into several files. Nothing was imported.",
            count=max_rows + more,
            most=max_rows,
        )
        details = {"rows": max_rows + more, "maxRows": max_rows}
        raise FileError("too_many_rows", words, details)


def _beginning(cells: Sequence[str]) -> Sequence[str]:
    """Return the cells of a row up to the limits of a header."""
    lengths = itertools.accumulate(map(len, cells[: MAX_COLUMNS + 1]))
    return cells[: sum(1 for length in lengths if length <= MAX_HEADER_LENGTH)]


def _header(text: str, delimiter: str, matcher: Matcher) -> tuple[int, Sequence[str]]:
    """Return how many known names the header has with this delimiter, and the header."""
    rows = first_rows(text, delimiter, _LINES_OF_HEADER)
    filled = (row for row in rows if any(map(str.strip, row.cells)))
    top = [
        row._replace(cells=row.cells[: MAX_COLUMNS + 1])
        for row in itertools.islice(filled, HEADER_WITHIN)
    ]
    if not top:
        return 0, ()
    known, place = header_of(top, matcher)
    return known, top[place].cells
