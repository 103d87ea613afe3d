"""Takes off the spaces by which programs make the columns of a table even."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.rows import SECRET_COLUMNS
from .csv_rows import Row

#: So many rows with an address, and so many even columns, or it is by chance. Of one row one column
#: more has to be even.
_FEWEST = 2


def without_padding(
    records: tuple[Row, ...],
    header: Sequence[str],
    names: Sequence[str | None],
    *,
    is_ruled: bool,
) -> tuple[tuple[Row, ...], tuple[int, ...]]:
    """Return records without padding in their columns of passwords, and the places of these.

    Only there it matters: other cells lose their outer spaces anyway.

    :param is_ruled: lines of dashes stand between rows, as only programs write them.
    """
    rows = [row.cells for row in records if any("@" in cell for cell in row.cells)]
    even = [place for place in range(len(header)) if _is_even(_column(header, rows, place))]
    spaced = [place for place in range(len(header) - 1) if _is_spaced(_column(header, rows, place))]
    if is_ruled:
        places = tuple(place for place, name in enumerate(names) if name in SECRET_COLUMNS)
        return _cut(records, places, None), places
    if len(even) >= (_FEWEST if len(rows) >= _FEWEST else _FEWEST + 1):
        places = tuple(place for place in even if names[place] in SECRET_COLUMNS)
        return _cut(records, places, None), places
    if len(spaced) == len(header) - 1 and rows:
        places = tuple(place for place in spaced if names[place] in SECRET_COLUMNS)
        return _cut(records, places, 1), places
    return records, ()


def _column(header: Sequence[str], rows: Iterable[Sequence[str]], place: int) -> list[str]:
    return [each[place] if len(each) > place else "" for each in (header, *rows)]


def _is_even(cells: Sequence[str]) -> bool:
    """Tell whether all cells are equally long, because spaces follow the shorter ones."""
    bare = {len(each.rstrip(" ")) for each in cells}
    return len({len(each) for each in cells}) == 1 and len(bare) > 1


def _is_spaced(cells: Sequence[str]) -> bool:
    """Tell whether one space follows each cell."""
    return all(each.endswith(" ") and not each.endswith("  ") for each in cells)


def _cut(records: tuple[Row, ...], places: Sequence[int], most: int | None) -> tuple[Row, ...]:
    """Take spaces off the end of these cells; ``most``: how many, None: all."""
    if not places:
        return records

    def cut(place: int, cell: str) -> str:
        if place not in places:
            return cell
        return cell.rstrip(" ") if most is None else cell.removesuffix(" " * most)

    return tuple(
        row._replace(cells=tuple(cut(place, cell) for place, cell in enumerate(row.cells)))
        for row in records
    )
