"""Tells the rows of a table that are mailboxes from remarks, and from rows of defaults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..core.rows import ROW_NUMBER
from .csv_rows import Row, is_footer, is_ruler, parsed
from .encryption_words import said_of_security
from .spelling import address_of, is_nothing

_NUMBER = re.compile(r"#?[0-9]{1,9}(?:[.,][0-9]{1,3})?[.)]?")
#: Columns that are filled in for a mailbox, and for nothing else.
_OF_A_MAILBOX = frozenset(
    {
        *("email", "password", "smtppassword", "imappassword", "username", "smtpusername"),
        *("imapusername", "displayname", "firstname", "lastname"),
    }
)
_HOSTS = frozenset({"smtphost", "imaphost"})
#: A longer text is neither a port nor a word for encryption.
_LONGEST_DEFAULT = 32
#: So many texts of hosts are remembered.
_MOST_HOSTS = 1000


class Sieve:
    """Keeps the rows of a table that are mailboxes, and counts the others.

    :param names: our name for each column, as far as its name tells.
    :param has_remarks: the first column is surely the address: a row may be a remark.
    :param delimiters: by which a row that stands in one cell may be taken apart; "" is none.
    """

    def __init__(
        self, names: Sequence[str | None], delimiters: Iterable[str], *, has_remarks: bool
    ) -> None:
        self._names = names
        self._delimiters = tuple(dict.fromkeys(each for each in delimiters if each))
        self._email = names.index("email") if "email" in names else 0
        self._has_remarks = has_remarks
        # Each row of a file of failed rows has a number, however little else it has.
        self._is_numbered = ROW_NUMBER in names
        self._hosts: set[tuple[int, str]] = set()
        self._places = [place for place, name in enumerate(names) if name in _HOSTS]
        #: How many rows are remarks, and how many hold only what every row holds.
        self.remarks = self.defaults = 0
        #: A line of dashes stands between rows.
        self.is_ruled = False
        #: How many rows stood in one cell and were taken apart.
        self.taken_apart = 0
        #: How many rows came until the last mailbox, and this one.
        self.passed = 0
        self._seen = 0

    def is_mailbox(self, row: Row) -> bool:
        """Tell whether a row is a mailbox; count it."""
        self._seen += 1
        is_remark = row.is_remark and self._has_remarks
        # The quick way: there may be many thousands of rows to count.
        if not is_remark and any("@" in each for each in row.cells):
            self._keep_hosts(row)
            self.passed = self._seen
            return True
        filled = [(place, text) for place, each in enumerate(row.cells) if (text := each.strip())]
        texts = [text for _, text in filled]
        if is_ruler(texts):
            self.remarks += 1
            self.is_ruled = True
        elif is_remark or is_footer(texts):
            self.remarks += 1
        elif not self._is_numbered and self._is_default(filled):
            self.defaults += 1
        else:
            self.passed = self._seen
            return True
        return False

    def _keep_hosts(self, row: Row) -> None:
        if len(self._hosts) < _MOST_HOSTS:
            self._hosts |= {
                (place, text)
                for place in self._places
                if place < len(row.cells) and (text := row.cells[place].strip())
            }

    def _is_default(self, filled: Sequence[tuple[int, str]]) -> bool:
        """Tell whether a row has no mailbox, but only ticks, numbers, and what others have too."""
        return all(self._may_be_default(place, text) for place, text in filled)

    def _may_be_default(self, place: int, cell: str) -> bool:
        name = self._name(place)
        if name in _OF_A_MAILBOX:
            return is_nothing(cell)
        if name in _HOSTS:
            return (place, cell) in self._hosts
        if name is None:
            return _NUMBER.fullmatch(cell) is not None or said_of_security(cell) in ("yes", "no")
        return len(cell) <= _LONGEST_DEFAULT

    def _name(self, place: int) -> str | None:
        return self._names[place] if place < len(self._names) else None

    def opened(self, row: Row, suffix: str) -> Row:
        """Return a row; one that stands in one cell is taken apart, or marked as such.

        :param suffix: what does not belong to its last cell.
        """
        row = _without(row, suffix)
        if len(self._names) == 1 or any(map(str.strip, row.cells[1:])):
            return row
        text = row.cells[0].strip()
        if len(text) > _LONGEST_PACKED:
            return row._replace(is_packed=True)
        for delimiter in self._delimiters:
            cells = parsed(text, delimiter) if delimiter in text else []
            if len(cells) == len(self._names) and "@" in cells[self._email]:
                self.taken_apart += 1
                return row._replace(cells=cells)
        return row._replace(is_packed=True) if _is_several(text) else row


#: Characters. A row in one cell is no longer.
_LONGEST_PACKED = 2_000
#: What stands between the parts of a row in one cell; within other texts once at most.
_BETWEEN = frozenset(" \t,;|:^~=&\u00a6\u2192\u2013\u3001\uff0c\uff1b")
_ONCE = frozenset(" :=&")


def _is_several(text: str) -> bool:
    """Tell whether a text is several cells in one."""
    found = address_of(text)
    if found is not None and _BETWEEN.isdisjoint(found[0]):
        return False
    between = [each for each in text if each in _BETWEEN]
    return bool(between) if "@" in text else len([e for e in between if e not in _ONCE]) > 1


def _without(row: Row, suffix: str) -> Row:
    if not suffix or not row.cells or not row.cells[-1].endswith(suffix):
        return row
    return row._replace(cells=(*row.cells[:-1], row.cells[-1].removesuffix(suffix)))
