"""Turns text into a header and numbered rows: delimiter, quotation marks, where the header is."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..core.errors import FileError
from ..core.rows import MAX_COLUMNS

_DELIMITERS = (",", ";", "\t", "|")
# What Excel writes, and reads, above the header; it is no row there either.
_SEP_LINE = re.compile(r'"?sep=([^"\w\r\n])"?[,;\t|]*(\r\n|\r|\n)', re.ASCII | re.IGNORECASE)

MAX_HEADER_LENGTH = 10_000
#: Rows among which the header is looked for: people put a title above it.
HEADER_WITHIN = 10
#: Rows, blank ones too, within which a delimiter has to show.
_LINES_OF_HEADER = 1000

#: A row's number and its cells.
Row = tuple[int, Sequence[str]]
NamesKnown = Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file as rows of text; blank rows are left out but numbered."""

    #: The number that a spreadsheet shows beside the row: the first of the file is 1.
    header_row: int
    header: tuple[str, ...]
    #: The number of each row, and its cells.
    records: tuple[tuple[int, tuple[str, ...]], ...]
    #: Rows above the header that are not blank, such as a title.
    above: int
    #: Blank rows above the last record.
    blank: int
    #: What separates the cells; "" in a workbook.
    delimiter: str = ""
    #: Of a workbook: the sheet that was read, and those that have something in them as well.
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()


def read_csv(text: str, *, max_rows: int, names_known: NamesKnown) -> Table:
    """Read CSV (RFC 4180) delimited by comma, semicolon, tab, bar, or what a ``sep=`` line says.

    The delimiter is the one under which the header holds most of the names that ``names_known``
    counts; the spaces after it belong to it where they do in the header.

    :raises FileError: see :func:`table_of`, and ``malformed_csv``.
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
        # A quoted name may hold the delimiter itself: it is in pieces here.
        skipinitialspace=any(cell.startswith(" ") for cell in others)
        and all(cell.startswith(" ") or '"' in cell for cell in others),
        strict=True,
    )
    rows = _numbered(reader)
    return to_table(rows, max_rows=max_rows, names_known=names_known, delimiter=delimiter)


def to_table(
    rows: Iterable[Row], *, max_rows: int, names_known: NamesKnown, delimiter: str = ""
) -> Table:
    """Find the header among rows, and hold the rows below it that are not blank.

    :raises FileError: ``empty_file not_a_table no_rows too_many_rows``.
    """
    filled = (row for row in rows if any(map(str.strip, row[1])))
    top = list(itertools.islice(filled, HEADER_WITHIN))
    if not top:
        raise FileError("empty_file", "The file is empty: choose the file with your mailboxes.")
    known, place = header_of(top, names_known)
    header_row, header = top[place]
    _refuse_wide(header)
    below = itertools.chain(top[place + 1 :], filled)
    records = tuple((number, tuple(cells)) for number, cells in itertools.islice(below, max_rows))
    if not records and known:
        raise FileError(
            "no_rows", "The file has a header and nothing below it: add your mailboxes there."
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
        raise FileError(
            "not_a_table",
            f"The header has more than {MAX_COLUMNS} columns or {MAX_HEADER_LENGTH} characters: "
            "remove the columns that are not needed.",
        )


def _refuse_more(more: int, max_rows: int) -> None:
    if more:
        raise FileError(
            "too_many_rows",
            f"The file has {max_rows + more} mailboxes, but at most {max_rows} can be imported at "
            "once: split it into several files. Nothing was imported.",
            {"rows": max_rows + more, "maxRows": max_rows},
        )


def header_of(rows: Sequence[Row], names_known: NamesKnown) -> tuple[int, int]:
    """Return how many names the header among the first rows holds, and its place."""
    known = [names_known(_beginning(cells)) for _, cells in rows[:HEADER_WITHIN]]
    most = max(known)
    # One name alone may stand anywhere: the first row is the header then.
    if most < 2:
        return known[0], 0
    # A second header further down, with more names, is not the first.
    place = next(place for place, each in enumerate(known) if each > 1 and 2 * each >= most)
    return known[place], place


def _beginning(cells: Sequence[str]) -> Sequence[str]:
    """Return as many cells of a row as a header may have."""
    lengths = itertools.accumulate(map(len, cells[: MAX_COLUMNS + 1]))
    return cells[: sum(1 for length in lengths if length <= MAX_HEADER_LENGTH)]


def _header(text: str, delimiter: str, names_known: NamesKnown) -> tuple[int, Sequence[str]]:
    """Return what is the header if this is the delimiter, and how many names it holds."""
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
    # A carriage return alone ends a line only in a file that has no line feed (old Mac files);
    # elsewhere the csv module refuses it, in place of splitting a row in two.
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
        # Raised out here, since the reader's fault holds its frames.
        raise FileError("malformed_csv", _malformed(number, words), {"row": number})


def _malformed(number: int, fault: str) -> str:
    if "field limit" in fault:
        return (
            f"In row {number} a cell is longer than any mailbox needs: look there for a quotation "
            "mark that opens and never closes."
        )
    if "unexpected end of data" in fault:
        return (
            f"In row {number} a quotation mark opens and never closes, so that nothing after it "
            "can be read: close it, or double it where it is part of a value."
        )
    if "new-line" in fault:
        return (
            f"In row {number} a carriage return stands within a value: type the value anew, or "
            "put it in quotation marks."
        )
    return (
        f"In row {number} more text follows after a closing quotation mark: double the quotation "
        "marks that are part of a value."
    )
