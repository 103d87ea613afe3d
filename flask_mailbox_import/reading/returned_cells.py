"""Tells which cells of a file that comes back are as they were given out.

A spreadsheet writes what it was given in its own way: 587.0 for 587, WAHR for true.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ..core.encodings import CODECS
from ..core.formula_guard import guarded, unguarded
from ..core.host_columns import ColumnKind, HostColumn
from ..core.imports import ImportOptions
from .encryption_words import said_of_security

#: A whole number, also one with zeros behind its point, and one that is shown with an exponent.
_WHOLE = re.compile(r"([+-]?)([0-9]{1,40})(?:[.,]0{1,6})?")
_EXPONENT = re.compile(r"([0-9])(?:[.,]([0-9]{1,15}))?E\+?([0-9]{1,2})", re.IGNORECASE)


class Returned:
    """Compares cells that come back with those that were given out.

    :param options: the encoding of the file that comes back, if it was named.
    :param host_columns: the columns of the host's own that files may fill.
    """

    def __init__(self, options: ImportOptions, host_columns: Sequence[HostColumn]) -> None:
        self._codec = CODECS[options.encoding] if options.encoding else None
        self._booleans = {"smtpsecure", "imapsecure"} | {
            each.attribute for each in host_columns if each.kind is ColumnKind.BOOLEAN
        }

    def text(self, cell: str, given: str) -> str:
        """Return a cell without the guards against formulas that it was given out with."""
        return unguarded(cell.strip()) if guarded(given) != given else cell

    def is_same(self, name: str, cell: str, given: str) -> bool:
        """Tell whether a cell says what was given out, in the column of this name."""
        cell, given = _plain(cell), _plain(given)
        if name in self._booleans and cell and given:
            said = said_of_security(cell)
            return cell == given or (bool(said) and said == said_of_security(given))
        return cell == given or _is_same_number(cell, given) or self._is_all_that_fits(cell, given)

    def _is_all_that_fits(self, cell: str, given: str) -> bool:
        """Tell whether a cell is what the encoding of the file leaves of what was given out."""
        if self._codec is None or "?" not in cell:
            return False
        return cell == given.encode(self._codec, "replace").decode(self._codec)


def _plain(text: str) -> str:
    # What cannot be written to a file is given out as this, see `guarded`.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return " ".join(unicodedata.normalize("NFC", text).split())


def _is_same_number(cell: str, given: str) -> bool:
    """Tell whether two texts are one number, as 007 and 7, or 123456789012 and 1.23457E+11."""
    number = _WHOLE.fullmatch(given)
    if number is None:
        return False
    if same := _WHOLE.fullmatch(cell):
        return _value(same) == _value(number)
    shown = _EXPONENT.fullmatch(cell)
    return shown is not None and _shortened(_value(number), len(shown[2] or "")) == (
        shown[1],
        shown[2] or "",
        int(shown[3]),
    )


def _shortened(number: int, places: int) -> tuple[str, str, int]:
    """Return the digit before the point, those behind it, and the exponent."""
    mantissa, _, exponent = f"{number:.{places}E}".partition("E")
    whole, _, rest = mantissa.partition(".")
    return whole, rest, int(exponent)


def _value(number: re.Match[str]) -> int:
    value = int(number[2])
    return -value if number[1] == "-" else value
