"""Corrections of failed rows: of one row, or of all that match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..core.causes import Where
from ..core.errors import NotRetryable
from ..core.host_columns import HostColumn
from ..core.rows import COLUMNS, StagedRow
from ..core.secret import Secret
from ..core.validators import one_line
from ..core.words import Words, say
from ..reading.header_names import folded
from ..reading.host_columns import names_in_calls

#: New values by our column names. A password may be a Secret already.
Values = Mapping[str, str | Secret]
#: New values by row number.
Corrections = Mapping[int, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One correction of every failed row that matches; without values they are tested as is."""

    where: Where
    values: Values


def corrections_of(
    failed: Iterable[StagedRow],
    corrections: Corrections,
    changes: Sequence[Change],
    host_columns: Sequence[HostColumn],
) -> Corrections:
    """Return the corrections of each row, by the names that records have.

    Of several changes the last one counts, and a correction of the row itself before all changes.

    :param host_columns: the columns of the host's own; each may go by any of its names.
    :raises NotRetryable: a name is no column, or there twice; or a change matches no row.
    """
    attributes = names_in_calls(host_columns)
    named = [_judged(say("A change"), each.values, attributes) for each in changes]
    found: dict[int, dict[str, str | Secret]] = {}
    unmatched = set(range(len(changes)))
    for row in failed:
        for number, change in enumerate(changes):
            if change.where.fits(row.code, row.smtp_host, row.smtp_port):
                unmatched.discard(number)
                found.setdefault(row.row, {}).update(named[number])
    if unmatched:
        raise NotRetryable(
            say("Change %(number)s fits no row that failed.", number=min(unmatched) + 1)
        )
    for number, values in corrections.items():
        judged = _judged(say("Row %(row)s", row=number), values, attributes)
        found.setdefault(number, {}).update(judged)
    return found


def _judged(whose: Words, values: Values, attributes: Mapping[str, str]) -> dict[str, str | Secret]:
    found: dict[str, str | Secret] = {}
    for name, value in values.items():
        known = name if name in COLUMNS else attributes.get(folded(name))
        if known is None:
            listed = (*COLUMNS, *dict.fromkeys(attributes.values()))
            words = say(
                "%(whose)s: '%(column)s' is none of %(columns)s.",
                whose=whose,
                column=one_line(name)[:64],
                columns=", ".join(listed),
            )
            raise NotRetryable(words)
        if known in found:
            raise NotRetryable(
                say("%(whose)s: the column %(column)s is there twice.", whose=whose, column=name)
            )
        found[known] = value
    return found
