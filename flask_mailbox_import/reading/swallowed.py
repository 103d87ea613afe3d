"""Finds a quotation mark that is not closed and has made the rows after it a part of its cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..core.errors import FileError
from ..core.rows import SECRET_COLUMNS
from ..core.words import say
from .header import Columns

#: How many lines of a cell are searched for rows, beside its first and its last line.
_LINES = 20
_ADDRESS = re.compile(r'"?[^\s@]+@[^\s@]+"?')
_HOST = re.compile(r'"?[^\s@]*\w\.\w[^\s@]*\s?"?')
_ANYTHING = re.compile(r".*\S.*")
#: No text has several lines in one of these columns.
_OF_ONE_LINE = SECRET_COLUMNS | {"email"}
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
        found = lines if whole else lines[1:-1]
        if others and (
            _hold_a_mailbox(found, columns, {"smtphost": _HOST})
            or (not columns.are_hosts_named and _hold_a_login(found, columns, place, len(lines[0])))
        ):
            words = say(
                "In row %(row)s a quotation mark opens and does not close in that row, so that the "
                "rows after it are a part of it: close it, or double it where it is part of a "
                "value.",
                row=row,
            )
            raise FileError("malformed_csv", words, {"row": row})


def _hold_a_login(
    lines: Sequence[Sequence[str]], columns: Columns, place: int, length: int
) -> bool:
    """Tell whether lines have an address and a password, where rows may name no server.

    :param place: that of the cell: in a text, a line is a row only with as many cells.
    :param length: how many cells the row has in which the cell began.
    """
    is_text = columns.names[place] not in _OF_ONE_LINE
    rows = [each for each in lines if len(each) == length] if is_text else lines
    return _hold_a_mailbox(rows, columns, {"password": _ANYTHING})


def _hold_a_mailbox(
    lines: Sequence[Sequence[str]], columns: Columns, beside: Mapping[str, re.Pattern[str]]
) -> bool:
    """Tell whether lines have an address in its place, and what stands beside it in a mailbox.

    Both must stand in one line. The first and the last line count as one, because they are two
    pieces of one row.

    :param beside: how another column looks; it need not be there.
    """
    wanted = {"email": _ADDRESS, **beside}

    def stands(group: Sequence[Sequence[str]], name: str, looks: re.Pattern[str]) -> bool:
        if name not in columns.names:
            return False
        place = columns.names.index(name)
        cells = (each[place] for each in group if len(each) > place)
        return any(len(cell) <= _LONGEST and looks.fullmatch(cell) for cell in cells)

    groups = [(lines[0], lines[-1]) if lines else (), *((each,) for each in lines)]
    return wanted.keys() <= set(columns.names) and any(
        all(stands(group, name, looks) for name, looks in wanted.items()) for group in groups
    )
