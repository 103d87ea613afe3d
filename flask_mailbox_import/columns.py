"""Header names -> our columns, and cells -> records with the passwords set apart; no validation."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .codes import Code
from .errors import FileError
from .records import Notice, Reason, Record, Secret
from .table import Table

REQUIRED = ("email", "password", "smtphost", "imaphost")
OPTIONAL = (
    *("smtpport", "imapport", "smtpsecure", "imapsecure", "displayname"),
    *("smtpusername", "smtppassword", "imapusername", "imappassword"),
)
COLUMNS = REQUIRED + OPTIONAL
SECRET_COLUMNS = frozenset({"password", "smtppassword", "imappassword"})

_IGNORED = re.compile(r"[\s_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a file is which of ours, by position."""

    names: tuple[str | None, ...]
    notices: tuple[Notice, ...] = ()


def names_known(header: Sequence[str]) -> int:
    """Count the cells of a header that name one of our columns."""
    return sum(_name_of(cell) is not None for cell in header)


def match_columns(header: Sequence[str]) -> Columns:
    """Find our columns in a header: in any order, case, spaces and underscores ignored.

    :raises FileError: ``missing_column`` or ``duplicate_column``.
    """
    names = tuple(_name_of(cell) for cell in header)
    found = [cell.strip() for cell in header if cell.strip()]
    if not any(names) or any("@" in cell for cell in found):
        # Not a header but a mailbox, password and all: nothing of it is repeated.
        raise FileError(
            "missing_column",
            f"The first row must name the columns: {', '.join(REQUIRED)}.",
            {"missing": list(REQUIRED)},
        )
    for name in COLUMNS:
        doubled = [cell.strip() for cell, known in zip(header, names, strict=True) if known == name]
        if len(doubled) > 1:
            raise FileError(
                "duplicate_column",
                f"The column {name} is there more than once ({', '.join(doubled)}): "
                "remove or rename one.",
                {"column": name, "found": doubled},
            )
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise FileError(
            "missing_column",
            f"The file has no column {' and no column '.join(missing)}. "
            f"Its first row must name the columns; found: {', '.join(found[:20])}.",
            {"missing": missing, "found": found},
        )
    return Columns(names=names, notices=_ignored(header, names))


def records(table: Table, columns: Columns) -> Iterator[Record]:
    """Turn the rows of a table into records; missing cells are empty, passwords stay as is."""
    for number, cells in table.records:
        named = zip(columns.names, cells, strict=False)
        texts = {name: cell for name, cell in named if name is not None}
        fault = None
        unnamed = itertools.zip_longest(cells, table.header, fillvalue="")
        if any(cell.strip() and not name.strip() for cell, name in unnamed):
            fault = _too_many_cells(sum(bool(name.strip()) for name in table.header))
            texts = _unshifted(texts)
        yield Record(
            row=number,
            cells={
                name: texts.get(name, "").strip() for name in COLUMNS if name not in SECRET_COLUMNS
            },
            secrets={name: Secret(texts.get(name, "")) for name in SECRET_COLUMNS},
            fault=fault,
        )


def _unshifted(texts: dict[str, str]) -> dict[str, str]:
    """Return what of a row with too many cells is not, perhaps, the end of a password."""
    before = itertools.takewhile(lambda item: item[0] not in SECRET_COLUMNS, texts.items())
    return {name: cell for name, cell in before if name == "email" and "@" in cell}


def _name_of(cell: str) -> str | None:
    name = _IGNORED.sub("", cell).casefold()
    return name if name in COLUMNS else None


def _ignored(header: Sequence[str], names: Sequence[str | None]) -> tuple[Notice, ...]:
    return tuple(
        Notice(
            row=1,
            column=cell.strip(),
            code="unknown_column",
            message=f"The column {cell.strip()} is not used.",
        )
        for cell, name in zip(header, names, strict=True)
        if name is None and cell.strip()
    )


def _too_many_cells(count: int) -> Reason:
    return Reason(
        code=Code.WRONG_COLUMN_COUNT,
        error=f"This row has more cells than the header's {count}.",
        hint="Put a cell that holds the delimiter itself in quotation marks.",
    )
