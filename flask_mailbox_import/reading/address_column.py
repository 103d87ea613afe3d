"""Finds the column of addresses by its cells, where its name does not tell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from .csv_rows import Row
from .spelling import address_of

#: The columns of user names.
_OF_LOGINS = frozenset({"username", "smtpusername", "imapusername"})
#: Words for an address that is not the mailbox's own.
_OF_ANOTHER = re.compile(
    r"\b(?:b?cc|reply|recovery|backup|alternat|second|other|alias|forward|manager|contact|owner"
    r"|notif|supervisor|billing|invoice|support|parent|assistant|weiterleitung|kopie|antwort"
    r"|ersatz|vorgesetzt|kontaktperson|rechnung|secours|copie|respuesta|recuperacion)"
)


def column_of_addresses(
    names: Sequence[str | None],
    header: Sequence[str],
    records: Sequence[Row],
    free: Collection[int],
    called: Collection[int],
    *,
    is_sure: bool,
) -> int | None:
    """Return the place of the only column whose cells are addresses; None where none is sure.

    A column of user names goes first. One that is called after somebody else's address, such as
    "Reply-To", is never taken.

    :param names: our name for each column.
    :param free: the places that may be taken.
    :param called: the places of columns that are called after addresses.
    :param is_sure: one of these is surely the right one, unlike "Address": only where it is empty
        throughout, user names stand in for it.
    """
    written = [cell for place in called for cell in _cells(records, place)]
    if any("@" in cell for cell in written) or (is_sure and written):
        return None
    of_logins = [place for place in free if names[place] in _OF_LOGINS]
    others = [place for place in free if names[place] is None and header[place].strip()]
    for places in (of_logins,) if is_sure else (of_logins, others):
        found = [
            place
            for place in places
            if not _OF_ANOTHER.search(_plain(header[place])) and _are_addresses(records, place)
        ]
        if found:
            return found[0] if len(found) == 1 or places is of_logins else None
    return None


def _plain(name: str) -> str:
    """Return a name in small letters without accents, its words apart."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]", " ", name[:128])
    return "".join(
        each
        for each in unicodedata.normalize("NFKD", apart.lower())
        if each.isalnum() or each == " "
    )


def _cells(records: Sequence[Row], place: int) -> list[str]:
    return [
        each.cells[place]
        for each in records
        if len(each.cells) > place and each.cells[place].strip()
    ]


def _are_addresses(records: Sequence[Row], place: int) -> bool:
    cells = _cells(records, place)
    enough = 2 * len(cells) >= len(records)
    return bool(cells) and enough and all(map(_is_address, cells))


def _is_address(cell: str) -> bool:
    found = address_of(cell)
    return found is not None and "." in found[0].rpartition("@")[2]
