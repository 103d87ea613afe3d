"""Bytes of a file -> header and records, numbered as a spreadsheet does; knows no meaning."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .errors import FileError

_DELIMITERS = (",", ";", "\t")
# A line of these alone is blank, whatever the delimiter will turn out to be.
_BLANK = " \t;,"

#: Wider than any export that was seen; a hostile header of a million columns stops here.
MAX_COLUMNS = 200

_OTHER_FILES = (
    (b"PK\x03\x04", "an Excel or OpenDocument workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file as rows of text; blank rows are left out but numbered."""

    header: tuple[str, ...]
    #: The number that a spreadsheet shows beside the row (the first line of the file is 1), cells.
    records: tuple[tuple[int, tuple[str, ...]], ...]


def read_table(data: bytes, *, max_rows: int, names_known: Callable[[Sequence[str]], int]) -> Table:
    """Read a CSV file (RFC 4180) in UTF-8, delimited by comma, semicolon or tab.

    The delimiter is the one under which the header holds most of the names that ``names_known``
    counts.

    :raises FileError: ``empty_file not_a_table unreadable_encoding malformed_csv no_rows
        too_many_rows``.
    """
    text = _decode(data)
    delimiter = max(_DELIMITERS, key=lambda each: names_known(_header(text, each)))
    rows = _numbered_rows(text, delimiter)
    header = next(rows, None)
    if header is None:
        raise FileError("empty_file", "The file is empty: choose the file with your mailboxes.")
    if len(header[1]) > MAX_COLUMNS:
        raise FileError("not_a_table", f"The first row has more than {MAX_COLUMNS} columns.")
    records = tuple(rows)
    if not records:
        raise FileError("no_rows", "The file has a header but no mailboxes below it.")
    if len(records) > max_rows:
        raise FileError(
            "too_many_rows",
            f"The file has {len(records)} mailboxes, but at most {max_rows} can be imported at "
            "once: split it into several files. Nothing was imported.",
            {"rows": len(records), "maxRows": max_rows},
        )
    return Table(header=header[1], records=records)


def _decode(data: bytes) -> str:
    for magic, name in _OTHER_FILES:
        if data.startswith(magic):
            raise FileError("not_a_table", f"This is {name}: save it as CSV (UTF-8) first.")
    text = _utf8(data)
    if "\0" in text.partition("\n")[0]:
        # UTF-16 without a mark: every second byte of its header is a NUL.
        raise FileError(
            "unreadable_encoding", "The file is not UTF-8 text: save it as 'CSV UTF-8' first."
        )
    if not text.strip():
        raise FileError("empty_file", "The file is empty: choose the file with your mailboxes.")
    # The csv module of Python 3.10 breaks off at a NUL: another control character faults the row.
    return text.replace("\0", "\x01")


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
    # Raised out here, since the fault holds the whole file.
    raise FileError(
        "unreadable_encoding",
        f"The text near line {line} is not UTF-8: save the file as 'CSV UTF-8' and try again.",
        {"line": line},
    )


def _lines(text: str) -> Iterator[str]:
    # A carriage return alone ends a line only in a file that has no line feed (old Mac files);
    # elsewhere the csv module refuses it, in place of splitting a row in two.
    return io.StringIO(text, newline="\n" if "\n" in text else "")


def _header(text: str, delimiter: str) -> Sequence[str]:
    try:
        rows = csv.reader(_lines(text), delimiter=delimiter)
        return next((row for row in rows if any(cell.strip(_BLANK) for cell in row)), [])
    except csv.Error:
        return []


def _numbered_rows(text: str, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as fault:
            raise FileError(
                "malformed_csv",
                f"Row {number} cannot be read ({fault}): look for a quotation mark that is not "
                "closed or not doubled.",
                {"row": number},
            ) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield number, tuple(cells)
