"""Run as a script of its own: a workbook on standard input -> its sheets as JSON; may die of it.

``calamine_child.py MEMORY SECONDS ROWS COLUMNS CHARACTERS [PATH]``: bytes and CPU seconds that the
reader may take, what of each sheet is returned, and where the reader is installed. A sheet is
``[name, [[number, [text, ...]], ...]]``, the number as the spreadsheet shows it; rows beyond ROWS
are only marked. Ends with 3 where the workbook is damaged or has a password, and in any other way
where it is too much.
"""

from __future__ import annotations

import datetime
import io
import json
import resource
import sys
from pathlib import Path

_MAX_SHEETS = 20
_DAMAGED = 3
#: Spreadsheets keep 15 digits of a number.
_DIGITS = 10**15


def main(memory: int, seconds: int, *limits: int) -> None:
    """Limit this process, then read."""
    data = sys.stdin.buffer.read()
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        pages = 0
    size = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
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
        sheets = [
            (name, _rows(book.get_sheet_by_name(name).iter_rows(), *limits))
            for name in names[:_MAX_SHEETS]
        ]
    except CalamineError:
        sys.exit(_DAMAGED)
    json.dump(sheets, sys.stdout)


def _rows(rows, max_rows: int, max_columns: int, characters: int):  # type: ignore[no-untyped-def]
    found: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows, 1):
        if all(cell == "" for cell in row):
            continue
        if len(found) >= max_rows:
            found.append((number, ["-"]))
            continue
        texts = [_text(cell) for cell in row[:max_columns]]
        characters -= sum(map(len, texts))
        if characters < 0:
            sys.exit("too much text")
        found.append((number, texts))
    return found


def _text(cell: object) -> str:
    """Return what a cell shows; how a number or a date is formatted is not known here."""
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
