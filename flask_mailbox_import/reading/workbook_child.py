"""The script that reads a workbook from standard input and writes its sheets as JSON.

``workbook_child.py MEMORY SECONDS ROWS COLUMNS TEXT [PATH]``: it may take MEMORY bytes beyond its
start and SECONDS of CPU time. It returns at most ROWS rows and COLUMNS columns of each sheet, and
TEXT bytes in all. PATH is the folder of the reader. A sheet is
``[name, [[number, [text, ...]], ...]]`` with the number that a spreadsheet shows beside the row;
rows beyond ROWS are only marked. The exit code is 3 where the workbook is damaged or has a
password. At a limit the script ends with another exit code or by a signal.
"""

from __future__ import annotations

import datetime
import io
import json
import resource
import sys
from pathlib import Path

_MAX_SHEETS, _MAX_NAME = 20, 64
_DAMAGED = 3
#: Bytes that a row and a cell count beside their text.
_ROW, _CELL = 16, 8
#: Spreadsheets keep 15 digits of a number.
_DIGITS = 10**15


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


def main(memory: int, seconds: int, max_rows: int, max_columns: int, text: int) -> None:
    """Limit this process; then read the workbook."""
    data = sys.stdin.buffer.read()
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        pages = 0
    memory += pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = [
            each.name
            for each in book.sheets_metadata
            if each.visible == SheetVisibleEnum.Visible and each.typ == SheetTypeEnum.WorkSheet
        ]
        room = Room(text)
        sheets = [
            (
                name[:_MAX_NAME],
                list(_rows(book.get_sheet_by_name(name).iter_rows(), max_rows, max_columns, room)),
            )
            for name in names[:_MAX_SHEETS]
        ]
    except CalamineError:
        sys.exit(_DAMAGED)
    # json.dumps, because json.dump writes each value by itself, which is slow.
    sys.stdout.buffer.write(json.dumps(sheets, ensure_ascii=False).encode())


def _rows(rows, max_rows: int, max_columns: int, room: Room):  # type: ignore[no-untyped-def]
    found = 0
    for number, row in enumerate(rows, 1):
        if any(cell != "" for cell in row):
            cells = [_text(cell) for cell in row[:max_columns]] if found < max_rows else ["-"]
            found += 1
            yield number, room.take(cells)


def _text(cell: object) -> str:
    """Return the text of a cell. The formats of numbers and dates are not known here."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _DIGITS else f"{cell:.15g}"
    if isinstance(cell, datetime.datetime) and not (cell.hour or cell.minute or cell.second):
        return cell.date().isoformat()
    return str(cell)


if __name__ == "__main__":
    sys.path += sys.argv[6:]
    main(*map(int, sys.argv[1:6]))
