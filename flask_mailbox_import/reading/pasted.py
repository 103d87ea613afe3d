"""Turns rows that were pasted as text into a file, with the names of columns if they have none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from ..core.validators import shown_server

#: A line that begins with an address, and what stands behind it.
_ROW = re.compile(r"\s*(?:mailto:)?<?([^\s,;\t<>\"]+@[^\s,;\t<>\"]+)>?\s*([\t,;])\s*(.*?)\s*")
_PORT = re.compile(r"[0-9]{2,5}")
_NAMES = ("email", "password", "smtphost", "imaphost")


def pasted_file(text: str) -> bytes:
    """Return pasted rows as the bytes of a file.

    With headings the text is left as it is. Rows without are an address and a password, and may
    have the servers behind them: a blank that follows a comma is not a part of a password, and a
    comma within it is.
    """
    lines = [each for each in text.splitlines() if each.strip()]
    found = [_ROW.fullmatch(each) for each in lines]
    rows = [each.groups() for each in found if each is not None]
    if not rows or len(rows) < len(lines):
        return text.encode()
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    cells = [[address, *_cells(rest, delimiter)] for address, delimiter, rest in rows]
    writer.writerow(_NAMES[: max(map(len, cells))] if _fit(cells) else _NAMES[:2])
    writer.writerows(cells if _fit(cells) else [[address, rest] for address, _, rest in rows])
    return file.getvalue().encode()


def _cells(rest: str, delimiter: str) -> list[str]:
    """Return the password of a row, and the servers that stand behind it."""
    cells = [each.strip() for each in rest.split(delimiter)]
    servers: list[str] = []
    while len(cells) > 1 and len(servers) < len(_NAMES) - 2 and _is_server(cells[-1]):
        servers.insert(0, cells.pop())
    return [delimiter.join(cells) if servers else rest, *servers]


def _is_server(text: str) -> bool:
    return "." in text and bool(shown_server(text)) and not _PORT.fullmatch(text)


def _fit(rows: Iterable[list[str]]) -> bool:
    """Tell whether all rows have as many servers: else what looks like one may be a password."""
    return len({len(each) for each in rows}) == 1
