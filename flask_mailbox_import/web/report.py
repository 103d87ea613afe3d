"""What came of an import, as a CSV file for a spreadsheet: no password, no formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import astuple, fields

from ..core.rows import ReportRow

# What makes a spreadsheet take a cell for a formula (OWASP ASVS 5.0 section 1.2.10), and how
# such characters look in full width.
_FORMULA = frozenset("=+-@|\t\r\n\ufffd\uff1d\uff0b\uff0d\uff20\uff5c")

_INSIDE = re.compile(r"([;\t|]\s*)(?=[=+@-])")


def report_csv(rows: Iterable[ReportRow]) -> bytes:
    """Return the report: CSV (RFC 4180) in UTF-8, with the mark by which Excel knows that."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(each.name for each in fields(ReportRow))
    for row in rows:
        writer.writerow(_safe(str(each)) for each in astuple(row))
    return text.getvalue().encode("utf-8-sig")


def _safe(text: str) -> str:
    """Return a cell that no spreadsheet computes: an apostrophe before it makes it text."""
    # Python 3.10 writes no NUL, and no spreadsheet shows one.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    # Where a spreadsheet takes another delimiter than ours, a cell begins behind that as well.
    text = _INSIDE.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ")[:1] in _FORMULA and text.strip(" ") else text
