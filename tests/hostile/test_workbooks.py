"""Workbooks of an attacker: each is refused in words, and this process neither grows nor dies."""

from __future__ import annotations

import io
import itertools
import struct
import sys
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence

import pytest
import reading_costs
from file_reading import CONFIG, fault_of, fault_or_count, read
from workbook_files import (
    CELLS,
    HONEST,
    compound,
    far_cell,
    lying,
    ods,
    ods_row,
    xls,
    xlsx,
    xlsx_row,
    zipped,
)

from flask_mailbox_import import FileError

METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
SHARED = '<row><c t="s"><v>0</v></c></row>'
#: Each entity is ten of the one before: the last is a thousand million of them.
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LAUGHS = "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in itertools.pairwise("abcdefghij")
)
LAUGHS = f'<!DOCTYPE x [<!ENTITY a "lol">{LAUGHS}]>'
BOMB = xlsx(" " * (40 << 20))


def text(characters: str) -> str:
    return f"<sst><si><t>{characters}</t></si></sst>"


#: What makes the reader end its process, run out of memory, or give up.
TOO_MUCH = {
    "a cell far away in an xlsx": xlsx('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "a cell far away in an xls": xls(far_cell(65535, 65535)),
    "as many texts as a number holds": xlsx(
        SHARED, texts=text("a").replace("<sst", '<sst count="4294967295" uniqueCount="4294967295"')
    ),
    "a row a million times": ods(ods_row(*CELLS, times=1_048_574)),
    "thousands of millions of spaces": ods(ods_row('a<text:s text:c="2000000000"/>b')),
    "a chain of sectors without an end": xls(endless=True),
    "one text in each of 500 rows": xlsx(SHARED * 500, texts=text("\U0001f600" * 11_000)),
    "one sheet twenty times": xlsx(SHARED * 500, texts=text("é" * 1000), sheets=20),
    "cells without an end": xlsx("<row>" + "<c><v>1</v></c>" * 500_000 + "</row>"),
    "rows without an end": xlsx("<row><c><v>1</v></c></row>" * 400_000),
    "a bomb": BOMB,
    "a thousand parts": zipped({"xl/workbook.xml": "", **{str(n): "" for n in range(1000)}}),
}
DAMAGED = {
    "a bomb that says it is small": lying(BOMB, "xl/sheet.xml", 1000),
    "a thousand million laughs in an xlsx": xlsx(xlsx_row("&j;"), doctype=LAUGHS),
    "a thousand million laughs in an ods": ods(ods_row("&j;"), doctype=LAUGHS),
    "an xlsx cut off": zipped({"xl/workbook.xml": "<workbook>"}),
    "an xls cut off": xls()[:1536],
}
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HONEST_ROW = xlsx_row(*CELLS)


def with_parts(data: bytes, changes: Mapping[str, str]) -> bytes:
    """Return an archive with other parts, or more."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped({**{name: archive.read(name) for name in archive.namelist()}, **changes})


def styled(formats: str) -> bytes:
    """Return an .xlsx with these styles."""
    related = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="a" Type="{OFFICE}/worksheet" Target="sheet.xml"/>'
        f'<Relationship Id="b" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
    )
    parts = {"xl/_rels/workbook.xml.rels": related, "xl/styles.xml": formats}
    return with_parts(xlsx(), parts)


def format_of(code: str, times: int = 1) -> str:
    codes = "".join(
        f'<numFmt numFmtId="{n}" formatCode="{code}"/>' for n in range(200, 200 + times)
    )
    uses = "".join(f'<xf numFmtId="{n}"/>' for n in range(200, 200 + times))
    listed = f"<numFmts>{codes}</numFmts><cellXfs>{uses}</cellXfs>"
    return f'<styleSheet xmlns="{MAIN}">{listed}</styleSheet>'


def merged(*ranges: str) -> bytes:
    each = "".join(f'<mergeCell ref="{one}"/>' for one in ranges)
    return xlsx(f"{HONEST_ROW}</sheetData><mergeCells>{each}</mergeCells><sheetData>")


def elsewhere(rows: str) -> bytes:
    """Return a workbook whose parts are in another folder."""
    with zipfile.ZipFile(io.BytesIO(xlsx(rows))) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    return zipped(
        {name.replace("xl/", "x/"): part.replace("xl/", "x/") for name, part in parts.items()}
    )


#: What is damaged or too much in what only helps to read: the mailbox is read all the same.
ASIDE = {
    "a million formats": styled(
        f'<styleSheet xmlns="{MAIN}"><cellXfs>{"<xf/>" * 1_000_000}</cellXfs></styleSheet>'
    ),
    "a thousand million laughs in the styles": styled(f"{LAUGHS}<styleSheet>&j;</styleSheet>"),
    "styles cut off": styled(format_of("0%")[:-20]),
    "a format of a million brackets": styled(format_of("[" * 1_000_000)),
    "many formats of many brackets": styled(format_of("[" * 250, 8000)),
    "a million merged rows": merged("A2:A1048576", "B2:XFD1048576"),
    "a merged range that is none": merged("A2:A3", "A2:9"),
    "thousands of merged ranges": merged(*["A2:A1048576"] * 5000),
    "a formula in the last cell": xlsx(
        f'{HONEST_ROW}<row r="1048576"><c r="XFD1048576"><f>A1</f></c></row>'
    ),
    "an address of a cell without an end": xlsx(
        f'{HONEST_ROW}<row><c r="{"Z" * 1000}9"><f>A1</f></c></row>'
    ),
    "a format that there is not": xlsx(f'{HONEST_ROW}<row><c s="{"9" * 5000}"><v>1</v></c></row>'),
    "relations without an end": with_parts(
        elsewhere(HONEST_ROW),
        {
            "_rels/.rels": "<x>"
            + '<Relationship Id="a" Type="a/officeDocument" Target="b"/>' * 300_000
        },
    ),
    "tables without an end": ods(
        f"{ods_row(*CELLS)}</table:table><table:table>" + "<x/>" * 500_000
    ),
}
#: What is too much, or damaged, beside the cells that are read.
REFUSED = {
    "a row of formulas a million times": ods(
        f'{ods_row(*CELLS)}<table:table-row table:number-rows-repeated="1000000"><table:table-cell '
        'table:formula="x" table:number-columns-repeated="100"/></table:table-row>'
    ),
    "a million merged ranges": merged(*["A1:A2"] * 1_000_000),
    "formulas without an end": xlsx(f"<row>{'<c><f/></c>' * 2_000_000}</row>"),
    "ticks without an end": xlsx('<row><c t="b"><v>0</v></c></row>' * 400_000),
    "addresses without an end": xlsx(xlsx_row("a@b") * 200_000),
    "tags that do not end": xlsx("<c " * 1_000_000),
    "formulas that do not end": xlsx('<c t="str"><f>' * 500_000),
    "a long cell that is merged over many rows": xlsx(
        xlsx_row("x" * 100_000) + xlsx_row("", "a") * 500 + "</sheetData><mergeCells>"
        '<mergeCell ref="A2:A1000"/></mergeCells><sheetData>'
    ),
    "a bomb in another folder": lying(elsewhere(" " * (40 << 20)), "x/sheet.xml", 1000),
    "a thousand million laughs in another folder": with_parts(
        elsewhere(HONEST_ROW), {"x/workbook.xml": f"{LAUGHS}<workbook>&j;</workbook>"}
    ),
}
#: What it is instead of a workbook that is read, and what is said of it.
OTHERS = {
    "a password": (
        compound({"EncryptionInfo": b"\4\0\4\0", "EncryptedPackage": bytes(5000)}),
        "a workbook with a password",
    ),
    "xlsb": (zipped({"xl/workbook.bin": "x", "[Content_Types].xml": "x"}), ".xlsb"),
    "Numbers": (zipped({"Index/Document.iwa": "x", "preview.jpg": "x"}), "a Numbers document"),
    "Word": (zipped({"word/document.xml": "x", "[Content_Types].xml": "x"}), "a Word document"),
    "old Word": (compound({"WordDocument": bytes(5000)}), "a Word document"),
    "a text document": (
        zipped({"mimetype": "application/vnd.oasis.opendocument.text"}),
        "an archive",
    ),
    "zip": (zipped({"mailboxes.csv": "email,password,smtphost,imaphost\n"}), "an archive (zip)"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_refused_and_nothing_of_it_printed(name, capfd):
    found = fault_of(TOO_MUCH[name])
    assert found.reason == "not_a_table"
    assert found.message.startswith("This is a workbook that is too large")
    assert "save it as CSV" in found.message
    assert capfd.readouterr() == ("", "")
    assert len(read(HONEST["xlsx"], CONFIG).rows) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_refused_and_nothing_of_it_printed(name, capfd):
    found = fault_of(DAMAGED[name])
    assert found.reason == "not_a_table"
    assert "damaged" in found.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", ASIDE)
def test_what_only_helps_to_read_may_be_damaged(name, capfd):
    (row,) = (each for each in read(ASIDE[name], CONFIG).rows if each.mailbox)
    assert (row.mailbox.email, row.mailbox.smtp.password.reveal()) == (CELLS[0], CELLS[1])
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_much_beside_the_cells_is_refused(name, capfd):
    assert isinstance(fault_or_count(REFUSED[name]), FileError)
    assert capfd.readouterr() == ("", "")
    assert len(read(HONEST["xlsx"], CONFIG).rows) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_another_file_is_called_what_it_is(name):
    data, words = OTHERS[name]
    found = fault_of(data)
    assert found.reason == "not_a_table"
    assert words in found.message


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_an_archive_that_does_not_inflate_is_no_workbook(method):
    data = bytearray(zipped({"mimetype": "application/vnd.oasis.opendocument" * 9}, method))
    data[40:60] = b"\xff" * 20
    assert fault_of(bytes(data)).reason == "not_a_table"


@pytest.mark.slow
def test_the_endpoint_goes_on_after_a_reader_that_died(make_host):
    host = make_host()
    answer = host.post(TOO_MUCH["a cell far away in an xlsx"])
    assert (answer.status_code, answer.json["reason"]) == (400, "not_a_table")
    assert host.rows() == []
    answer = host.post(HONEST["ods"], skipConnectionTest="true")
    assert answer.json["data"]["imported"] == 1
    assert [each.clear for each in host.mailboxes()] == ["pw"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_no_workbook_takes_sixty_megabytes_or_half_a_second_of_this_process(capsys):
    others = {name: data for name, (data, _) in OTHERS.items()}
    # Of these, a byte of the archive inflates to thousands.
    kinds = {
        f"a kind that inflates, {method}": lying(
            zipped({"mimetype": bytes(100 << 20)}, method), "mimetype", 50
        )
        for method in METHODS
    }
    more = {
        "rows in time": xlsx("<row/>" * 3_800_000, sheets=20),
        "as many rows as fit": xlsx("<row><c><v>1</v></c></row>" * 120_000),
        "as many cells as fit": xlsx(
            ("<row>" + '<c t="s"><v>0</v></c>' * 201 + "</row>") * 500, texts=text("\U0001f600")
        ),
        "as many ticks as fit": xlsx('<row><c t="b"><v>0</v></c></row>' * 64_000),
        "as many rows of formulas as fit": xlsx("<row><c><f>A1</f></c></row>" * 200_000),
        "as many addresses as fit": xlsx(xlsx_row("a@b") * 70_000),
        "as much text as fits": xlsx(SHARED * 27, texts=text("\U0001f600" * 27_000)),
    }
    figures = reading_costs.read_all(
        {**HONEST, **TOO_MUCH, **DAMAGED, **ASIDE, **REFUSED, **others, **kinds, **more}
    )
    with capsys.disabled():
        reading_costs.show(figures)
    assert {name: each for name, each in figures.items() if each.too_much} == {}


#: What any file of at most 500,000 bytes may take above the baseline.
MEMORY = 60 << 20


def peak(data: bytes) -> int:
    """Return the most bytes that this process has taken for reading a file; not a child's."""
    tracemalloc.start()
    try:
        fault_or_count(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def archive(name: bytes, packed: bytes, *, method: int, size: int) -> bytes:
    """Return a zip file of one part that says of itself how large it will be."""
    facts = struct.pack("<HHHIIIHH", method, 0, 0, 0, len(packed), size, len(name), 0)
    local = b"PK\x03\x04\x14\0\0\0" + facts + name + packed
    entry = b"PK\x01\x02\x14\0\x14\0\0\0" + facts + b"\0" * 14 + name
    return local + entry + struct.pack("<4s4xHHIIH", b"PK\5\6", 1, 1, len(entry), len(local), 0)


def test_an_archive_that_lies_about_a_size_takes_no_memory():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(100 << 20)) + packer.flush()
    assert peak(archive(b"mimetype", bomb, method=8, size=50)) < MEMORY


def test_an_archive_that_does_not_inflate_is_damaged():
    found = fault_or_count(archive(b"mimetype", b"\xff\xff\xff", method=8, size=50))
    assert isinstance(found, FileError)
    assert found.reason == "not_a_table"


PARTS = {
    "[Content_Types].xml": "<Types/>",
    "_rels/.rels": '<Relationships xmlns="{p}"><Relationship Id="a" Type="{o}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="{m}" xmlns:r="{o}"><sheets><sheet name="S" sheetId="1" '
    'r:id="b"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="{p}"><Relationship Id="b" '
    'Type="{o}/worksheet" Target="sheet.xml"/><Relationship Id="c" Type="{o}/sharedStrings" '
    'Target="sharedStrings.xml"/></Relationships>',
    "xl/sharedStrings.xml": '<sst xmlns="{m}">{texts}</sst>',
    "xl/sheet.xml": '<worksheet xmlns="{m}"><sheetData>{rows}</sheetData></worksheet>',
}


def workbook(rows: Iterable[Sequence[int]], texts: Sequence[str]) -> bytes:
    """Return an .xlsx of one sheet, its cells the numbers of texts."""
    filled = {
        "p": "http://schemas.openxmlformats.org/package/2006/relationships",
        "o": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "texts": "".join(f"<si><t>{each}</t></si>" for each in texts),
        "rows": "".join(
            "<row>" + "".join(f'<c t="s"><v>{cell}</v></c>' for cell in row) + "</row>"
            for row in rows
        ),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, content in PARTS.items():
            parts.writestr(name, content.format(**filled))
    return file.getvalue()


def test_a_workbook_of_many_letters_takes_no_memory():
    texts = ["email", "password", "smtphost", "imaphost", "a@x.com", "smtp.x.com", "é" * 100_000]
    table = [(0, 1, 2, 3), (4, 1, 5)]
    assert fault_or_count(workbook(table, texts)) == 1
    assert peak(workbook([*table, *[(6,)] * 57], texts)) < MEMORY


def test_a_workbook_upon_which_the_child_breaks_is_refused_at_once(monkeypatch):
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    data = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(4608, b"\0"))
    data[30], data[32], data[68:72], data[76] = 9, 6, b"\xfe\xff\xff\xff", 9
    begin = time.monotonic()
    assert isinstance(fault_or_count(bytes(data)), FileError)
    assert time.monotonic() - begin < 5
