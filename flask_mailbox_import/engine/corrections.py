"""Judges the names of corrected cells: our columns, and those of the host's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.errors import NotRetryable
from ..core.host_columns import HostColumn
from ..core.rows import COLUMNS
from ..core.secret import Secret
from ..core.validators import one_line
from ..core.words import say
from ..reading.host_columns import attribute_of

#: By row number, the new values by our column names. A password may be a Secret already.
Corrections = Mapping[int, Mapping[str, str | Secret]]


def judged(corrections: Corrections, host_columns: Sequence[HostColumn]) -> Corrections:
    """Return the corrections, by the names that records have.

    :param host_columns: the columns of the host's own; each may go by any of its names.
    :raises NotRetryable: a name is none of these, or a column is named twice.
    """
    return {row: _judged(row, columns, host_columns) for row, columns in corrections.items()}


def _judged(
    row: int, columns: Mapping[str, str | Secret], host_columns: Sequence[HostColumn]
) -> dict[str, str | Secret]:
    found: dict[str, str | Secret] = {}
    for name, value in columns.items():
        known = name if name in COLUMNS else attribute_of(name, host_columns)
        if known is None:
            listed = (*COLUMNS, *(each.attribute for each in host_columns))
            words = say(
                "Row %(row)s: '%(column)s' is none of %(columns)s.",
                row=row,
                column=one_line(name)[:64],
                columns=", ".join(listed),
            )
            raise NotRetryable(words)
        if known in found:
            words = say("Row %(row)s: the column %(column)s is there twice.", row=row, column=known)
            raise NotRetryable(words)
        found[known] = value
    return found
