"""Turns the cells of each row into a record: cleans them, but leaves passwords as they are."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from ..core.codes import Code
from ..core.errors import FileError
from ..core.explanations import Variant
from ..core.failures import Failure, failure_for, failure_of
from ..core.rows import COLUMNS, SECRET_COLUMNS, Record, RowWarning
from ..core.secret import Secret
from ..core.words import say
from .header import Columns, said_of_security
from .table import Table

_QUOTES = "\"'`\u00b4\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033"
#: Columns whose cells lose quotation marks around them: copying adds such marks.
_UNQUOTED = frozenset({"email", "smtphost", "imaphost", "smtpport", "imapport"})
#: Columns in which a space may have a meaning.
_SPACED = frozenset({"displayname", "smtpusername", "imapusername"})

_EMPTY = frozenset({"-", "\u2013", "\u2014", "n/a", "null"})
_MAY_BE_EMPTY = frozenset(COLUMNS) - SECRET_COLUMNS - {"email", "smtphost", "displayname"}

_PORTS = frozenset({"smtpport", "imapport"})
_LONGEST_PORT = 64
#: The formula ``="text"``: programs write it so that a spreadsheet does not change the text.
_FORMULA = re.compile(r'\s*="([^"]*)"\s*')
_WHOLE = re.compile(r"([0-9]{1,5})[.,]0{1,3}")
_SCIENTIFIC = re.compile(r"([0-9])(?:[.,]([0-9]{1,4}))?E\+0([0-4])")
_ANNOTATED = re.compile(r"([0-9]{1,5}) ?\([^()]{1,40}\)")
_THOUSANDS = re.compile(r"([0-9]{1,2})[.,' ]([0-9]{3})")

#: How many lines of a cell are searched for rows, beside its first and its last line.
_LINES = 20
_ADDRESS = re.compile(r'"?[^\s@]+@[^\s@]+"?')
_HOST = re.compile(r'"?[^\s@]*\w\.\w[^\s@]*\s?"?')
_WHOLE_ADDRESS = re.compile(r"[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+")
#: No address and no host name is longer.
_LONGEST = 320


def to_records(table: Table, columns: Columns) -> Iterator[Record]:
    """Turn the rows of a table into records. Missing cells are empty.

    :raises FileError: ``malformed_csv``: a quotation mark has swallowed the rows after it.
    """
    width = max(place for place, name in enumerate(table.header) if name.strip()) + 1
    for row, cells in table.records:
        if any("\n" in cell or "\r" in cell for cell in cells):
            _refuse_swallowed(row, cells, columns, table.delimiter)
        texts = {
            name: cell for name, cell in zip(columns.names, cells, strict=False) if name is not None
        }
        problem = None
        if any(cell.strip() for cell in cells[width:]):
            count = sum(bool(name.strip()) for name in table.header)
            problem = failure_for(Code.WRONG_COLUMN_COUNT, count=count)
        elif table.delimiter and _have_moved(texts):
            problem = failure_of(Variant.MOVED_CELLS)
        if problem is not None:
            texts = _unshifted(texts)
        yield _record(row, texts, problem)


def _record(row: int, texts: Mapping[str, str], problem: Failure | None) -> Record:
    warnings: list[RowWarning] = []
    cleaned = {
        name: _clean(row, name, text, warnings)
        for name, text in texts.items()
        if name not in SECRET_COLUMNS
    }
    cells = {name: cleaned.get(name, "") for name in COLUMNS if name not in SECRET_COLUMNS}
    both = f"{cleaned.get('firstname', '')} {cleaned.get('lastname', '')}"
    cells["displayname"] = cells["displayname"] or both.strip()
    for side in ("smtp", "imap"):
        cells[f"{side}username"] = cells[f"{side}username"] or cleaned.get("username", "")
        cells[f"{side}secure"] = cells[f"{side}secure"] or _security(side, cleaned)
    return Record(
        row=row,
        cells=cells,
        secrets={name: Secret(texts.get(name, "")) for name in sorted(SECRET_COLUMNS)},
        problem=problem,
        warnings=tuple(warnings),
    )


def _security(side: str, cells: Mapping[str, str]) -> str:
    """Return the encryption that the columns ``smtptls`` and ``smtpstarttls`` (or IMAP's) name."""
    if text := cells.get(f"{side}tls", ""):
        # By "TLS" people mean either kind. "TLS: no" does not rule out STARTTLS.
        return "tls" if said_of_security(text) in ("yes", "no") else text
    starttls = said_of_security(cells.get(f"{side}starttls", ""))
    return "starttls" if starttls in ("yes", "starttls") else ""


def _clean(row: int, column: str, text: str, warnings: list[RowWarning]) -> str:
    """Return what a cell means; add a warning where that differs from its text."""

    def warn(code: str, **values: str) -> None:
        warnings.append(RowWarning(row=row, column=column, code=code, values=values))

    if (formula := _FORMULA.fullmatch(text)) is not None:
        text = formula[1]
        warn("formula")
    text, before = _visible(text, spaced=column in _SPACED), text.strip(" \t\r\n")
    if text != before:
        warn("invisible_characters")
    if column in _UNQUOTED and text.strip(_QUOTES) != text:
        text = text.strip(_QUOTES).strip()
        warn("quotation_marks")
    if column in _MAY_BE_EMPTY and text.lower() in _EMPTY:
        warn("read_as_empty", text=text)
        return ""
    # A longer text is no port.
    if column in _PORTS and len(text) <= _LONGEST_PORT:
        number = _number(text)
        if number is not None:
            text = number
            warn("changed_number", text=text)
    return text


def _visible(text: str, *, spaced: bool) -> str:
    if text.isascii():
        return text.strip(" \t\r\n")
    space = " " if spaced else ""
    kinds = ((each, unicodedata.category(each)) for each in text)
    kept = (space if kind == "Zs" and each != " " else each for each, kind in kinds if kind != "Cf")
    return "".join(kept).strip(" \t\r\n")


def _number(text: str) -> str | None:
    """Return the whole number that a spreadsheet shows in another way (587.0, 5.87E+02, 2,525)."""
    if whole := _WHOLE.fullmatch(text):
        return whole[1]
    if annotated := _ANNOTATED.fullmatch(text):
        return annotated[1]
    if thousands := _THOUSANDS.fullmatch(text):
        return thousands[1] + thousands[2]
    if scientific := _SCIENTIFIC.fullmatch(text):
        digits, places = (scientific[2] or "").rstrip("0"), int(scientific[3])
        if len(digits) <= places:
            return scientific[1] + digits.ljust(places, "0")
    return None


def _refuse_swallowed(row: int, cells: Sequence[str], columns: Columns, delimiter: str) -> None:
    """Refuse a file in which one cell holds several lines that look like rows.

    A quotation mark that is not closed makes the following rows part of its cell. The first line
    of that cell is then the rest of the row in which it began. The other lines are rows; the last
    one is cut off at the next quotation mark.
    """
    if not delimiter:
        return
    width = max(len(columns.names), len(cells))
    for place, cell in enumerate(cells[: len(columns.names)]):
        if "@" not in cell:
            continue
        first, *others = cell.splitlines() or [""]
        some = [*others[:_LINES], *others[_LINES:][-1:]]
        lines = [[""] * place + first.split(delimiter), *(line.split(delimiter) for line in some)]
        # Together with the cells that follow this one, the last line may be a whole row.
        whole = len(lines[-1]) == place + 1 + width - len(cells)
        if others and _hold_a_mailbox(lines if whole else lines[1:-1], columns):
            words = say(
                "In row %(row)s a quotation mark opens and does not close in that row, so that the "
                "rows after it are a part of it: close it, or double it where it is part of a "
                "value.",
                row=row,
            )
            raise FileError("malformed_csv", words, {"row": row})


def _hold_a_mailbox(lines: Sequence[Sequence[str]], columns: Columns) -> bool:
    """Tell whether lines have an address and a host in the places of these columns.

    Both must stand in one line. The first and the last line count as one, because they are two
    pieces of one row.
    """

    def stands(group: Sequence[Sequence[str]], name: str, looks: re.Pattern[str]) -> bool:
        place = columns.names.index(name)
        cells = (each[place] for each in group if len(each) > place)
        return any(len(cell) <= _LONGEST and looks.fullmatch(cell) for cell in cells)

    groups = [(lines[0], lines[-1]) if lines else (), *((each,) for each in lines)]
    return any(
        stands(group, "email", _ADDRESS) and stands(group, "smtphost", _HOST) for group in groups
    )


def _have_moved(texts: Mapping[str, str]) -> bool:
    """Tell whether the cells of a row have moved, as after an unquoted delimiter in a password.

    They have moved if the email cell holds no address, but another cell holds an ``@``.
    """
    email = texts.get("email", "").strip()
    others = (text for name, text in texts.items() if name not in SECRET_COLUMNS | {"email"})
    moved = bool(email) and any("@" in each for each in others)
    return moved and (len(email) > _LONGEST or not _WHOLE_ADDRESS.fullmatch(email))


def _unshifted(texts: dict[str, str]) -> dict[str, str]:
    """Return those cells of a shifted row that surely hold no part of a password."""
    before = itertools.takewhile(lambda item: item[0] not in SECRET_COLUMNS, texts.items())
    return {name: cell for name, cell in before if name == "email" and "@" in cell}
