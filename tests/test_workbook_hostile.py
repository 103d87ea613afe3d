"""Workbooks of an attacker: each is refused in words, and this process neither grows nor dies."""

from __future__ import annotations

import itertools
import subprocess
import sys
import zipfile
from pathlib import Path

import measure
import pytest
from checking import read
from workbook_files import (
    CELLS,
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
from flask_mailbox_import.config import Config
from flask_mailbox_import.core.secret import generate_encryption_key

CONFIG = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]})
HONEST = {"xlsx": xlsx(), "ods": ods(), "xls": xls()}

METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
SHARED = '<row><c t="s"><v>0</v></c></row>'
#: Each entity is ten of the one before: the last is a thousand million of them.
LAUGHS = "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in itertools.pairwise("abcdefghij")
)
LAUGHS = f'<!DOCTYPE x [<!ENTITY a "lol">{LAUGHS}]>'
BOMB = xlsx(" " * (40 << 20))

#: Each starts processes.
pytestmark = pytest.mark.slow


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


def fault(data: bytes) -> FileError:
    with pytest.raises(FileError) as caught:
        read(data, CONFIG)
    return caught.value


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_one_of_the_same_making_is_read(kind):
    (row,) = read(HONEST[kind], CONFIG).rows
    assert row.record.row == 2
    assert (row.mailbox.email, row.mailbox.smtp.password.reveal()) == (CELLS[0], CELLS[1])


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_refused_and_nothing_of_it_printed(name, capfd):
    found = fault(TOO_MUCH[name])
    assert found.reason == "not_a_table"
    assert found.message.startswith("This is a workbook that is too large")
    assert "save it as CSV" in found.message
    assert capfd.readouterr() == ("", "")
    assert len(read(HONEST["xlsx"], CONFIG).rows) == 1


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_refused_and_nothing_of_it_printed(name, capfd):
    found = fault(DAMAGED[name])
    assert found.reason == "not_a_table"
    assert "damaged" in found.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", OTHERS)
def test_another_file_is_called_what_it_is(name):
    data, words = OTHERS[name]
    found = fault(data)
    assert found.reason == "not_a_table"
    assert words in found.message


@pytest.mark.parametrize("method", METHODS)
def test_an_archive_that_does_not_inflate_is_no_workbook(method):
    data = bytearray(zipped({"mimetype": "application/vnd.oasis.opendocument" * 9}, method))
    data[40:60] = b"\xff" * 20
    assert fault(bytes(data)).reason == "not_a_table"


def test_the_endpoint_goes_on_after_a_reader_that_died(make_host):
    host = make_host()
    answer = host.post(TOO_MUCH["a cell far away in an xlsx"])
    assert (answer.status_code, answer.json["reason"]) == (400, "not_a_table")
    assert host.rows() == []
    answer = host.post(HONEST["ods"], skipConnectionTest="true")
    assert answer.json["data"]["imported"] == 1
    assert [each.clear for each in host.mailboxes()] == ["pw"]


#: Reads what it is given, in a Python that looks for every package where it is, but for one.
WITHOUT = """
import importlib.machinery, sys
Finder = importlib.machinery.PathFinder

class Without(Finder):
    @classmethod
    def find_spec(cls, name, *rest):
        return None if name.startswith("python_calamine") else Finder.find_spec(name, *rest)

sys.meta_path[sys.meta_path.index(Finder)] = Without
from flask_mailbox_import import FileError
from flask_mailbox_import.config import Config
from flask_mailbox_import.core.imports import ImportOptions
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.reading.reader import read_file
config = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]})
options = ImportOptions(workspace_id="w1")
for path in sys.argv[1:]:
    try:
        data = open(path, "rb").read()
        print(len(read_file(data, config, options, lambda keys: set()).rows), "row")
    except FileError as fault:
        print(fault.reason, fault.message)
"""


def test_without_the_extra_it_is_named_and_so_is_csv_which_is_read(tmp_path):
    files = {**HONEST, "csv": b"email,password,smtphost,imaphost\na@x.com,p,h.x.com,\n"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        check=True,
    )
    *workbooks, csv = done.stdout.splitlines()
    assert len(set(workbooks)) == 1
    assert workbooks[0].startswith("not_a_table This is a workbook, and this app reads only CSV")
    assert "save it as CSV" in workbooks[0]
    assert "flask_mailbox_import[excel]" in workbooks[0]
    assert (csv, done.stderr) == ("1 row", "")


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
        "as much text as fits": xlsx(SHARED * 27, texts=text("\U0001f600" * 27_000)),
    }
    figures = measure.read_all({**HONEST, **TOO_MUCH, **DAMAGED, **others, **kinds, **more})
    with capsys.disabled():
        measure.show(figures)
    assert {name: each for name, each in figures.items() if each.too_much} == {}
