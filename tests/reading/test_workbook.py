"""Workbooks: the kinds of cells, the rows and the sheet that are read; and without the extra."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile

import pytest
from child_processes import ENVIRONMENT
from file_reading import CONFIG, fault_of, read
from workbook_files import (
    CELLS,
    HONEST,
    MAIN,
    NAMES,
    OFFICE,
    ods,
    ods_row,
    parts,
    styles,
    xls,
    xlsx_row,
    zipped,
)

from flask_mailbox_import.reading.header import Matcher
from flask_mailbox_import.reading.workbook import Sheet, is_workbook, read_sheet

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_one_of_the_same_making_is_read(kind):
    (row,) = read(HONEST[kind], CONFIG).rows
    assert row.record.row == 2
    assert (row.mailbox.email, row.mailbox.smtp.password.reveal()) == (CELLS[0], CELLS[1])


#: Reads what it is given, in a Python that looks for every package where it is, but for one.
WITHOUT = """
import importlib.machinery, sys
Finder = importlib.machinery.PathFinder

class Without(Finder):
    @classmethod
    def find_spec(cls, name, *rest):
        return None if name.startswith("python_calamine") else Finder.find_spec(name, *rest)

sys.meta_path[sys.meta_path.index(Finder)] = Without
from file_reading import CONFIG, read
from flask_mailbox_import import FileError
for path in sys.argv[1:]:
    try:
        print(len(read(open(path, "rb").read(), CONFIG).rows), "row")
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
        env=ENVIRONMENT,
        check=True,
    )
    *workbooks, csv = done.stdout.splitlines()
    assert len(set(workbooks)) == 1
    assert workbooks[0].startswith("not_a_table This is a workbook, and this app reads only CSV")
    assert "save it as CSV" in workbooks[0]
    assert "flask_mailbox_import[excel]" in workbooks[0]
    assert (csv, done.stderr) == ("1 row", "")


HEADER, ROW = xlsx_row(*NAMES), xlsx_row(*CELLS)


def plain(sheet: Sheet) -> tuple[tuple[int, list[str]], ...]:
    return tuple((row.number, row.cells) for row in sheet.rows)


def kinds_of(sheet: Sheet) -> dict[int, str]:
    return {row.number: row.kinds for row in sheet.rows}


def sheet_of(data: bytes, max_rows: int = 500) -> Sheet:
    assert is_workbook(data)
    return read_sheet(data, max_rows=max_rows, matcher=Matcher())


def sheet(*rows: str, styled: str = "", max_rows: int = 500) -> Sheet:
    return sheet_of(zipped(parts("".join(rows), styled=styled)), max_rows)


FORMATS = {
    "2": "n",
    "9": "%",
    "14": "d",
    "20": "h",
    "39": "n",
    "44": "$",
    "46": "h",
    "0.0%": "%",
    "0 &quot;%&quot;": "n",
    "&quot;$&quot;#,##0.00": "$",
    "#,##0.00\\ [$€-407]": "$",
    "[$CHF] 0": "$",
    "[Red]0.00": "n",
    "[$-409]0.00": "n",
    "0.00E+00": "n",
    "General": "n",
    "General &quot;days&quot;": "n",
    "yyyy\\-mm\\-dd": "d",
    "mmm": "d",
    "[$-F400]h:mm:ss AM/PM": "h",
    "[hh]:mm": "h",
    "dd/mm/yyyy hh:mm": "d",
    "00000": "n",
}


def test_a_number_is_of_the_kind_that_the_sheet_shows():
    cells = "".join(f'<c s="{number}"><v>0.5</v></c>' for number in range(1, len(FORMATS) + 1))
    found = sheet(HEADER, f"<row>{cells}</row>", styled=styles(*FORMATS))
    assert dict(zip(FORMATS, kinds_of(found)[2], strict=True)) == FORMATS


def test_a_text_is_text_in_any_format_and_an_error_and_a_boolean_are_told():
    row = '<row r="2"><c r="A2" s="1" t="inlineStr"><is><t>50%</t></is></c><c r="C2" s="1" t="b">'
    row += '<v>1</v></c><c r="D2" t="e"><f>1/0</f><v>#DIV/0!</v></c><c><v>7</v></c></row>'
    found = sheet(HEADER, row, styled=styles("0%"))
    assert plain(found)[1] == (2, ["50%", "", "TRUE", "", "7"])
    assert kinds_of(found) == {1: "ttttt", 2: "ttben"}


def test_a_cell_has_the_kind_of_its_place_where_the_first_columns_are_empty():
    rows = '<row r="3"><c r="C3"><v>1</v></c><c r="D3" s="1"><v>1</v></c></row>'
    assert kinds_of(sheet(rows, styled=styles("0%"))) == {3: "n%"}


@pytest.mark.parametrize("style", [styles("0%")[:-20], "<styleSheet>", "", "\0", "<"])
def test_where_styles_are_damaged_or_missing_kinds_are_by_value(style):
    made = parts(f'{HEADER}<row><c s="1"><v>0.5</v></c></row>')
    made["xl/styles.xml"] = style
    assert kinds_of(sheet_of(zipped(made)))[2] == "nttt"
    del made["xl/styles.xml"]
    assert kinds_of(sheet_of(zipped(made)))[2] == "nttt"


def test_a_formula_without_a_value_is_told_from_one_with_a_value_or_an_empty_text():
    row = "<row><c><f>A1</f></c><c><f>A1</f><v/></c><c><f/><v>3</v></c>"
    row += '<c t="str"><f>""</f><v></v></c><c t="str"><f>A1</f></c><c t="str"><f>A1</f><v>x</v></c>'
    row += '<c><f t="shared" si="0"/><v></v></c></row>'
    only = "<row><c><f>A1</f></c><c><f>A1</f></c></row>"
    found = sheet(HEADER, row, only, only)
    assert kinds_of(found) == {1: "tttttt", 2: "ffntftf", 3: "ff", 4: "ff"}
    assert plain(found)[1:3] == ((2, ["", "", "3", "", "", "x", ""]), (3, ["", ""]))


def with_merges(part: str, merged: str) -> str:
    return part.replace("</sheetData>", f"</sheetData><mergeCells>{merged}</mergeCells>")


def test_merged_rows_are_filled_down_and_merged_columns_are_not():
    rows = [
        f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>a</t></is></c>{more}</row>'
        for number, more in (
            (2, '<c r="B2" s="1"><v>1</v></c><c r="C2"><v>2</v></c><c r="E2"><v>3</v></c>'),
            (3, '<c r="E3"><v>4</v></c>'),
            (5, '<c r="F5"><v>5</v></c>'),
        )
    ]
    tick = '<row r="6"><c r="F6" t="b"><v>0</v></c></row>'
    merged = "".join(
        f'<mergeCell ref="{each}"/>' for each in ("B2:B1048576", "C2:D3", "E3:F3", "XFD1:XFD9")
    )
    made = parts(HEADER.replace("<row>", '<row r="1">') + "".join(rows) + tick, styled=styles("0%"))
    place = "xl/worksheets/s1.xml"
    damaged = {**made, place: with_merges(made[place], merged + '<mergeCell ref="A2:9"/>')}
    made[place] = with_merges(made[place], merged)
    assert sheet_of(zipped(made)) == (found := sheet_of(zipped(damaged)))
    assert dict(plain(found)[1:]) == {
        2: ["a", "1", "2", "", "3", ""],
        3: ["a", "1", "2", "", "4", ""],
        5: ["a", "1", "", "", "", "5"],
        6: ["", "", "", "", "", "FALSE"],
    }
    assert kinds_of(found)[3] == "t%ntnt"


def test_merged_rows_of_an_xls_are_filled_down():
    merged = struct.pack("<HHHHHHH", 0xE5, 10, 1, 0, 1, 0, 0)
    assert dict(plain(sheet_of(xls(merged))))[2] == ["email", *CELLS[1:]]


def test_the_cells_of_an_ods_are_of_the_kind_that_they_say():
    values = {
        "float": 'office:value="1"',
        "percentage": 'office:value="0.5"',
        "currency": 'office:value="1"',
        "date": 'office:date-value="2026-01-02"',
        "time": 'office:time-value="PT10H30M00S"',
        "boolean": 'office:boolean-value="true"',
    }
    cells = "".join(
        f'<table:table-cell office:value-type="{kind}" {value}/>' for kind, value in values.items()
    )
    cells += '<table:table-cell table:formula="of:=[.A1]"/>'
    row = f"<table:table-row>{cells}</table:table-row>"
    assert kinds_of(sheet_of(ods(row))) == {1: "tttttt", 2: "n%$dhbf"}


def test_merged_rows_of_an_ods_are_filled_down():
    first = ods_row("a@x.com", "pw", "h.x.com").replace(
        '"string"><text:p>h', '"string" table:number-rows-spanned="2"><text:p>h'
    )
    second = ods_row("b@x.com", "pw").replace("</table:table-row>", "<table:covered-table-cell/>")
    found = sheet_of(ods(f"{first}{second}</table:table-row>"))
    assert plain(found)[2][1][:3] == ["b@x.com", "pw", "h.x.com"]


def renamed(made: dict[str, str], *, old: str = "", new: str = "", front: str = "") -> bytes:
    return zipped({front + name.replace(old, new): part for name, part in made.items()})


STRICT = {
    MAIN: "http://purl.oclc.org/ooxml/spreadsheetml/main",
    OFFICE: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}


def strict(part: str) -> str:
    for loose, namespace in STRICT.items():
        part = part.replace(loose, namespace)
    return part


MADE = parts(HEADER + ROW + '<row><c s="1"><v>0.5</v></c></row>', styled=styles("0%"))
ELSEWHERE = parts(
    HEADER + ROW + '<row><c s="1"><v>0.5</v></c></row>', styled=styles("0%"), top="a/b", book="book"
)
NAMED = {
    "as usual": zipped(MADE),
    "backslashes": renamed(MADE, old="/", new="\\"),
    "capitals": zipped({name.upper(): part for name, part in MADE.items()}),
    "a slash in front": renamed(MADE, front="/"),
    "a dot in front": renamed(MADE, front="./"),
    "another name of the workbook": renamed(
        {name: part.replace("workbook.xml", "workbook2.xml") for name, part in MADE.items()},
        old="workbook.",
        new="workbook2.",
    ),
    "another folder": zipped(ELSEWHERE),
    "another folder and backslashes": renamed(ELSEWHERE, old="/", new="\\"),
    "another folder, strict": zipped({name: strict(part) for name, part in ELSEWHERE.items()}),
    "strict": zipped({name: strict(part) for name, part in MADE.items()}),
    "no relations of the package": renamed(MADE, old="_rels/.rels", new="x"),
    "absolute targets": zipped(
        {name: part.replace('"worksheets/', '"/xl/worksheets/') for name, part in MADE.items()}
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_workbook_is_read_whatever_its_parts_are_called(name):
    found = sheet_of(NAMED[name])
    assert plain(found) == ((1, [*NAMES]), (2, [*CELLS]), (3, ["0.5", "", "", ""]))
    assert kinds_of(found)[3] == "%ttt"


def test_what_looks_like_a_workbook_and_is_none_is_not_called_an_archive():
    made = {"[Content_Types].xml": "<Types/>", "a/workbook7.xml": "<other/>"}
    assert "a workbook that this app cannot read: " in fault_of(zipped(made)).message


@pytest.mark.parametrize("ending", ["-template", "\n"])
def test_an_ods_is_known_by_the_beginning_of_its_kind(ending):
    with zipfile.ZipFile(io.BytesIO(ods())) as archive:
        made = {name: archive.read(name) for name in archive.namelist()}
    made["mimetype"] += ending.encode()
    assert len(sheet_of(zipped(made)).rows) == 2


TICK = '<row><c/><c/><c t="b"><v>0</v></c></row>'


def test_rows_without_a_text_do_not_count_to_the_limit():
    found = sheet(HEADER, TICK * 40, ROW, TICK * 10, max_rows=1)
    assert len(plain(found)) == 52
    assert plain(found)[41] == (42, [*CELLS])
    assert plain(found)[1] == (2, ["", "", "FALSE", ""])


def test_of_the_rows_beyond_the_limit_those_with_an_address_are_marked():
    note = xlsx_row("", "a note")
    found = sheet(HEADER, ROW * 10, note, ROW, TICK, note, ROW, max_rows=1)
    assert plain(found)[11:] == ((13, ["@"]), (14, ["", "", "FALSE", ""]), (16, ["@"]))
    assert kinds_of(found)[13] == "t"


SHEETS = {
    "an empty template, then mailboxes": (
        (xlsx_row(*NAMES, "smtpport", "imapport"), HEADER + ROW),
        "s2",
    ),
    "mailboxes twice": ((HEADER + ROW, HEADER + ROW), "s1"),
    "more names known": ((xlsx_row(*NAMES[:2]) + ROW, HEADER + ROW), "s2"),
    "addresses without a header": ((HEADER + xlsx_row("", "x"), ROW + ROW), "s1"),
    "formulas without values": (
        (xlsx_row(*NAMES[:2]) + ROW, HEADER + "<row><c><f>A1</f></c></row>"),
        "s2",
    ),
    "an address in the title": ((xlsx_row("ask a@x.com") + HEADER, HEADER + ROW), "s2"),
}


@pytest.mark.parametrize("case", SHEETS)
def test_the_sheet_with_the_mailboxes_is_read(case):
    sheets, name = SHEETS[case]
    found = sheet_of(zipped(parts(*sheets)))
    assert (found.name, found.others) == (name, tuple({"s1", "s2"} - {name}))
