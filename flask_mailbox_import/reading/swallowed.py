"""Finds a quotation mark that is not closed and has made the rows after it a part of its cell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.errors import FileError
from ..core.words import say
from .header import Columns

#: How many lines of a cell are searched for rows, beside its first and its last line.
_LINES = 20
_ADDRESS = re.compile(r'"?[^\s@]+@[^\s@]+"?')
_HOST = re.compile(r'"?[^\s@]*\w\.\w[^\s@]*\s?"?')
#: No address and no host name is longer.
_LONGEST = 320


def refuse_swallowed(row: int, cells: Sequence[str], columns: Columns, delimiter: str) -> None:
    """Refuse a file in which one cell holds several lines that look like rows.

    A quotation mark that is not closed makes the following rows part of its cell. The first line
    of that cell is then the rest of the row in which it began. The other lines are rows; the last
    one is cut off at the next quotation mark.
    """
    if not delimiter:
        return
    width = max(len(columns.names), len(cells))
    for place, cell in enumerate(cells[: len(columns.names)]):
        if "@" not in cell:
            continue
        first, *others = cell.splitlines() or [""]
        some = [*others[:_LINES], *others[_LINES:][-1:]]
        lines = [[""] * place + first.split(delimiter), *(line.split(delimiter) for line in some)]
        # Together with the cells that follow this one, the last line may be a whole row.
        whole = len(lines[-1]) == place + 1 + width - len(cells)
        if others and _hold_a_mailbox(lines if whole else lines[1:-1], columns):
            words = say(
                "In row %(row)s a quotation mark opens and does not close in that row, so that the "
                "rows after it are a part of it: close it, or double it where it is part of a "
                "value.",
                row=row,
            )
            raise FileError("malformed_csv", words, {"row": row})


def _hold_a_mailbox(lines: Sequence[Sequence[str]], columns: Columns) -> bool:
    """Tell whether lines have an address and a host in the places of these columns.

    Both must stand in one line. The first and the last line count as one, because they are two
    pieces of one row.
    """

    def stands(group: Sequence[Sequence[str]], name: str, looks: re.Pattern[str]) -> bool:
        if name not in columns.names:
            return False
        place = columns.names.index(name)
        cells = (each[place] for each in group if len(each) > place)
        return any(len(cell) <= _LONGEST and looks.fullmatch(cell) for cell in cells)

    groups = [(lines[0], lines[-1]) if lines else (), *((each,) for each in lines)]
    return any(
        stands(group, "email", _ADDRESS) and stands(group, "smtphost", _HOST) for group in groups
    )
