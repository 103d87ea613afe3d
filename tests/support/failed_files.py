"""The file of failed rows: got, corrected as a spreadsheet would save it, and sent back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from host_apps import Host
from import_calls import call
from mailbox_files import report_cells
from workbook_files import parts, zipped

Table = list[list[str]]


def got(host: Host, import_id: str) -> Table:
    """Return the cells of the file of failed rows, as the API gives it out."""
    answer = call(host, "GET", f"/{import_id}/failed.csv")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text
    return report_cells(answer.data)


def corrected(table: Table, corrections: dict[int, dict[str, str]]) -> Table:
    """Return a table with other cells in some of its rows, by the column ``row``."""
    header, *rows = table
    found = [header]
    for each in rows:
        cells = dict(zip(header, each, strict=True))
        found.append(list((cells | corrections.get(int(cells["row"]), {})).values()))
    return found


def as_csv(table: Table, delimiter: str = ",", encoding: str = "utf-8-sig") -> bytes:
    """Return a table as CSV, with the line ends of Windows."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(table)
    return text.getvalue().encode(encoding)


def as_xlsx(table: Table) -> bytes:
    """Return a table as Excel saves it: numbers and booleans have types of their own."""
    rows = (
        f'<row r="{number}">{"".join(map(_cell, _places(number, len(each)), each))}</row>'
        for number, each in enumerate(table, 1)
    )
    return zipped(parts("".join(rows)))


def _places(row: int, count: int) -> list[str]:
    return [f"{chr(ord('A') + place)}{row}" for place in range(count)]


def _cell(place: str, text: str) -> str:
    if text.isdecimal():
        return f'<c r="{place}"><v>{text}</v></c>'
    if text in ("true", "false"):
        return f'<c r="{place}" t="b"><v>{int(text == "true")}</v></c>'
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escaped}</t></is></c>'


def send_back(
    host: Host, import_id: str, file: bytes | Table, *, name: str = "failed.csv", **fields: str
) -> Any:
    """Send a file of failed rows back to its import."""
    data = file if isinstance(file, bytes) else as_csv(file)
    form = {"file": (io.BytesIO(data), name), **fields}
    return call(host, "POST", f"/{import_id}/retry", data=form)


def saved_by_a_spreadsheet(
    table: Table, columns: Sequence[str], how: Callable[[str], str]
) -> Table:
    """Return a table whose cells in some columns are written in another way."""
    header, *rows = table
    return [
        header,
        *(
            [
                how(cell) if name in columns else cell
                for name, cell in zip(header, each, strict=True)
            ]
            for each in rows
        ),
    ]
