"""Small workbooks (.xlsx, .ods, .xls), honest ones and others, written part by part."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"

NAMES = ("email", "password", "smtphost", "imaphost")
CELLS = ("a@x.com", "pw", "h.x.com", "i.x.com")


def zipped(parts: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=9) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def lying(data: bytes, name: str, size: int) -> bytes:
    """Return an archive that says of one part that it will be ``size`` bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo(name).header_offset
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    changed = bytearray(data)
    struct.pack_into("<L", changed, start + 22, size)
    struct.pack_into("<L", changed, entry + 24, size)
    return bytes(changed)


def xlsx_row(*cells: str) -> str:
    return "".join(
        ["<row>", *(f'<c t="inlineStr"><is><t>{each}</t></is></c>' for each in cells), "</row>"]
    )


def xlsx(
    rows: str = xlsx_row(*CELLS), *, texts: str | None = None, sheets: int = 1, doctype: str = ""
) -> bytes:
    """Return an .xlsx: our header and these rows, on as many sheets; ``texts`` is its <sst>."""
    named = "".join(
        f'<sheet name="S{number}" sheetId="{number + 1}" r:id="a"/>' for number in range(sheets)
    )
    related = f'<Relationship Id="a" Type="{_OFFICE}/worksheet" Target="sheet.xml"/>'
    parts = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relations(
            f'<Relationship Id="b" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        ),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{named}</sheets>'
        "</workbook>",
        "xl/sheet.xml": f'{doctype}<worksheet xmlns="{_MAIN}"><sheetData>{xlsx_row(*NAMES)}{rows}'
        "</sheetData></worksheet>",
    }
    if texts is not None:
        related += (
            f'<Relationship Id="c" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        )
        parts["xl/sharedStrings.xml"] = texts.replace("<sst", f'<sst xmlns="{_MAIN}"', 1)
    return zipped({**parts, "xl/_rels/workbook.xml.rels": _relations(related)})


def _relations(each: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}">{each}</Relationships>'


def ods_row(*cells: str, times: int = 1) -> str:
    row = f'<table:table-row table:number-rows-repeated="{times}">'
    for each in cells:
        row += f'<table:table-cell office:value-type="string"><text:p>{each}</text:p>'
        row += "</table:table-cell>"
    return f"{row}</table:table-row>"


def ods(rows: str = ods_row(*CELLS), doctype: str = "") -> bytes:
    """Return an .ods: our header and these rows."""
    names = " ".join(f'xmlns:{each}="{_OASIS}:{each}:1.0"' for each in ("office", "table", "text"))
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{_OASIS}:manifest:1.0"/>',
            "content.xml": f"{doctype}<office:document-content {names}><office:body>"
            f'<office:spreadsheet><table:table table:name="S">{ods_row(*NAMES)}{rows}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        }
    )


def xls(cells: bytes = b"", *, endless: bool = False) -> bytes:
    """Return an .xls ([MS-XLS]): our header, one row, and these cells."""
    header = b"".join(_label(0, place, name) for place, name in enumerate(NAMES))
    row = b"".join(_label(1, place, text) for place, text in enumerate(CELLS))
    start, end = struct.pack("<HHLL", 0x0DBB, 0x07CC, 0, 6), _record(0x0A)
    sheet = _record(0x809, struct.pack("<HH", 0x600, 0x10) + start) + header + row + cells + end

    def book(place: int) -> bytes:
        named = struct.pack("<LBBBB", place, 0, 0, 1, 0) + b"S"
        return _record(0x809, struct.pack("<HH", 0x600, 5) + start) + _record(0x85, named) + end

    return compound({"Workbook": book(len(book(0))) + sheet}, endless=endless)


def far_cell(row: int, column: int) -> bytes:
    return _label(row, column, "x")


def _label(row: int, column: int, text: str) -> bytes:
    return _record(0x204, struct.pack("<HHHHB", row, column, 15, len(text), 0) + text.encode())


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def compound(streams: Mapping[str, bytes], *, endless: bool = False) -> bytes:
    """Return a compound file ([MS-CFB]); in an endless one the first stream leads back to itself.

    Sector 0 is the allocation table, 1 the directory, the streams follow.
    """
    table, entries, sectors = [0xFFFFFFFD, 0xFFFFFFFE], [], b""
    for name, content in streams.items():
        first, count = len(table), max(8, -(-len(content) // 512))
        table += [*range(first + 1, first + count), first if endless else 0xFFFFFFFE]
        size = 0xFFFFFFFF if endless else count * 512
        entries.append(_entry(name, 2, first, size))
        sectors += content.ljust(count * 512, b"\0")
    head = struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9L", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + head
    directory = b"".join([_entry("Root Entry", 5, 0xFFFFFFFE, 0), *entries])
    first_table = struct.pack("<L", 0)
    return (
        (head + first_table).ljust(512, b"\xff")
        + struct.pack(f"<{len(table)}L", *table).ljust(512, b"\xff")
        + directory.ljust(512, b"\0")
        + sectors
    )


def _entry(name: str, kind: int, first: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    links = (0xFFFFFFFF, 0xFFFFFFFF, 1 if kind == 5 else 0xFFFFFFFF)
    return text.ljust(64, b"\0") + struct.pack(
        "<HBB3L16x4xQQLQ", len(text), kind, 1, *links, 0, 0, first, size
    )


HONEST = {"xlsx": xlsx(), "ods": ods(), "xls": xls()}


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def relations(*each: tuple[str, str, str]) -> str:
    listed = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for key, kind, target in each
    )
    return f'<Relationships xmlns="{PACKAGE}">{listed}</Relationships>'


def styles(*codes: str) -> str:
    """Return the formats of cells: 0 is none, then these, each a built-in number or a code."""
    numbers = [code if code.isdecimal() else str(200 + place) for place, code in enumerate(codes)]
    named = "".join(
        f'<numFmt numFmtId="{number}" formatCode="{code}"/>'
        for number, code in zip(numbers, codes, strict=True)
        if number != code
    )
    used = "".join(f'<xf numFmtId="{number}"/>' for number in ("0", *numbers))
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>{named}</numFmts><cellStyleXfs><xf numFmtId="9"/>'
        f"</cellStyleXfs><cellXfs>{used}</cellXfs></styleSheet>"
    )


def parts(
    *sheets: str, styled: str = "", top: str = "xl", book: str = "workbook"
) -> dict[str, str]:
    """Return the parts of an .xlsx, in a folder; a sheet is what its <sheetData> holds."""
    numbered = {f"s{number}": each for number, each in enumerate(sheets, 1)}
    names = "".join(f'<sheet name="{key}" sheetId="1" r:id="{key}"/>' for key in numbered)
    related = [(key, "worksheet", f"worksheets/{key}.xml") for key in numbered]
    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(("a", "officeDocument", f"{top}/{book}.xml")),
        f"{top}/{book}.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}'
        "</sheets></workbook>",
        f"{top}/_rels/{book}.xml.rels": relations(*related, ("st", "styles", "styles.xml")),
        f"{top}/styles.xml": styled or styles(),
        **{
            f"{top}/worksheets/{key}.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}'
            "</sheetData></worksheet>"
            for key, rows in numbered.items()
        },
    }
