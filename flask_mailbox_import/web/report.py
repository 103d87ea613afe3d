"""Makes the report of an import: a CSV file for a spreadsheet, without passwords and formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable

from ..core.formula_guard import guarded
from ..core.rows import RowResult
from ..core.words import Words

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
        writer.writerow(map(guarded, (str(each.row), each.email, each.status.value, *why, *server)))
    return text.getvalue().encode("utf-8-sig")
