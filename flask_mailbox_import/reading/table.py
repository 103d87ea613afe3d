"""Turns text into a header and numbered rows: finds the delimiter and the header's row."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..core.errors import FileError, empty_file
from ..core.rows import MAX_COLUMNS
from ..core.words import Words, say

_DELIMITERS = (",", ";", "\t", "|")
# Excel writes and reads this line above the header, and does not count it as a row.
_SEP_LINE = re.compile(r'"?sep=([^"\w\r\n])"?[,;\t|]*(\r\n|\r|\n)', re.ASCII | re.IGNORECASE)

MAX_HEADER_LENGTH = 10_000
#: The header is searched for in this many rows: people put a title above it.
HEADER_WITHIN = 10
#: The delimiter is searched for in at most this many rows, blank ones included.
_LINES_OF_HEADER = 1000

#: A row's number and its cells.
Row = tuple[int, Sequence[str]]
#: Counts how many of our columns a header names.
NamesKnown = Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file as rows of text. Blank rows are left out, but count in the numbers of rows."""

    #: The number that a spreadsheet shows beside the header.
    header_row: int
    header: tuple[str, ...]
    #: The number of each row, and its cells.
    records: tuple[tuple[int, tuple[str, ...]], ...]
    #: How many rows above the header are not blank, such as a title.
    above: int
    #: How many blank rows stand above the last record.
    blank: int
    #: What separates the cells; "" in a workbook.
    delimiter: str = ""
    #: The sheet of a workbook that was read, and its other sheets that are not empty.
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()


def read_csv(text: str, *, max_rows: int, names_known: NamesKnown) -> Table:
    """Read CSV (RFC 4180).

    The delimiter is a comma, semicolon, tab, bar, or that of a ``sep=`` line: the one with which
    the header has most known names. Where a space follows each delimiter of the header, spaces
    after delimiters are dropped.

    :raises FileError: see :func:`to_table`, and ``malformed_csv``.
    """
    delimiters = list(_DELIMITERS)
    sep = _SEP_LINE.match(text)
    if sep is not None:
        text = text[sep.end() :]
        delimiters.insert(0, sep[1])
    headers = {each: _header(text, each, names_known) for each in delimiters}
    delimiter = max(headers, key=lambda each: headers[each][0])
    others = [cell for cell in headers[delimiter][1][1:] if cell]
    reader = csv.reader(
        _lines(text),
        delimiter=delimiter,
        # A quoted name that holds the delimiter is in several pieces here.
        skipinitialspace=any(cell.startswith(" ") for cell in others)
        and all(cell.startswith(" ") or '"' in cell for cell in others),
        strict=True,
    )
    rows = _numbered(reader)
    return to_table(rows, max_rows=max_rows, names_known=names_known, delimiter=delimiter)


def to_table(
    rows: Iterable[Row], *, max_rows: int, names_known: NamesKnown, delimiter: str = ""
) -> Table:
    """Find the header among rows; return it with the rows below it that are not blank.

    :raises FileError: ``empty_file not_a_table no_rows too_many_rows``.
    """
    filled = (row for row in rows if any(map(str.strip, row[1])))
    top = list(itertools.islice(filled, HEADER_WITHIN))
    if not top:
        raise empty_file()
    known, place = header_of(top, names_known)
    header_row, header = top[place]
    _refuse_wide(header)
    below = itertools.chain(top[place + 1 :], filled)
    records = tuple((number, tuple(cells)) for number, cells in itertools.islice(below, max_rows))
    if not records and known:
        raise FileError(
            "no_rows", say("The file has a header and nothing below it: add your mailboxes there.")
        )
    _refuse_more(sum(1 for _ in below), max_rows)
    return Table(
        header_row=header_row,
        header=tuple(header),
        records=records,
        above=place,
        blank=(records[-1][0] if records else header_row) - place - 1 - len(records),
        delimiter=delimiter,
    )


def _refuse_wide(header: Sequence[str]) -> None:
    if len(header) > MAX_COLUMNS or sum(map(len, header)) > MAX_HEADER_LENGTH:
        words = say(
            "The header has more than %(columns)s columns or %(characters)s characters: remove the "
            "columns that are not needed.",
            columns=MAX_COLUMNS,
            characters=MAX_HEADER_LENGTH,
        )
        raise FileError("not_a_table", words)


def _refuse_more(more: int, max_rows: int) -> None:
    if more:
        words = say(
            "The file has %(rows)s mailboxes, but at most %(most)s can be imported at once: split "
            "it into several files. Nothing was imported.",
            rows=max_rows + more,
            most=max_rows,
        )
        details = {"rows": max_rows + more, "maxRows": max_rows}
        raise FileError("too_many_rows", words, details)


def header_of(rows: Sequence[Row], names_known: NamesKnown) -> tuple[int, int]:
    """Return how many known names the header has, and its place among the first rows."""
    known = [names_known(_beginning(cells)) for _, cells in rows[:HEADER_WITHIN]]
    most = max(known)
    # A single known name may be a cell of a mailbox: take the first row as the header then.
    if most < 2:
        return known[0], 0
    # Where another header further down has more names, the first one still counts.
    place = next(place for place, each in enumerate(known) if each > 1 and 2 * each >= most)
    return known[place], place


def _beginning(cells: Sequence[str]) -> Sequence[str]:
    """Return the cells of a row up to the limits of a header."""
    lengths = itertools.accumulate(map(len, cells[: MAX_COLUMNS + 1]))
    return cells[: sum(1 for length in lengths if length <= MAX_HEADER_LENGTH)]


def _header(text: str, delimiter: str, names_known: NamesKnown) -> tuple[int, Sequence[str]]:
    """Return how many known names the header has with this delimiter, and the header."""
    top: list[Row] = []
    try:
        for number, cells in enumerate(csv.reader(_lines(text), delimiter=delimiter), 1):
            if any(map(str.strip, cells)):
                top.append((number, cells[: MAX_COLUMNS + 1]))
            if len(top) == HEADER_WITHIN or number == _LINES_OF_HEADER:
                break
    except csv.Error:
        pass
    if not top:
        return 0, ()
    known, place = header_of(top, names_known)
    return known, top[place][1]


def _lines(text: str) -> Iterator[str]:
    # A lone carriage return ends a line only in a file without line feeds (old Mac files). In
    # others it would split a row in two; there the csv module refuses it.
    return io.StringIO(text, newline="\n" if "\n" in text else "")


def _numbered(reader: Iterator[list[str]]) -> Iterator[Row]:
    for number in itertools.count(1):
        try:
            cells = next(reader, None)
        except csv.Error as fault:
            words = str(fault)
        else:
            if cells is None:
                return
            yield number, cells
            continue
        # Raised outside of the handler: the frames of csv.Error hold rows.
        raise FileError("malformed_csv", _malformed(number, words), {"row": number})


def _malformed(row: int, fault: str) -> Words:
    if "field limit" in fault:
        return say(
            "In row %(row)s a cell is longer than any mailbox needs: look there for a quotation "
            "mark that opens and never closes.",
            row=row,
        )
    if "unexpected end of data" in fault:
        return say(
            "In row %(row)s a quotation mark opens and never closes, so that nothing after it can "
            "be read: close it, or double it where it is part of a value.",
            row=row,
        )
    if "new-line" in fault:
        return say(
            "In row %(row)s a carriage return stands within a value: type the value anew, or put "
            "it in quotation marks.",
            row=row,
        )
    return say(
        "In row %(row)s more text follows after a closing quotation mark: double the quotation "
        "marks that are part of a value.",
        row=row,
    )
