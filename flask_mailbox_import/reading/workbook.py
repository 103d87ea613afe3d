"""Tells a workbook from other files; reads workbooks (.xlsx, .xls, .ods) in a child process."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import FileError
from ..core.rows import MAX_COLUMNS
from ..core.words import Words, say
from .csv_rows import Row
from .header import Matcher
from .table import HEADER_WITHIN, Table, header_of, to_table
from .workbook_parts import usual

#: The advice for a table in another format.
SAVE_AS_CSV = say("open it in the program that made it and save it as CSV (UTF-8)")
_UNPACK = say("unpack it and upload the CSV file that is in it")

_BEGINNINGS = (
    (b"%PDF", say("a PDF"), say("export the table that it was made from as CSV")),
    (b"\x1f\x8b", say("a compressed file (gzip)"), _UNPACK),
    (b"7z\xbc\xaf", say("a compressed file (7-Zip)"), _UNPACK),
    (b"Rar!", say("a compressed file (RAR)"), _UNPACK),
    (b"BZh", say("a compressed file (bzip2)"), _UNPACK),
    (b"\xfd7zXZ", say("a compressed file (xz)"), _UNPACK),
    (b"\x89PNG", say("a picture (PNG)"), say("export the table that it shows as CSV")),
    (b"\xff\xd8\xff", say("a picture (JPEG)"), say("export the table that it shows as CSV")),
    (b"{\\rtf", say("a text document (RTF)"), SAVE_AS_CSV),
    (b"BEGIN:VCARD", say("a list of contacts (vCard)"), say("export it as CSV")),
)
_MARKUP = (b"<html", b"<!doctype", b"<?xml", b"<table", b"<meta", b"<style")
#: The name of a part that only a workbook has.
_SHEET = re.compile(r"(^|/)(workbook\d*\.xml|sharedstrings\.xml|worksheets/[^/]*\.xml)$")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
#: What zipfile raises for a damaged file.
_ZIP_FAULTS = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
    zlib.error,
)


def is_workbook(data: bytes) -> bool:
    """Tell whether a file is a workbook, not a text.

    :raises FileError: ``not_a_table``: it is neither; the message says what it is and what to do.
    """
    if data.startswith(_ZIP):
        return _is_zipped_workbook(data)
    if data.startswith(_OLE):
        return _is_ole_workbook(data)
    for beginning, name, advice in _BEGINNINGS:
        if data.startswith(beginning):
            raise not_a_table(name, advice)
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.lower().startswith(_MARKUP):
        raise not_a_table(
            say("a web page or an XML file, whatever its name ends with"), SAVE_AS_CSV
        )
    if start[:1] in (b"{", b"[") and b'"' in start:
        raise not_a_table(say("JSON"), say("turn it into a CSV file with one mailbox a row"))
    return False


def not_a_table(name: Words, advice: Words) -> FileError:
    """Return the fault of a file that is not a table but ``name``."""
    words = say("This is %(name)s: %(advice)s.", name=name, advice=advice)
    return FileError("not_a_table", words)


def _is_zipped_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {usual(each.filename): each for each in archive.infolist()}
            kind = b""
            if "mimetype" in parts and _is_bounded(parts["mimetype"]):
                with archive.open(parts["mimetype"]) as file:
                    kind = file.read(len(_ODS) + 9)
    except _ZIP_FAULTS:
        raise not_a_table(say("a damaged workbook or archive"), SAVE_AS_CSV) from None
    if kind.strip() in (_ODS, _ODS + b"-template") or "xl/workbook.xml" in parts:
        return True
    if "xl/workbook.bin" in parts:
        raise not_a_table(say("a binary Excel workbook (.xlsb)"), SAVE_AS_CSV)
    if any(name.endswith(".iwa") or name.startswith("index") for name in parts):
        raise not_a_table(say("a Numbers document"), say("in Numbers choose File, Export To, CSV"))
    if any(name.startswith("word/") for name in parts):
        raise not_a_table(
            say("a Word document"), say("put the table into a spreadsheet and save it as CSV")
        )
    # The child finds out whether it is a workbook whose parts have other names.
    if "[content_types].xml" in parts and any(map(_SHEET.search, parts)):
        return True
    raise not_a_table(say("an archive (zip)"), _UNPACK)


def _is_bounded(member: zipfile.ZipInfo) -> bool:
    """Tell whether a few bytes can be read without inflating all, as bzip2 and LZMA would."""
    return member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _is_ole_workbook(data: bytes) -> bool:
    """Judge an OLE file by its streams ([MS-CFB], [MS-XLS] 2.1.2, [MS-OFFCRYPTO] 2.3.4)."""
    if _in_utf16("EncryptedPackage") in data:
        advice = say("take the password off, or %(advice)s", advice=SAVE_AS_CSV)
        raise not_a_table(say("a workbook with a password"), advice)
    if _in_utf16("WordDocument") in data:
        raise not_a_table(
            say("a Word document"), say("put the table into a spreadsheet and save it as CSV")
        )
    return True


def _in_utf16(name: str) -> bytes:
    return name.encode("utf-16-le")


# Some workbooks of a few kilobytes make the reader ask for gigabytes and abort its process. So it
# runs in a process of its own, with limits. Good files of 500 rows take 1 MB beyond the start of
# the process, files of 10,000 rows take 15 MB; inflated they have 0.7 MB and 13 MB.
_CHILD = Path(__file__).with_name("workbook_child.py")
_MEMORY, _INFLATED, _TEXT = 48 << 20, 24 << 20, 1_000_000
_BYTES_A_ROW = 4096
_MAX_PARTS = 1000
#: Seconds of CPU time. Good files of 500 rows take 0.1, files of 10,000 rows take 0.4.
_SECONDS, _ROWS_A_SECOND = 2, 5000
_DAMAGED, _NO_WORKBOOK = 3, 4


def can_read_workbooks() -> bool:
    """Tell whether the extra ``excel`` is installed."""
    return importlib.util.find_spec("python_calamine") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet of a workbook: its rows that are not blank, as they are."""

    name: str
    rows: tuple[Row, ...]
    #: The names of the other sheets that are not empty.
    others: tuple[str, ...]


def read_workbook(data: bytes, *, max_rows: int, matcher: Matcher) -> Table:
    """Read the sheet of the mailboxes as a table.

    :raises FileError: see :func:`read_sheet` and :func:`to_table`.
    """
    sheet = read_sheet(data, max_rows=max_rows, matcher=matcher)
    table = to_table(sheet.rows, max_rows=max_rows, matcher=matcher)
    return replace(table, sheet=sheet.name, other_sheets=sheet.others)


def read_sheet(data: bytes, *, max_rows: int, matcher: Matcher) -> Sheet:
    """Read the visible sheet that has mailboxes, and most of our columns; of equal ones the first.

    It has more than ``max_rows`` rows where rows without a text are among them, or where the file
    is too long: of the rows with a text that are too many, those with an @ are ``["@"]`` here,
    and the others are left out.

    :raises FileError: ``empty_file``; ``not_a_table``: no reader is installed, or the workbook is
        damaged, has a password or is too large.
    """
    if not can_read_workbooks():
        advice = say(
            "%(advice)s. (Whoever runs the app can install flask_mailbox_import[excel])",
            advice=SAVE_AS_CSV,
        )
        raise not_a_table(say("a workbook, and this app reads only CSV"), advice)
    _refuse_bombs(data, _INFLATED + _BYTES_A_ROW * max_rows)
    sheets = [each for each in _sheets(data, max_rows) if each[1]]
    if not sheets:
        raise FileError(
            "empty_file", say("The workbook is empty: choose the file with your mailboxes.")
        )
    name, rows = max(sheets, key=lambda sheet: _promise(sheet[1], matcher))
    return Sheet(
        name=name,
        rows=tuple(rows),
        others=tuple(each for each, _ in sheets if each != name),
    )


def _promise(rows: Sequence[Row], matcher: Matcher) -> tuple[bool, int, bool]:
    """Rate a sheet: whether a table of it has mailboxes, how many known names, other addresses."""
    top = [row for row in rows if any(map(str.strip, row.cells))]
    known, place = header_of(top[:HEADER_WITHIN], matcher) if top else (0, 0)
    header_row = top[place].number if top else 0
    has_address = any(
        # A formula without a value may be an address.
        row.number > header_row and ("f" in row.kinds or any("@" in each for each in row.cells))
        for row in rows
    )
    return bool(known) and has_address, known, has_address


def _sheets(data: bytes, max_rows: int) -> list[tuple[str, list[Row]]]:
    """Return the names and rows of the visible sheets."""
    room = _BYTES_A_ROW * max_rows
    seconds = _SECONDS + max_rows // _ROWS_A_SECOND
    limits = (_MEMORY + room, seconds, max_rows + HEADER_WITHIN, MAX_COLUMNS + 1, _TEXT + room)
    try:
        done = subprocess.run(  # noqa: S603 (our own script; the command holds nothing of the file)
            [_python(), "-I", str(_CHILD), *map(str, limits), *_path_of_reader()],
            input=data,
            stdout=subprocess.PIPE,
            # A reader that aborts writes cells of the file to standard error.
            stderr=subprocess.DEVNULL,
            timeout=seconds + 5,
            check=False,
            # With backtraces on, a reader that runs out of memory may deadlock. The child gets
            # nothing else of our environment, which may hold the encryption keys.
            env={"RUST_BACKTRACE": "0", **_library_path()},
        )
    except subprocess.TimeoutExpired:
        raise not_a_table(say("a workbook that is too large"), SAVE_AS_CSV) from None
    if done.returncode == _DAMAGED:
        raise not_a_table(say("a workbook that is damaged or has a password"), SAVE_AS_CSV)
    if done.returncode == _NO_WORKBOOK:
        raise not_a_table(say("a workbook that this app cannot read"), SAVE_AS_CSV)
    if done.returncode:
        raise not_a_table(say("a workbook that is too large or damaged"), SAVE_AS_CSV)
    return [
        (name, [Row(number, texts, kinds=kinds) for number, texts, kinds in rows])
        for name, rows in json.loads(done.stdout)
    ]


def _refuse_bombs(data: bytes, limit: int) -> None:
    if not data.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sizes = [each.file_size for each in archive.infolist()]
    if len(sizes) > _MAX_PARTS or sum(sizes) > limit:
        raise not_a_table(say("a workbook that is too large"), SAVE_AS_CSV)


def _python() -> str:
    """Return the path of Python; ``sys.executable`` of a server that embeds it is the server."""
    path = Path(sys.executable or "")
    if not path.name.startswith("python"):
        path = Path(sys.exec_prefix, "bin", "python3")
    return str(path)


def _library_path() -> dict[str, str]:
    """Return LD_LIBRARY_PATH, if it is set: Python may need it to find its shared library."""
    name = "LD_LIBRARY_PATH"
    return {name: os.environ[name]} if name in os.environ else {}


def _path_of_reader() -> list[str]:
    """Return the folder of the reader: the child does not have this process's ``sys.path``."""
    spec = importlib.util.find_spec("python_calamine")
    return [str(Path(spec.origin).parents[1])] if spec and spec.origin else []
