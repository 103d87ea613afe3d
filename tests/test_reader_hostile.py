"""Files that were made, or happen, to cost the reader seconds, gigabytes or its composure."""

from __future__ import annotations

import io
import re
import struct
import time
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence

import pytest
from checking import read

from flask_mailbox_import import FileError
from flask_mailbox_import.config import Config
from flask_mailbox_import.core.secret import generate_encryption_key

CONFIG = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]})
PLAIN: dict[str, object] = {}
#: What any file of at most 500,000 bytes may take above the baseline.
MEMORY = 60 << 20


def answer(data: bytes, reading: Mapping[str, object] = PLAIN) -> FileError | int:
    """Return the fault of a file, or how many rows it has."""
    try:
        return len(read(data, CONFIG, **reading).rows)
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


HEADER = b"email,password,smtphost,imaphost\n"
#: A row that is as wide as may be under each of the delimiters.
WIDE = "".join(f"a-B c/d or ea-B c/d or e{each}" for _ in range(200) for each in ",;\t|").encode()
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя" * 8


def named(count: int) -> bytes:
    """Return rows whose addresses and servers are as long as may be, in another alphabet."""
    names = (f"a{number}@{LETTERS[:220]}.ru,p,{LETTERS},{LETTERS}" for number in range(count))
    return HEADER + "\n".join(names).encode("cp1251")


@pytest.mark.parametrize(
    ("data", "reading"),
    [
        pytest.param(b"\n" * 499_900 + HEADER, PLAIN, id="blank lines"),
        pytest.param(b"\n" * 499_900 + b"a\nb\xe9", PLAIN, id="blank lines, no table"),
        pytest.param((WIDE + b"\n") * 10, PLAIN, id="wide rows"),
        pytest.param(WIDE + b"\nb\xe9", PLAIN, id="a wide row, no table"),
        pytest.param(((b"a/" * 60 + b",") * 200 + b"\n") * 10, PLAIN, id="alternatives"),
        pytest.param(named(500), {"encoding": "windows-1251"}, id="long names"),
        pytest.param(
            WIDE + b"\na",
            {"column_mapping": {f"x{number}": None for number in range(200)}},
            id="a large mapping",
        ),
    ],
)
def test_no_file_takes_much_longer_than_an_honest_one_of_its_size(data, reading):
    honest = HEADER + (b"a@x.com," + b"p" * 1000 + b",smtp.x.com,imap.x.com\n") * 480
    assert len(data) <= 500_000
    assert spent(data, reading) < 25 * spent(honest)


def spent(data: bytes, reading: Mapping[str, object] = PLAIN) -> float:
    begin = time.process_time()
    answer(data, reading)
    return time.process_time() - begin


def fault_of_letters(name: str, codec: str = "cp1252", more: str = "") -> FileError:
    """Return the fault of a file that is not in Unicode."""
    text = f"email,password,smtphost,imaphost,displayname\nb@x.com,pw,smtp.x.com,,{name}\n{more}"
    found = answer(text.encode(codec))
    assert isinstance(found, FileError)
    assert found.reason == "unreadable_encoding"
    return found


@pytest.mark.parametrize("name", ['"Jörg\nMüller"', "Jörg\tMüller", "Jörg\x07", "Jö\0rg"])
def test_a_sample_with_a_control_character_is_asked_about(name):
    assert "windows-1252" in fault_of_letters(name).details["encodings"]


def test_a_sample_of_a_no_break_space_alone_is_asked_about():
    more = "c@x.com,pw,smtp.x.com\xa0,,\nd@x.com,pw\xa0,smtp.x.com,,\n"
    assert fault_of_letters("Jörg Müller", more=more).details["guess"] == "windows-1252"


@pytest.mark.parametrize(
    ("name", "codec", "encoding"),
    [
        ("Jörg\xa0Müller", "cp1252", "windows-1252"),
        ("Jörg Mül\xadler", "cp1252", "windows-1252"),
        ("«\xa0Zoë\xa0»", "mac_roman", "macintosh"),
        ("\u0645\u064a\u200c\u062e\u0648\u0627\u0647\u0645", "cp1256", "windows-1256"),
        ("שלום\u200f", "cp1255", "windows-1255"),
    ],
)
def test_the_encoding_of_a_sample_with_an_invisible_character_is_offered(name, codec, encoding):
    assert encoding in fault_of_letters(name, codec).details["encodings"]


@pytest.mark.parametrize("end", ["eim\xe9", "eim\xe9 x", ".eim\xe9"])
def test_no_half_of_a_password_is_shown_as_a_sample(end):
    row = f"a@x.com,geh,{end},smtp.x.com,imap.x.com"
    found = fault_of_letters("Zo\xeb", more=row)
    assert [each["text"] for each in found.details["samples"]] == ["Zo\xeb", "\xe9"]
    assert "eim" not in found.message


def test_a_delimiter_within_a_name_does_not_hide_the_spaces_after_the_others():
    text = 'email, password, smtphost, imaphost, "notes,more"\na@x.com, pw, smtp.x.com, , x\n'
    (row,) = read(text.encode(), CONFIG).rows
    assert row.record.secrets["password"].reveal() == "pw"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "почта,пароль,сервер исходящей почты,сервер входящей почты,имя\na@x.com,pw,h.x.com,,Ян\n",
        "email,password,smtphost,imaphost,заметка\na@x.com,pw,h.x.com,," + "Привет" * 40 + "\n",
    ],
)
def test_utf_16_without_a_mark_is_known_in_any_script(codec, text):
    assert answer(text.encode("utf-8")) == 1
    assert answer(text.encode(codec)) == 1


@pytest.mark.parametrize(
    "header",
    [
        b"email,password,\x1b[31mred\x1b]0;x\x07,imaphost",
        "email,password,\u202ered,imaphost".encode(),
        b"email,password,\x1bsmtphost,\x1bsmtp host,imaphost",
        (b"password" + b"." * 110 + b",") * 80 + b"email,smtphost,imaphost",
    ],
)
def test_the_words_of_a_fault_are_short_and_can_be_printed(header):
    found = answer(header + b"\na,b,c,d\n")
    assert isinstance(found, FileError)
    assert len(found.message) < 3000
    assert not any(unicodedata.category(each) in ("Cc", "Cf") for each in found.message)


@pytest.mark.parametrize("data", [HEADER, b"email,password,smtphost\na@x.com,pw,smtp.x.com\n"])
def test_a_fault_says_what_to_do(data):
    found = answer(data)
    assert isinstance(found, FileError)
    assert re.search(r"\b([Aa]dd|[Rr]ename|[Pp]ut|[Ww]rite|[Mm]ap|[Cc]hoose) ", found.message)
