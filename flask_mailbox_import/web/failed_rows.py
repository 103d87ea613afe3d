"""The file of failed rows: makes it for a spreadsheet, and takes it back with its corrections."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Container, Iterable, Sequence

from flask import Request

from ..core.formula_guard import guarded
from ..core.host_columns import HostColumn
from ..core.rows import COLUMNS, OF_FAILED_ROWS, CheckedRow, FailedRow
from ..core.words import Words
from ..engine.state import current_state
from .forms import RETURN_FIELDS, read_options
from .uploads import uploaded_file

_ROW, *_WHY = OF_FAILED_ROWS


def failed_csv(
    rows: Iterable[FailedRow],
    host_columns: Sequence[HostColumn] = (),
    said: Callable[[Words], str] = str,
) -> bytes:
    """Return the file: CSV (RFC 4180) in UTF-8, with a byte-order mark for Excel.

    :param host_columns: the columns of the host's own that files may fill.
    :param said: puts a text into the reader's language.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_ROW, *COLUMNS, *(each.title for each in host_columns), *_WHY])
    names = (*COLUMNS, *(each.attribute for each in host_columns))
    for each in rows:
        # A password has no cell here.
        cells = [each.cells.get(name, "") for name in names]
        why = (said(each.result.error), said(each.result.hint))
        writer.writerow(map(guarded, (str(each.row), *cells, *why)))
    return text.getvalue().encode("utf-8-sig")


def retry_file(
    request: Request, import_id: str, workspace_id: str, *, beside: Container[str] = ()
) -> list[CheckedRow]:
    """Test failed rows again as the file in a form says, see ``Importer.retry_file``.

    :param beside: other fields that the form may have.
    :returns: the rows that are not tested, with their failures.
    :raises RequestError: 400 ``no_file``, ``invalid_field`` or ``invalid_mapping``.
    """
    options = read_options(request, workspace_id, beside=beside, fields=RETURN_FIELDS)
    return current_state().importer.retry_file(
        import_id,
        uploaded_file(request).stream,
        workspace_id=workspace_id,
        encoding=options.encoding,
        column_mapping=options.column_mapping,
    )
