"""Turns the text of a CSV file (RFC 4180) into numbered rows, as programs really write them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..core.errors import FileError
from ..core.rows import MAX_COLUMNS
from ..core.words import Words, say

#: The usual ones come first: the first counts where two give as many known names.
DELIMITERS = (",", ";", "\t", "|", "^", ":", "~", "\uff0c", "\uff1b", "\u00a6", "\u2502", "\x1f")
#: How much of a text is searched for delimiters.
_BEGINNING = 100_000

_QUOTE = '"'
#: Blanks that people and programs put beside quotation marks.
_BLANKS = " \t\u00a0\u2002-\u200a\u202f\u3000"
_SPACED_QUOTE = re.compile(rf'[{_BLANKS}]+"')
_BLANK_AND_QUOTE = re.compile(rf'[{_BLANKS}]"')
_REMARK = ("#", "//", "--")
# Lines of "---" and what psql writes below a table are no rows.
_RULER = re.compile(r"[-=+_|:~\u2500-\u257f\s]+")
_FOOTER = re.compile(
    r"\(?[0-9]{1,9} (?:rows?|records?|Zeilen?|lignes?|filas?|righe|linhas?)\b[^@]{0,40}"
    r"|(?:Time|Zeit): [^@]{0,20}",
    re.IGNORECASE,
)
_LEAST_RULER = 3
#: Characters. A longer record is refused as it is.
_LONGEST_REPAIRED = 10_000


class Row(NamedTuple):
    """A row of a file."""

    #: The number that a spreadsheet shows beside it.
    number: int
    cells: Sequence[str]
    #: It begins with ``#`` or ``//``, outside of quotation marks.
    is_remark: bool = False
    #: In a workbook, for each cell a letter for its type, see ``workbook.py``.
    kinds: str = ""
    #: The whole row stands in one cell, and could not be taken apart.
    is_packed: bool = False


def delimiters_of(text: str) -> list[str]:
    """Return the delimiters that a text may have; a comma is always one of them."""
    beginning = text[:_BEGINNING]
    return [each for each in DELIMITERS if each in beginning or each == ","]


def csv_rows(text: str, delimiter: str, *, after_space: bool) -> Iterator[Row]:
    """Return the rows of a text.

    :param after_space: spaces after a delimiter are dropped.
    :raises FileError: ``malformed_csv``.
    """
    lines = _Lines(text)
    settings = {"delimiter": delimiter, "skipinitialspace": after_space}
    reader = csv.reader(lines, strict=True, **settings)  # type: ignore[arg-type]
    number = 0
    while True:
        lines.taken.clear()
        fault = ""
        try:
            cells = next(reader, None)
        except csv.Error as found:
            cells, fault = [], str(found)
        if cells is None:
            return
        raw = lines.taken[0] if len(lines.taken) == 1 else "".join(lines.taken)
        # Raised outside of the handler: the frames of csv.Error hold rows.
        if fault:
            several = _repaired(raw, delimiter)
            if not several:
                words = _malformed(number + 1, fault, raw, delimiter)
                raise FileError("malformed_csv", words, {"row": number + 1})
        elif _BLANK_AND_QUOTE.search(raw) and any(map(_SPACED_QUOTE.match, cells)):
            several = _repaired(raw, delimiter) or [cells]
        else:
            several = [cells]
        for place, each in enumerate(several):
            number += 1
            begins = raw if not place else "".join(each[:1])
            yield Row(number, each, is_remark=begins.startswith(_REMARK))


def first_rows(text: str, delimiter: str, limit: int) -> Iterator[Row]:
    """Return the first rows of a text, as far as they can be read."""
    try:
        for number, cells in enumerate(csv.reader(_Lines(text), delimiter=delimiter), 1):
            if number > limit:
                return
            yield Row(number, cells)
    except csv.Error:
        return


def is_ruler(filled: Sequence[str]) -> bool:
    """Tell whether the cells of a row that are filled are a line of dashes between rows."""
    if not filled or not _RULER.match(filled[0]):
        return False
    return max(map(len, filled)) >= _LEAST_RULER and all(map(_RULER.fullmatch, filled))


def is_footer(filled: Sequence[str]) -> bool:
    """Tell whether a row says how many rows a table has, as databases write below it."""
    return len(filled) == 1 and _FOOTER.fullmatch(filled[0]) is not None


def parsed(cell: str, delimiter: str) -> list[str]:
    """Return the cells of a row that stands in one cell; empty where it is none."""
    try:
        (cells,) = csv.reader([cell], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        return []
    return cells


class _Lines:
    """The lines of a text; ``taken`` are those that were read."""

    def __init__(self, text: str) -> None:
        # A lone carriage return ends a line only in a file without line feeds (old Mac files). In
        # others the csv module refuses it, and `_repaired` looks whether it ends a row.
        self._lines = io.StringIO(text, newline="\n" if "\n" in text[:-1] else "")
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken.append(line)
        return line


def _repaired(raw: str, delimiter: str) -> list[list[str]]:
    """Return the rows of a record whose ends of lines or spaces beside quotation marks are odd.

    It is empty where that does not help.
    """
    if len(raw) > _LONGEST_REPAIRED:
        return []
    pieces = _split_at_returns(_without_spaces(raw, delimiter))
    if len(pieces) > 1 and not all("@" in each for each in pieces):
        return []
    found = [parsed(each, delimiter) for each in pieces]
    return found if len({len(each) for each in found}) == 1 and all(found) else []


def _without_spaces(raw: str, delimiter: str) -> str:
    """Return a record without spaces in front of and behind its quoted cells."""
    end = rf"(?={re.escape(delimiter)}|[\r\n]|$)"
    # A quoted cell between spaces, or any other text up to a delimiter.
    blank = f"[{_BLANKS.replace(delimiter, '')}]*"
    cell = re.compile(rf'{blank}("(?:[^"]|"")*"){blank}{end}|[^{re.escape(delimiter)}]*')
    kept: list[str] = []
    place = 0
    while place < len(raw):
        found = cell.match(raw, place)
        if found is None:
            return raw
        kept.append(found[1] or found[0])
        kept.append(raw[found.end() : found.end() + 1])
        place = found.end() + 1
    return "".join(kept)


def _split_at_returns(raw: str) -> list[str]:
    """Split a record at lone carriage returns outside of quotation marks."""
    pieces = [""]
    for place, text in enumerate(raw.rstrip("\r\n").split(_QUOTE)):
        first, *others = re.split(r"\r(?!\n)", text) if place % 2 == 0 else [text]
        pieces[-1] += (_QUOTE if place else "") + first
        pieces += others
    return pieces


def _malformed(row: int, fault: str, raw: str, delimiter: str) -> Words:
    if "field limit" in fault:
        return say(
            "In row %(row)s a cell is longer than any mailbox needs: look there for a quotation "
            "mark that opens and never closes.",
            row=row,
        )
    if '\\"' in raw:
        return say(
            'In row %(row)s a backslash stands in front of a quotation mark (\\"): write two '
            'quotation marks ("") in its place.',
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
        "In row %(row)s, cell %(cell)s, more text follows after a closing quotation mark: double "
        "the quotation marks that are part of a value, and put the value in quotation marks.",
        row=row,
        cell=_odd_cell(raw, delimiter),
    )


def _odd_cell(raw: str, delimiter: str) -> int:
    """Return the place, from 1 on, of the first cell with text after its closing mark."""
    quoted = re.compile(r'"(?:[^"]|"")*"')
    start = 0
    for count in range(1, MAX_COLUMNS + 1):
        cell = quoted.match(raw, start)
        end = cell.end() if cell is not None else raw.find(delimiter, start)
        if raw[end : end + 1] != delimiter:
            return count
        start = end + 1
    return MAX_COLUMNS
