"""Files that were made, or happen, to cost the reader seconds, gigabytes or its composure."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterable, Sequence

from flask_mailbox_import import FileError
from flask_mailbox_import.check import Reading, read_rows
from flask_mailbox_import.config import Config
from flask_mailbox_import.sealing import generate_key

CONFIG = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_key()]})
PLAIN = Reading()
#: What any file of at most 500,000 bytes may take above the baseline.
MEMORY = 60 << 20


def answer(data: bytes, reading: Reading = PLAIN) -> FileError | int:
    """Return the fault of a file, or how many rows it has."""
    try:
        return len(read_rows(data, CONFIG, reading)[0])
    except FileError as fault:
        return fault


def peak(data: bytes) -> int:
    """Return the most bytes that this process has taken for reading a file; not a child's."""
    tracemalloc.start()
    try:
        answer(data)
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
    found = answer(archive(b"mimetype", b"\xff\xff\xff", method=8, size=50))
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
    assert answer(workbook(table, texts)) == 1
    assert peak(workbook([*table, *[(6,)] * 57], texts)) < MEMORY


def test_a_workbook_upon_which_the_child_breaks_is_refused_at_once(monkeypatch):
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    data = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(4608, b"\0"))
    data[30], data[32], data[68:72], data[76] = 9, 6, b"\xfe\xff\xff\xff", 9
    begin = time.monotonic()
    assert isinstance(answer(bytes(data)), FileError)
    assert time.monotonic() - begin < 5
