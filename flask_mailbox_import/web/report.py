"""Makes the report of an import: a CSV file for a spreadsheet, without passwords and formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable

from ..core.rows import RowResult
from ..core.words import Words

# A spreadsheet reads a cell that begins with one of these as a formula (OWASP ASVS 5.0 section
# 1.2.10). The last five are full-width forms.
_FORMULA = frozenset("=+-@|\t\r\n\ufffd\uff1d\uff0b\uff0d\uff20\uff5c")

_INSIDE = re.compile(r"([;\t|]\s*)(?=[=+@-])")


_COLUMNS = ("row", "email", "status", "code", "error", "hint", "smtphost", "smtpport")


def report_csv(rows: Iterable[RowResult], said: Callable[[Words], str] = str) -> bytes:
    """Return the report: CSV (RFC 4180) in UTF-8, with a byte-order mark for Excel.

    :param said: puts a text into the reader's language.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for each in rows:
        why = (each.code.value if each.code else "", said(each.error), said(each.hint))
        server = (each.smtp_host, str(each.smtp_port or ""))
        writer.writerow(map(_safe, (str(each.row), each.email, each.status.value, *why, *server)))
    return text.getvalue().encode("utf-8-sig")


def _safe(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe makes it a text."""
    # Python 3.10 cannot write a NUL, and no spreadsheet shows one.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    # A spreadsheet may split the cell at another delimiter; each part must be safe.
    text = _INSIDE.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ")[:1] in _FORMULA and text.strip(" ") else text
