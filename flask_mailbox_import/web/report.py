"""What came of an import, as a CSV file for a spreadsheet: no password, no formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from ..core.rows import RowResult

# What makes a spreadsheet take a cell for a formula (OWASP ASVS 5.0 section 1.2.10), and how
# such characters look in full width.
_FORMULA = frozenset("=+-@|\t\r\n\ufffd\uff1d\uff0b\uff0d\uff20\uff5c")

_INSIDE = re.compile(r"([;\t|]\s*)(?=[=+@-])")


_COLUMNS = ("row", "email", "status", "code", "error", "hint")


def report_csv(rows: Iterable[RowResult]) -> bytes:
    """Return the report: CSV (RFC 4180) in UTF-8, with the mark by which Excel knows that."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for each in rows:
        failure = each.failure
        why = (failure.code.value, failure.error, failure.hint) if failure else ("", "", "")
        writer.writerow(map(_safe, (str(each.row), each.email, each.status.value, *why)))
    return text.getvalue().encode("utf-8-sig")


def _safe(text: str) -> str:
    """Return a cell that no spreadsheet computes: an apostrophe before it makes it text."""
    # Python 3.10 writes no NUL, and no spreadsheet shows one.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    # Where a spreadsheet takes another delimiter than ours, a cell begins behind that as well.
    text = _INSIDE.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ")[:1] in _FORMULA and text.strip(" ") else text
