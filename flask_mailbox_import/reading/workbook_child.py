"""The script that reads a workbook from standard input and writes its sheets as JSON.

``workbook_child.py MEMORY SECONDS ROWS COLUMNS TEXT [PATH]``: it may take MEMORY bytes beyond its
start and SECONDS of CPU time. It returns at most COLUMNS columns of each sheet, and TEXT bytes in
all. PATH is the folder of the reader. A sheet is ``[name, [[number, [text, ...], kinds], ...]]``
with the number that a spreadsheet shows beside the row, and a letter for each cell:

``t`` text or nothing, ``n`` a number, ``%`` shown as a percentage, ``$`` shown as an amount of
money, ``d`` a date, with or without a time, ``h`` a time or a duration, ``b`` true or false, ``f``
a formula without a value, ``e`` an error.

Of the rows with a text at most ROWS are returned; of those beyond, the ones with an @ are marked
by ``["@"]``, the others are left out. The exit code is 3 where the workbook is damaged or has a
password, 4 where it is no workbook. At a limit the script ends with another exit code or by a
signal.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import io
import json
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import workbook_parts as parts
else:
    # An isolated Python does not look for modules beside its script.
    _spec = importlib.util.spec_from_file_location(
        "workbook_parts", Path(__file__).with_name("workbook_parts.py")
    )
    parts = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(parts)

_MAX_SHEETS, _MAX_NAME = 20, 64
_DAMAGED, _NO_WORKBOOK = 3, 4
#: Bytes that a row and a cell count beside their text.
_ROW, _CELL = 32, 9
#: Spreadsheets keep 15 digits of a number. No column takes one with more than 19 places.
_DIGITS, _PLACES = 15, 19
#: Bytes of a part that are looked at for the kinds of cells. 500 rows have 0.7 MB, 10,000 13 MB.
_PART, _PART_A_ROW = 2 << 20, 2048
_KINDS = {
    **dict.fromkeys((int, float), "n"),
    **dict.fromkeys((datetime.date, datetime.datetime), "d"),
    **dict.fromkeys((datetime.time, datetime.timedelta), "h"),
    bool: "b",
    str: "t",
}

#: The number of a row, its texts and their kinds.
Row = tuple[int, list[str], str]


class Room:
    """How many bytes may still be returned: a workbook may show one text a million times."""

    def __init__(self, size: int) -> None:
        self._size = size

    def take(self, texts: list[str]) -> list[str]:
        """Return the cells of a row; end the process where there is no room."""
        self._size -= _ROW + sum(len(text.encode()) + _CELL for text in texts)
        if self._size < 0:
            sys.exit("too much text")
        return texts


class Merges:
    """Fills cells that are merged over rows down. ``first`` is the first column of the cells."""

    def __init__(self, ranges: Iterable[parts.Range], first: int) -> None:
        self._starts: dict[int, list[tuple[int, int]]] = {}
        #: For a column the last row that is filled, the text and its kind.
        self._open: dict[int, tuple[int, str, str]] = {}
        for (row, column), (last, _) in ranges:
            if last > row and column >= first:
                self._starts.setdefault(row + 1, []).append((column - first, last + 1))

    def fill(self, number: int, texts: list[str], kinds: list[str]) -> None:
        """Fill a row from those above it, and keep what those below it get."""
        for column, (last, text, kind) in list(self._open.items()):
            if last < number:
                del self._open[column]
            elif column < len(texts):
                texts[column], kinds[column] = text, kind
        for column, last in self._starts.get(number, ()):
            if column < len(texts):
                self._open[column] = last, texts[column], kinds[column]


class Reader:
    """Reads the rows of sheets within limits."""

    def __init__(self, max_rows: int, max_columns: int, room: Room) -> None:
        self._max_rows, self._max_columns, self._room = max_rows, max_columns, room

    def rows(self, sheet: Any, notes: parts.Notes, merges: list[parts.Range]) -> Iterator[Row]:
        """Yield the rows of a sheet that are returned."""
        first = sheet.start[1] if sheet.start else 0
        merged = Merges(merges or sheet.merged_cell_ranges or (), first)
        found = 0
        for number, cells in _with_notes(sheet.iter_rows(), notes):
            note = notes.get(number)
            if note is None and not any(cell != "" for cell in cells):
                continue
            is_text = any(type(cell) is str and cell and not cell.isspace() for cell in cells)
            found += is_text
            if is_text and found > self._max_rows:
                if any("@" in cell for cell in cells if type(cell) is str):
                    yield number, self._room.take(["@"]), "t"
                continue
            cells = cells[: self._max_columns]
            kinds = [_KINDS.get(type(cell), "t") for cell in cells]
            if note is not None:
                _apply(note[first : first + self._max_columns], cells, kinds)
            texts = [_text(cell) for cell in cells]
            if is_text or "f" in kinds or "e" in kinds:
                merged.fill(number, texts, kinds)
            elif not any(texts):
                continue
            yield number, self._room.take(texts), "".join(kinds)


def _with_notes(rows: Iterable[list[Any]], notes: parts.Notes) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows and their numbers, and those with notes that follow.

    The reader drops cells without a value that are below the others.
    """
    number = 0
    for number, row in enumerate(rows, 1):
        yield number, row
    yield from ((below, []) for below in sorted(notes) if below > number)


def _apply(note: Sequence[int], cells: list[Any], kinds: list[str]) -> None:
    """Put what the file says of the cells of a row in place of what their values say."""
    for column, byte in enumerate(note):
        letter = chr(byte & ~parts.FORMULA)
        is_value = column < len(cells) and cells[column] != ""
        if is_value and letter != "\0" and kinds[column] != "b":
            kinds[column] = letter
        elif not is_value and (byte & parts.FORMULA or letter == "e"):
            missing = column + 1 - len(cells)
            cells += [""] * missing
            kinds += ["t"] * missing
            kinds[column] = "e" if letter == "e" else "f"


def _text(cell: object) -> str:
    """Return the text of a cell. The formats of numbers and dates are not known here."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime.datetime) and not (cell.hour or cell.minute or cell.second):
        return cell.date().isoformat()
    return str(cell)


def _number(value: float) -> str:
    """Return the text of a number: a whole one without an exponent, if all its digits are kept."""
    text = f"{value:.{_DIGITS}g}"
    is_whole = value.is_integer() and abs(value) < 10**_PLACES
    return str(int(Decimal(text))) if is_whole and float(text) == value else text


def main(memory: int, seconds: int, max_rows: int, max_columns: int, text: int) -> None:
    """Limit this process; then read the workbook."""
    data = sys.stdin.buffer.read()
    _limit(memory, seconds)
    from python_calamine import CalamineError

    package = _package(data, _PART + _PART_A_ROW * max_rows)

    def read(book: bytes) -> list[tuple[str, list[Row]]]:
        return list(_sheets(book, package, Reader(max_rows, max_columns, Room(text))))

    try:
        sheets = read(data)
    except CalamineError:
        sheets = []
        if package is None:
            sys.exit(_DAMAGED)
        try:
            sheets = read(package.rewritten())
        except parts.NoWorkbook:
            sys.exit(_NO_WORKBOOK)
        except (CalamineError, *parts.FAULTS):
            sys.exit(_DAMAGED)
    # json.dumps, because json.dump writes each value by itself, which is slow.
    sys.stdout.buffer.write(json.dumps(sheets, ensure_ascii=False).encode())


def _limit(memory: int, seconds: int) -> None:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        pages = 0
    memory += pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _package(data: bytes, limit: int) -> parts.Package | None:
    """Return the parts of a workbook; None where it has none, or they are damaged."""
    try:
        return parts.Package(data, limit) if data.startswith(b"PK") else None
    except parts.FAULTS:
        return None


def _sheets(
    data: bytes, package: parts.Package | None, reader: Reader
) -> Iterator[tuple[str, list[Row]]]:
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    names = [
        each.name
        for each in book.sheets_metadata
        if each.visible == SheetVisibleEnum.Visible and each.typ == SheetTypeEnum.WorkSheet
    ]
    for name in names[:_MAX_SHEETS]:
        notes: parts.Notes = {}
        merges: list[parts.Range] = []
        if package is not None:
            # What is damaged here is known by the types of the values alone.
            with contextlib.suppress(*parts.FAULTS):
                notes, merges = package.notes(name), package.merges(name)
        yield name[:_MAX_NAME], list(reader.rows(book.get_sheet_by_name(name), notes, merges))


if __name__ == "__main__":
    sys.path += sys.argv[6:]
    main(*map(int, sys.argv[1:6]))
