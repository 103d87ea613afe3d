"""What the parts of a zipped workbook say that its reader does not: formats, formulas, names.

Only the script ``workbook_child`` uses this module, under its limits. Whatever is damaged raises
one of ``FAULTS``; the script then goes on without.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from xml.parsers import expat


class NoWorkbook(Exception):
    """This archive is no workbook."""


FAULTS = (
    NoWorkbook,
    *(zipfile.BadZipFile, expat.ExpatError, zlib.error, OSError, EOFError, MemoryError),
    *(NotImplementedError, RuntimeError, LookupError, ValueError),
)
#: Notes of a sheet: for the number of a row a byte for each cell, 0 where there is nothing to say.
Notes = dict[int, bytearray]
#: This bit of a note: the cell is a formula without a value. The others are a letter, or 0.
FORMULA = 0x80
#: First row and column, last row and column of merged cells, from 0.
Range = tuple[tuple[int, int], tuple[int, int]]

#: How many formats of cells are read, and how many letters of each.
_MAX_FORMATS, _MAX_FORMAT = 65_536, 255
#: Bytes of all notes of a sheet; the columns that have notes.
_MAX_NOTED, _MAX_COLUMNS = 2 << 20, 256
#: How many rows of an .ods one that is repeated may be; how many merged ranges are read of one.
_MAX_REPEATED, _MAX_MERGES = 10_000, 20_000
#: How many bytes of a part are looked at together.
_PIECE = 1 << 18
_DAMAGED_MERGE = re.compile(
    rb"""<(?:\w+:)?mergeCell\b(?![^<>]*\sref=["'][A-Z]{1,3}[0-9]{1,7}(?::[A-Z]{1,3}[0-9]{1,7})?["'])"""
    rb"[^<>]*/>"
)
_WORKBOOK = re.compile(r"(?:.*/)?workbook\d*\.xml")
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_ODS_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
#: The parts that the reader needs, by the kind of a relation: the kind as it writes it, the name.
_NEEDED = {
    "worksheet": ("worksheet", "worksheets/sheet{}.xml"),
    "chartsheet": ("chartsheet", "chartsheets/sheet{}.xml"),
    "dialogsheet": ("dialogsheet", "dialogsheets/sheet{}.xml"),
    "sharedstrings": ("sharedStrings", "sharedStrings.xml"),
    "styles": ("styles", "styles.xml"),
}
_OF_ODS = {"percentage": "%", "currency": "$", "date": "d", "time": "h"}

#: Takes the name of an element, and its attributes: name, value, name, value.
Start = Callable[[str, list[str]], None]


class Enough(Exception):
    """As much of a part was read as is needed, or as may be."""


def usual(name: str) -> str:
    r"""Return the name of a part for comparison: some programs write ``\``, ``./``, capitals."""
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/").lower()


class Package:
    """The parts of a zipped workbook. Of a part at most ``limit`` bytes are looked at."""

    def __init__(self, data: bytes, limit: int) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._limit = limit
        self._parts = {usual(each.filename): each for each in self._archive.infolist()}
        self._is_ods = "content.xml" in self._parts and "[content_types].xml" not in self._parts
        self._ods: dict[str, tuple[Notes, list[Range]]] | None = None
        self._styles: str | None = None
        self._sheets: dict[str, str] | None = None
        self._seen: dict[str, Notes] = {}

    def notes(self, sheet: str) -> Notes:
        """Return what the file says of the cells of a sheet."""
        if self._is_ods:
            return self._of_ods(sheet)[0]
        if self._sheets is None:
            self._sheets = self._parts_of_sheets()
        part = self._sheets[sheet]
        if part not in self._seen:
            reader = _SheetReader(self.styles())
            self._read_rows(part, reader.read)
            self._seen[part] = reader.notes
        return self._seen[part]

    def merges(self, sheet: str) -> list[Range]:
        """Return the merged cells of an .ods, which the reader does not tell."""
        return self._of_ods(sheet)[1] if self._is_ods else []

    def styles(self) -> str:
        """Return the letter of each format of cells; "" where it is not known."""
        if self._styles is None:
            reader = _StyleReader()
            try:
                for _, kind, part in self._relations(self._workbook()):
                    if kind == "styles":
                        self._read(part, reader.start)
                self._styles = "".join(reader.letters)
            except FAULTS:
                self._styles = ""
        return self._styles

    def rewritten(self) -> bytes:
        """Return the workbook with the names of parts that the reader looks for.

        :raises NoWorkbook: this is none.
        """
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            if self._is_ods:
                archive.writestr("mimetype", _ODS_TYPE)
                for name in ("META-INF/manifest.xml", "content.xml"):
                    self._copy(name.lower(), archive, name)
            else:
                self._rewrite(archive)
        return file.getvalue()

    def _rewrite(self, archive: zipfile.ZipFile) -> None:
        workbook = self._workbook()
        names: dict[str, str] = {}
        kept = []
        for key, kind, part in self._relations(workbook):
            is_damaged = kind == "styles" and not self.styles()
            if kind in _NEEDED and part in self._parts and not is_damaged:
                written, name = _NEEDED[kind]
                name = names.setdefault(part, name.format(len(names) + 1))
                kept.append((key, written, f"/xl/{name}"))
        for part, name in names.items():
            self._copy(part, archive, f"xl/{name}")
        self._copy(workbook, archive, "xl/workbook.xml")
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", _to_xml([("a", "officeDocument", "xl/workbook.xml")]))
        archive.writestr("xl/_rels/workbook.xml.rels", _to_xml(kept))

    def _copy(self, part: str, archive: zipfile.ZipFile, name: str) -> None:
        if part in self._parts:
            text = self._archive.read(self._parts[part])
            # The reader gives a sheet up for one range that is damaged.
            archive.writestr(name, _DAMAGED_MERGE.sub(b"", text))

    def _workbook(self) -> str:
        """Return the part that lists the sheets: by the package's relations, or by its name."""
        named = [part for _, kind, part in self._relations("") if kind == "officedocument"]
        named += filter(_WORKBOOK.fullmatch, self._parts)
        for part in named:
            if part in self._parts and self._root(part) == "workbook":
                return part
        raise NoWorkbook

    def _root(self, part: str) -> str:
        roots: list[str] = []

        def start(name: str, _: list[str]) -> None:
            roots.append(_local(name))
            raise Enough

        self._read(part, start)
        return roots[0]

    def _parts_of_sheets(self) -> dict[str, str]:
        workbook = self._workbook()
        parts = {key: part for key, _, part in self._relations(workbook)}
        found: dict[str, str] = {}

        def start(name: str, attributes: list[str]) -> None:
            if _local(name) == "sheet":
                values = _values(attributes)
                key = next(values[each] for each in values if each.endswith(":id"))
                found.setdefault(values["name"], parts[key])

        self._read(workbook, start)
        return found

    def _relations(self, part: str) -> list[tuple[str, str, str]]:
        """Return the key, the kind and the part of each relation of a part, "" of the package."""
        folder, name = posixpath.split(part)
        related = posixpath.join(folder, "_rels", f"{name}.rels")
        found: list[tuple[str, str, str]] = []

        def start(name: str, attributes: list[str]) -> None:
            if _local(name) == "Relationship":
                values = _values(attributes)
                target = posixpath.join("/", folder, values["Target"].replace("\\", "/"))
                kind = values["Type"].rpartition("/")[2].lower()
                found.append((values["Id"], kind, usual(target)))

        if related in self._parts:
            self._read(related, start)
        return found

    def _of_ods(self, sheet: str) -> tuple[Notes, list[Range]]:
        if self._ods is None:
            reader = _OdsReader()
            # All the sheets are in one part.
            self._read("content.xml", reader.start, times=4)
            self._ods = reader.sheets
        return self._ods[sheet]

    def _read(self, part: str, start: Start, times: int = 1) -> None:
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartElementHandler = start
        parser.StartDoctypeDeclHandler = _refuse
        left = times * self._limit
        with contextlib.suppress(Enough), self._archive.open(self._parts[part]) as file:
            while left > 0 and (piece := file.read(_PIECE)):
                left -= len(piece)
                parser.Parse(piece)
            if left > 0:
                parser.Parse(b"", True)

    def _read_rows(self, part: str, read: Callable[[bytes], None]) -> None:
        left, rest = self._limit, b""
        with contextlib.suppress(Enough), self._archive.open(self._parts[part]) as file:
            while left > 0 and (piece := file.read(_PIECE)):
                left -= len(piece)
                rest += piece
                end = rest.rfind(b"row>") + 4
                if end > 4:
                    read(rest[:end])
                    rest = rest[end:]
            read(rest)


def _refuse(*_: object) -> None:
    """Refuse entities: no workbook needs them."""
    raise ValueError("a doctype")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _values(attributes: list[str]) -> dict[str, str]:
    return dict(zip(attributes[::2], attributes[1::2], strict=True))


def _to_xml(relations: Iterable[tuple[str, str, str]]) -> str:
    text = f'<Relationships xmlns="{_PACKAGE}">'
    for key, kind, target in relations:
        escaped = key.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        text += f'<Relationship Id="{escaped}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
    return f"{text}</Relationships>"


class _Noted:
    """Notes, up to a limit."""

    def __init__(self) -> None:
        self.notes: Notes = {}
        self._room = _MAX_NOTED

    def note(self, row: int, column: int, byte: int) -> None:
        if not 0 <= column < _MAX_COLUMNS:
            return
        line = self.notes.setdefault(row, bytearray())
        if len(line) <= column:
            self._room -= 100 + column
            if self._room < 0:
                raise Enough
            line.extend(bytes(column + 1 - len(line)))
        line[column] = byte


#: A row, or a cell and whether a formula is in it: these patterns are much faster than a parser. In
#: UTF-16 they find nothing. They take linear time, as none of their parts reads beyond a "<".
_ROW_OR_CELL = re.compile(rb"<(?:\w+:)?(?:(row)|c)\b([^<>]*)>(?:\s*<(?:\w+:)?(f)\b)?")
_ATTRIBUTE = re.compile(rb"""\s([rst])\s*=\s*["']([^"']*)""")
_VALUE = re.compile(rb"[^<>]*(?:/>|>[^<]*<[^<>]*>)\s*<(?:\w+:)?v\b")


class _SheetReader(_Noted):
    """Reads a sheet of an .xlsx: the formats of numbers, errors, formulas without a value."""

    def __init__(self, styles: str) -> None:
        super().__init__()
        self._styles = styles
        self._row = 0
        #: What stands in rows in which there may be something to note: the last four are ways to
        #: write XML that few programs use.
        formats = [b's="%d"' % place for place, each in enumerate(styles) if each != "n"]
        self._signs = [*formats, b't="e"', b"<f", b":c", b" =", b"= ", b"='"]
        #: The attributes of the last cell with an address, and how many without one followed.
        self._addressed, self._after = b"", -1

    def read(self, text: bytes) -> None:
        """Read whole rows."""
        # Most files have nothing to note: that is found out in a tenth of the time.
        last = text.rfind(b"<row r=")
        if last >= 0 and not any(sign in text for sign in self._signs):
            self._row = int(text[last + 8 : text.find(b'"', last + 8)])
            return
        for found in _ROW_OR_CELL.finditer(text):
            is_row, attributes, is_formula = found.groups()
            if is_row:
                number = dict(_ATTRIBUTE.findall(attributes)).get(b"r")
                self._row = int(number) if number else self._row + 1
                self._addressed, self._after = b"", -1
                continue
            if b"r=" in attributes:
                self._addressed, self._after = attributes, 0
            else:
                self._after += 1
            if is_formula:
                self._cell(attributes, True, bool(_VALUE.match(text, found.end())))
            elif b'"s"' not in attributes and b'"inlineStr"' not in attributes:
                self._cell(attributes, False, True)

    def _cell(self, attributes: bytes, is_formula: bool, has_value: bool) -> None:
        values = dict(_ATTRIBUTE.findall(attributes))
        kind, style = values.get(b"t", b"n"), values.get(b"s")
        byte = 0
        if kind == b"e":
            byte = ord("e")
        elif kind == b"n" and style and self._styles:
            byte = ord(self._styles[int(style)])
        # The value of a formula may be a text that is empty.
        if is_formula and not (kind == b"str" and has_value):
            byte |= FORMULA
        if byte and byte != ord("n"):
            self._note(byte)

    def _note(self, byte: int) -> None:
        column = self._after
        if self._addressed:
            address = dict(_ATTRIBUTE.findall(self._addressed))[b"r"]
            column += _column(address.rstrip(b"0123456789").decode())
        self.note(self._row, column, byte)


def _column(letters: str) -> int:
    number = 0
    for each in letters[:4]:
        number = number * 26 + ord(each) - 64
    return number - 1


class _OdsReader:
    """Reads the sheets of an .ods: the types of cells, formulas without a value, merged cells."""

    def __init__(self) -> None:
        self.sheets: dict[str, tuple[Notes, list[Range]]] = {}
        self._noted: _Noted | None = None
        self._merges: list[Range] = []
        self._row, self._rows, self._column = 0, 1, 0

    def start(self, name: str, attributes: list[str]) -> None:
        if name == "table:table":
            self._noted, self._merges = _Noted(), []
            sheet = _values(attributes).get("table:name", "")
            self.sheets.setdefault(sheet, (self._noted.notes, self._merges))
            self._row, self._rows = 0, 1
        elif name == "table:table-row":
            self._row += self._rows
            values = _values(attributes)
            self._rows = int(values.get("table:number-rows-repeated", 1))
            self._column = 0
        elif name in ("table:table-cell", "table:covered-table-cell") and self._noted:
            self._cell(_values(attributes), self._noted)

    def _cell(self, values: dict[str, str], noted: _Noted) -> None:
        column, row = self._column, self._row
        times = int(values.get("table:number-columns-repeated", 1))
        self._column += times
        rows = int(values.get("table:number-rows-spanned", 1))
        if rows > 1 and len(self._merges) < _MAX_MERGES:
            columns = int(values.get("table:number-columns-spanned", 1))
            self._merges.append(((row - 1, column), (row + rows - 2, column + columns - 1)))
        kind = values.get("office:value-type", "")
        byte = ord(_OF_ODS.get(kind, "\0"))
        if values.get("calcext:value-type") == "error":
            byte = ord("e")
        elif not kind and "table:formula" in values:
            byte = FORMULA
        if byte and times <= _MAX_COLUMNS and self._rows <= _MAX_REPEATED:
            for each in range(row, row + self._rows):
                for place in range(column, column + times):
                    noted.note(each, place, byte)


class _StyleReader:
    """Reads the letters of the formats of cells from the styles of an .xlsx."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self._codes: dict[str, str] = {}
        self._is_in_cells = False

    def start(self, name: str, attributes: list[str]) -> None:
        name = _local(name)
        if name == "numFmt":
            values = _values(attributes)
            self._codes[values["numFmtId"]] = values["formatCode"][:_MAX_FORMAT]
        elif name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            self._is_in_cells = name == "cellXfs"
        elif name == "xf" and self._is_in_cells:
            number = _values(attributes).get("numFmtId", "0")
            code = self._codes.get(number)
            self.letters.append(letter_of(code) if code else _KNOWN.get(int(number), "n"))
        if len(self.letters) > _MAX_FORMATS or len(self._codes) > _MAX_FORMATS:
            raise ValueError("too many formats")


#: The formats that every workbook has (ECMA-376 part 1, 18.8.30), and those of East Asia.
_KNOWN = {
    **dict.fromkeys((9, 10), "%"),
    **dict.fromkeys((5, 6, 7, 8, 42, 44), "$"),
    **dict.fromkeys((14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 59)), "d"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 46, 47), "h"),
}
#: What a format shows as it is; what stands in brackets; and exponents, as in 0.00E+00.
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|E[+-]', re.DOTALL | re.IGNORECASE)
_BRACKET = re.compile(r"\[([^\[\]]*)\]")


def letter_of(code: str) -> str:
    """Return the letter of a format, as ``0.0%``: what it shows a number as."""
    first = code.partition(";")[0]
    if first.strip().lower() in ("general", "standard", "@"):
        return "n"
    signs = _LITERAL.sub(lambda found: f"{found[1] or found[2] or ''}", first)
    brackets = _BRACKET.findall(signs)
    plain = _BRACKET.sub("", _LITERAL.sub("", first)).lower()
    is_money = any(re.match(r"\$[^-]", each) for each in brackets) or any(
        unicodedata.category(each) == "Sc" for each in _BRACKET.sub("", signs)
    )
    if "%" in plain:
        return "%"
    if "y" in plain or "d" in plain:
        return "d"
    if "h" in plain or "s" in plain or any(re.fullmatch("[hms]+", each, re.I) for each in brackets):
        return "h"
    if "m" in plain:
        return "d"
    return "$" if is_money else "n"
