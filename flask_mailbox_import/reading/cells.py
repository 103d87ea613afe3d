"""Turns the cells of each row into a record: cleans them, but leaves passwords as they are."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ..core.codes import Code
from ..core.explanations import Variant
from ..core.failures import Failure, failure_for, failure_of
from ..core.password_pitfalls import has_entity
from ..core.rows import COLUMNS, SECRET_COLUMNS, Record, RowWarning
from ..core.secret import Secret
from ..core.validators import judge_address, shown_server
from ..core.words import say
from .encryption_words import said_of_security
from .header import Columns
from .passwords import is_doubtful, mark_around, placeholder_of
from .spelling import LONGEST_PORT, address_of, is_nothing, look_alike, port_of, server_of
from .swallowed import refuse_swallowed
from .table import Table

_QUOTES = "\"'`\u00b4\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033"
#: Those of them that hold no cell together.
_MARKS = frozenset(_QUOTES) - {'"'}
#: Columns whose cells lose quotation marks around them: copying adds such marks.
_UNQUOTED = frozenset({"smtphost", "imaphost", "smtpport", "imapport"})
#: Columns in which only a mark on both sides is one that was added.
_LOGIN_NAMES = frozenset({"username", "smtpusername", "imapusername"})
#: Notes in place of a user name that is the address.
_AS_THE_ADDRESS = frozenset(
    {"same", "same as email", "email", "email address", "full email", "full email address"}
)
_GUARDED = re.compile(r"'[-=+@]")
#: An apostrophe in front of a password, where the check of passwords says nothing of it.
_LONE_APOSTROPHE = re.compile(r"'[^-=+@0-9\t\r].*[^']|'[^']", re.DOTALL)
#: How an address looks that is more than itself.
_IN_A_FORM = re.compile(r"<.*>|^mailto:|[;,]$", re.IGNORECASE | re.DOTALL)
#: Columns in which a space may have a meaning.
_SPACED = frozenset({"displayname", "firstname", "lastname", "smtpusername", "imapusername"})
_NAMES = frozenset({"displayname", "firstname", "lastname"})
#: "Null" is a surname, "Nan" is a name.
_EMPTY_NAMES = frozenset(
    {"-", "\u2013", "\u2014", "NULL", "null", "\\N", "nan", "NaN", "N/A", "n/a"}
)

_PORTS = frozenset({"smtpport", "imapport"})
#: The formula ``="text"``: programs write it so that a spreadsheet does not change the text.
_FORMULA = re.compile(r'\s*="([^"]*)"\s*')
_WHOLE = re.compile(r"([0-9]{1,5})[.,]0{1,3}")
_SCIENTIFIC = re.compile(r"([0-9])(?:[.,]([0-9]{1,4}))?E\+0([0-4])")
_THOUSANDS = re.compile(r"([1-9][0-9]?)[.,' ]([0-9]{3})")

#: A host name; no number is one.
_HOST = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}", re.IGNORECASE)


#: The name of a server, as surely no password is one.
_SERVER = re.compile(
    r"(?:smtp|imap|mail|pop|mx|out|send)[\w-]{0,20}\.(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}",
    re.IGNORECASE,
)
#: A row in which another delimiter follows the address.
_OTHERWISE_SEPARATED = re.compile(r"[^\s@,;|<>]+@[^\s@,;|<>]+[;\t|][^@;\t|\s][^@]*")


def to_records(table: Table, columns: Columns) -> Iterator[Record]:
    """Turn the rows of a table into records. Missing cells are empty.

    :raises FileError: ``malformed_csv``: a quotation mark has swallowed the rows after it.
    """
    width = max(place for place, name in enumerate(table.header) if name.strip()) + 1
    for row in table.records:
        cells = row.cells
        if any("\n" in cell or "\r" in cell for cell in cells):
            refuse_swallowed(row.number, cells, columns, table.delimiter)
        texts = {
            name: cell for name, cell in zip(columns.names, cells, strict=False) if name is not None
        }
        kinds = {name: kind for name, kind in zip(columns.names, row.kinds, strict=False) if name}
        problem = None
        if row.is_packed:
            problem, texts = failure_of(Variant.ROW_IN_ONE_CELL), {}
        elif table.delimiter and any(cell.strip() for cell in cells[width:]):
            count = sum(bool(name.strip()) for name in table.header)
            problem = _too_many(cells, count)
        elif table.delimiter and _have_moved(texts, cells):
            problem = failure_of(Variant.MOVED_CELLS)
        elif any(map(_SERVER.fullmatch, _passwords(texts))):
            problem = failure_of(Variant.SERVER_AS_PASSWORD)
        elif table.delimiter and _OTHERWISE_SEPARATED.fullmatch(texts.get("email", "")):
            problem, texts = failure_of(Variant.OTHER_DELIMITER), {}
        if problem is not None:
            texts = _unshifted(texts)
        yield to_record(row.number, texts, kinds, problem, columns.of_host)


def to_record(
    row: int,
    texts: Mapping[str, str],
    kinds: Mapping[str, str] = MappingProxyType({}),
    problem: Failure | None = None,
    of_host: Mapping[str, str] = MappingProxyType({}),
) -> Record:
    """Turn the cells of one row into a record.

    :param texts: by our names of the columns.
    :param kinds: the types of cells in a workbook, by the same names.
    :param problem: why the row cannot be read.
    :param of_host: the file's columns that are the host's own, with their titles.
    """
    cleaner = _Cleaner(row, of_host)
    mark = mark_around(texts.get("email", ""))
    cleaner.is_guarded = any(
        text.lstrip().startswith("'") for name, text in texts.items() if name not in SECRET_COLUMNS
    )
    cleaned = {
        name: cleaner.cleaned(name, text)
        for name, text in texts.items()
        if name not in SECRET_COLUMNS
    }
    passwords = {
        name: cleaner.password(name, texts[name], mark, kinds.get(name, ""))
        for name in sorted(SECRET_COLUMNS & texts.keys())
    }
    for name, text in passwords.items():
        if text and text.strip().lower() == cleaned.get("email", "").lower():
            cleaner.warn(name, "placeholder_password")
    for name in kinds:
        if kinds[name] == "f" and not texts.get(name):
            cleaner.warn(name, "empty_formula")
    return Record(
        row=row,
        cells={**_cells(cleaned, cleaner), **{each: cleaned.get(each, "") for each in of_host}},
        secrets={name: Secret(passwords.get(name, "")) for name in sorted(SECRET_COLUMNS)},
        problem=problem,
        placeholders=cleaner.placeholders,
        warnings=tuple(cleaner.warnings),
    )


def _cells(cleaned: Mapping[str, str], cleaner: _Cleaner) -> dict[str, str]:
    """Return the cells of our columns; some are made of others, or of what stands beside others."""
    cells = {name: cleaned.get(name, "") for name in COLUMNS if name not in SECRET_COLUMNS}
    both = f"{cleaned.get('firstname', '')} {cleaned.get('lastname', '')}"
    cells["email"] = cells["email"] or cleaner.address_in(cleaned.get("username", ""))
    cells["displayname"] = cells["displayname"] or both.strip() or cleaner.name
    for side in ("smtp", "imap"):
        cells[f"{side}username"] = cells[f"{side}username"] or cleaned.get("username", "")
        cells[f"{side}port"] = cells[f"{side}port"] or cleaner.beside.get(f"{side}port", "")
        cells[f"{side}secure"] = (
            cells[f"{side}secure"]
            or _security(side, cleaned)
            or cleaner.beside.get(f"{side}secure", "")
        )
    return cells


def _security(side: str, cells: Mapping[str, str]) -> str:
    """Return the encryption that the columns ``smtptls`` and ``smtpstarttls`` (or IMAP's) name."""
    if text := cells.get(f"{side}tls", ""):
        # By "TLS" people mean either kind. "TLS: no" does not rule out STARTTLS.
        return "tls" if said_of_security(text) in ("yes", "no") else text
    starttls = said_of_security(cells.get(f"{side}starttls", ""))
    return "starttls" if starttls in ("yes", "starttls") else ""


class _Cleaner:
    """Cleans the cells of one row; collects what was changed, and what else they say."""

    def __init__(self, row: int, of_host: Mapping[str, str]) -> None:
        self._row = row
        self._titles = of_host
        self._spaced = _SPACED | of_host.keys()
        self.warnings: list[RowWarning] = []
        #: What a cell says of another column: a port or a mode beside a host.
        self.beside: dict[str, str] = {}
        #: The name that stands beside an address.
        self.name = ""
        #: What stands in place of a password, by its column.
        self.placeholders: dict[str, str] = {}
        #: An apostrophe stands in front of another cell of the row.
        self.is_guarded = False

    def warn(self, column: str, code: str, **values: str) -> None:
        """Add a warning about a cell."""
        title = self._titles.get(column, column)
        self.warnings.append(RowWarning(row=self._row, column=title, code=code, values=values))

    def cleaned(self, column: str, text: str) -> str:
        """Return what a cell means; add a warning where that differs from its text."""
        text = self._plain(column, text)
        if text and self._is_empty(column, text):
            self.warn(column, "read_as_empty", text=text)
            return ""
        if column == "email":
            return self._address(text)
        if column in ("smtphost", "imaphost"):
            return self._host(column, text)
        # A longer text is no port.
        if column in _PORTS and len(text) <= LONGEST_PORT:
            return self._port(column, text)
        if column in _LOGIN_NAMES:
            return self._username(column, text)
        if column in _NAMES:
            self._remark(column, text)
        return text

    def _is_empty(self, column: str, text: str) -> bool:
        if column in _NAMES:
            return text in _EMPTY_NAMES
        # There "none" means without encryption.
        is_word = text.lower() == "none" and column.endswith(("secure", "tls"))
        return is_nothing(text) and not is_word

    def _plain(self, column: str, text: str) -> str:
        """Return a text without what copying and spreadsheets add to it."""
        if (formula := _FORMULA.fullmatch(text)) is not None:
            text = formula[1]
            self.warn(column, "formula")
        if column in _NAMES:
            text = " ".join(each.strip() for each in text.replace("\t", " ").splitlines())
        text, before = _visible(text, spaced=column in self._spaced), text.strip(" \t\r\n")
        if text != before:
            self.warn(column, "invisible_characters")
        bare = text
        if column in _UNQUOTED:
            bare = text.strip(_QUOTES).strip()
        elif column in _LOGIN_NAMES and mark_around(text):
            bare = text[1:-1].strip()
        elif column == "email" and "<" not in text:
            stripped = text.strip(_QUOTES).strip()
            bare = stripped if address_of(stripped) is not None else text
        if bare != text:
            self.warn(column, "quotation_marks")
        return bare

    def _address(self, text: str) -> str:
        found = address_of(text)
        if found is None:
            return text
        address, self.name = found
        if address != text:
            self.warn("email", "read_as", text=address)
        self._look("email", address)
        return address

    def _host(self, column: str, text: str) -> str:
        found, side = server_of(text), column.removesuffix("host")
        self._look(column, text)
        if found.host == text or not shown_server(found.host):
            return text
        self.beside |= {f"{side}port": found.port, f"{side}secure": _MODES[found.mode]}
        if found.mode == "tls" and not found.port:
            self.beside[f"{side}port"] = _TLS_PORT[side]
        self.warn(column, "read_as", text=found.host)
        return found.host

    def _username(self, column: str, text: str) -> str:
        """Return a user name; of one that is written as people write addresses, the address."""
        if placeholder_of(text) or text.lower() in _AS_THE_ADDRESS:
            self.warn(column, "read_as_empty", text=text)
            return ""
        self._remark(column, text)
        self._look(column, text)
        found = address_of(text) if _IN_A_FORM.search(text) else None
        if found is None or found[0] == text:
            return text
        self.warn(column, "read_as", text=found[0])
        return found[0]

    def address_in(self, username: str) -> str:
        """Return a user name that is an address, for a row without one; else ""."""
        found = address_of(username)
        if found is None or judge_address(found[0]) is None:
            return ""
        self.warn("email", "read_as", text=found[0])
        return found[0]

    def _remark(self, column: str, text: str) -> None:
        if has_entity(text):
            self.warn(column, "html_entities")
        if _GUARDED.match(text):
            self.warn(column, "formula_guard")

    def _look(self, column: str, text: str) -> None:
        for label in re.split(r"[.@]", text):
            if alike := look_alike(label):
                self.warn(column, "look_alike", character=alike)

    def _port(self, column: str, text: str) -> str:
        number = _number(text)
        found = (number, "") if number is not None else port_of(text)
        if found is None or found[0] == text:
            return text
        port, mode = found
        self.beside[f"{column.removesuffix('port')}secure"] = _MODES[mode]
        if port:
            self.warn(column, "changed_number", text=port)
        else:
            self.warn(column, "read_as_empty", text=text)
        return port

    def password(self, column: str, text: str, mark: str, kind: str) -> str:
        """Return a password as it is, but for quotation marks that its row's address has too.

        :param mark: the quotation mark around the address; "" where there is none.
        :param kind: the type of its cell in a workbook.
        """
        if mark and mark_around(text) == mark:
            text = text.strip()[1:-1].replace(mark * 2, mark)
            self.warn(column, "quotation_marks")
        elif self.is_guarded and _LONE_APOSTROPHE.fullmatch(text):
            self.warn(column, "formula_guard")
        if placeholder := placeholder_of(text):
            self.placeholders[column] = placeholder
            return ""
        if is_doubtful(text):
            self.warn(column, "placeholder_password")
        if kind in _NOT_TEXT:
            self.warn(column, "not_text", kind=str(_NOT_TEXT[kind]))
        return text


#: What a workbook says of a cell that is no text.
_NOT_TEXT = {
    "n": say("a number"),
    "%": say("a percentage"),
    "$": say("an amount of money"),
    "d": say("a date"),
    "h": say("a time"),
    "b": say("true or false"),
    "e": say("an error"),
}
#: Of a mode the word that means it alone: "TLS" may be either.
_MODES = {"": "", "tls": "ssl", "starttls": "starttls"}
_TLS_PORT = {"smtp": "465", "imap": "993"}


def _visible(text: str, *, spaced: bool) -> str:
    if text.isascii():
        return text.strip(" \t\r\n")
    space = " " if spaced else ""
    kept = []
    for place, each in enumerate(text):
        kind = unicodedata.category(each)
        if kind == "Zs" and each != " ":
            kept.append(space)
        elif kind != "Cf" or (spaced and _joins(text, place)):
            kept.append(each)
    return "".join(kept).strip(" \t\r\n")


def _joins(text: str, place: int) -> bool:
    """Tell whether a joiner is one that a script or an emoji needs (UAX #31, UTS #51)."""
    if text[place] in _TAGS:
        return True
    around = text[place - 1 : place] + text[place + 1 : place + 2]
    return text[place] in _JOINERS and len(around) == 2 and min(around) > _LAST_LATIN


#: The zero-width non-joiner and joiner, the tags of flags, and the last letter of Latin.
_JOINERS = "\u200c\u200d"
_TAGS = frozenset(map(chr, range(0xE0020, 0xE0080)))
_LAST_LATIN = "\u02ff"


def _number(text: str) -> str | None:
    """Return the whole number that a spreadsheet shows in another way (587.0, 5.87E+02, 2,525)."""
    if whole := _WHOLE.fullmatch(text):
        return whole[1]
    if thousands := _THOUSANDS.fullmatch(text):
        return thousands[1] + thousands[2]
    if scientific := _SCIENTIFIC.fullmatch(text):
        digits, places = (scientific[2] or "").rstrip("0"), int(scientific[3])
        if len(digits) <= places:
            return scientific[1] + digits.ljust(places, "0")
    return None


def _too_many(cells: Sequence[str], count: int) -> Failure:
    """Return the failure of a row with too many cells; it names a mark that was to hold one."""
    opened = [each.strip()[0] for each in cells if each.strip()[:1] in _MARKS]
    if opened and not any("@" in each for each in cells[count:]):
        return failure_of(Variant.OTHER_MARKS, count=count, mark=opened[0])
    return failure_for(Code.WRONG_COLUMN_COUNT, count=count)


def _have_moved(texts: dict[str, str], cells: Sequence[str]) -> bool:
    """Tell whether the cells of a row have moved, as after an unquoted delimiter in a password.

    They have moved if a port is a host, or if the email cell holds no address but another cell
    holds an ``@``, whatever its column is called.
    """
    if any(_HOST.fullmatch(texts.get(name, "").strip()) for name in _PORTS):
        return True
    email = texts.get("email", "").strip()
    secrets = {texts[name] for name in SECRET_COLUMNS & texts.keys()}
    others = [each for each in cells if each not in secrets and each.strip() != email]
    moved = bool(email) and (
        any("@" in each for each in others)
        or any("@" in each and judge_address(each) for each in _passwords(texts))
    )
    found = address_of(email)
    return moved and (found is None or judge_address(found[0]) is None)


def _passwords(texts: Mapping[str, str]) -> list[str]:
    return [texts[name].strip() for name in SECRET_COLUMNS & texts.keys()]


def _unshifted(texts: dict[str, str]) -> dict[str, str]:
    """Return those cells of a shifted row that surely hold no part of a password."""
    before = itertools.takewhile(lambda item: item[0] not in SECRET_COLUMNS, texts.items())
    return {name: cell for name, cell in before if name == "email" and "@" in cell}
