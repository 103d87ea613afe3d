"""Files that LibreOffice saved from one .ods, in its CSV dialects and as workbooks, read the same.

They were made by `soffice --headless --convert-to` (7.4) and are kept as they came out.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from file_reading import CONFIG, read
from libreoffice_files import EXPECTED, FILES

from flask_mailbox_import.core.errors import UnclearFile
from flask_mailbox_import.core.rows import RowStatus

UNICODE = sorted(each for each in FILES.iterdir() if each.name[:2] not in ("la", "ex"))
LEGACY = {"cp1252": "windows-1252", "latin1": "windows-1252", "macroman": "macintosh"}


def cells_of(path: Path, encoding: str | None = None) -> list[dict[str, object]]:
    rows = read(path.read_bytes(), CONFIG, encoding=encoding).rows
    return [
        {
            "row": each.record.row,
            **{name: cell for name, cell in each.record.cells.items() if cell},
            **{name: each.reveal() for name, each in each.record.secrets.items() if each},
        }
        for each in rows
    ]


def wanted(name: str) -> list[dict[str, object]]:
    return [{key: cell for key, cell in row.items() if cell} for row in EXPECTED[name]]


@pytest.mark.parametrize("path", UNICODE, ids=lambda path: path.name)
def test_a_file_of_libreoffice_reads_as_the_sheet_it_came_from(path):
    assert cells_of(path) == wanted(path.name.split(".")[0])


@pytest.mark.parametrize("path", sorted(FILES.glob("latin.*")), ids=lambda path: path.name)
def test_a_legacy_encoding_is_asked_for_and_rightly_guessed(path):
    encoding = LEGACY[path.stem.rpartition("-")[2]]
    with pytest.raises(UnclearFile) as caught:
        cells_of(path)
    assert caught.value.details["guess"] == encoding
    assert cells_of(path, encoding) == wanted("latin")


def test_a_line_break_in_a_name_is_a_space():
    for name in ("linebreak.ods", "linebreak.xls", "linebreak.xlsx", "linebreak.comma-utf8.csv"):
        rows = read((FILES / name).read_bytes(), CONFIG).rows
        assert {each.status for each in rows} == {RowStatus.READY}
        assert "Änne Größer" in [each.record.cells["displayname"] for each in rows]


@pytest.mark.parametrize("name", ["sheets.ods", "sheets.xls", "sheets.xlsx"])
def test_sheets_that_are_not_read_are_told(name):
    notices = read((FILES / name).read_bytes(), CONFIG).warnings
    assert [(each.code, each.message) for each in notices] == [
        ("other_sheets", "Only the sheet Mailboxes is read, not Read me.")
    ]
