"""Bytes of a workbook (.xlsx, .xls, .ods) -> header and records, by python-calamine in a child."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

from .errors import FileError
from .kinds import SAVE_AS_CSV, not_a_table
from .table import HEADER_WITHIN, MAX_COLUMNS, NamesKnown, Row, Table, header_of, table_of

# Some workbooks of a few kilobytes make the reader ask for gigabytes, upon which it ends its
# process. So it has one of its own, with limits: honest files of 500 rows take 1 MB beyond the
# start, of 10,000 rows 15 MB; inflated they have 0.7 and 13 MB.
_CHILD = Path(__file__).with_name("calamine_child.py")
_MEMORY, _INFLATED, _TEXT = 48 << 20, 24 << 20, 1_000_000
_BYTES_A_ROW = 4096
_MAX_PARTS = 1000
#: Of CPU time; honest files of 500 rows take 0.1, of 10,000 rows 0.4.
_SECONDS, _ROWS_A_SECOND = 2, 5000
_DAMAGED = 3


def can_read_workbooks() -> bool:
    """Tell whether the extra ``excel`` is installed."""
    return importlib.util.find_spec("python_calamine") is not None


def read_workbook(data: bytes, *, max_rows: int, names_known: NamesKnown) -> Table:
    """Read the sheet whose header has most of our columns, of equals the first; no hidden one.

    :raises FileError: ``not_a_table``: no reader is installed, or the workbook is damaged, has a
        password or is too large; and see :func:`table_of`.
    """
    if not can_read_workbooks():
        raise not_a_table(
            "a workbook, and this app reads only CSV",
            f"{SAVE_AS_CSV}. (Whoever runs the app can install flask_mailbox_import[excel])",
        )
    _refuse_bombs(data, _INFLATED + _BYTES_A_ROW * max_rows)
    sheets = [(name, rows) for name, rows in _sheets(data, max_rows) if rows]
    if not sheets:
        raise FileError("empty_file", "The workbook is empty: choose the file with your mailboxes.")
    read, rows = max(sheets, key=lambda sheet: header_of(sheet[1], names_known)[0])
    table = table_of(rows, max_rows=max_rows, names_known=names_known)
    others = tuple(name for name, _ in sheets if name != read)
    return replace(table, sheet=read, other_sheets=others)


def _sheets(data: bytes, max_rows: int) -> list[tuple[str, list[Row]]]:
    room = _BYTES_A_ROW * max_rows
    seconds = _SECONDS + max_rows // _ROWS_A_SECOND
    limits = (_MEMORY + room, seconds, max_rows + HEADER_WITHIN, MAX_COLUMNS + 1, _TEXT + room)
    try:
        done = subprocess.run(  # noqa: S603 (our own script, nothing of the file's in the command)
            [_python(), "-I", str(_CHILD), *map(str, limits), *_path_of_reader()],
            input=data,
            stdout=subprocess.PIPE,
            # A reader that ends its process quotes what it read.
            stderr=subprocess.DEVNULL,
            timeout=seconds + 5,
            check=False,
            # With it, a reader that runs out of memory may wait for itself for ever.
            # Nothing else of this process's: its environment may hold the encryption keys.
            env={"RUST_BACKTRACE": "0", **_library_path()},
        )
    except subprocess.TimeoutExpired:
        raise not_a_table("a workbook that is too large", SAVE_AS_CSV) from None
    if done.returncode == _DAMAGED:
        raise not_a_table("a workbook that is damaged or has a password", SAVE_AS_CSV)
    if done.returncode:
        raise not_a_table("a workbook that is too large or damaged", SAVE_AS_CSV)
    return [(name, rows) for name, rows in json.loads(done.stdout)]


def _refuse_bombs(data: bytes, limit: int) -> None:
    if not data.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sizes = [each.file_size for each in archive.infolist()]
    if len(sizes) > _MAX_PARTS or sum(sizes) > limit:
        raise not_a_table("a workbook that is too large", SAVE_AS_CSV)


def _python() -> str:
    """Return the interpreter; a server that embeds Python says its own name for it."""
    path = Path(sys.executable or "")
    if not path.name.startswith("python"):
        path = Path(sys.exec_prefix, "bin", "python3")
    return str(path)


def _library_path() -> dict[str, str]:
    """Return what an interpreter outside the system's folders may need in order to start."""
    name = "LD_LIBRARY_PATH"
    return {name: os.environ[name]} if name in os.environ else {}


def _path_of_reader() -> list[str]:
    """Return where the reader is installed: the child does not see what this process added."""
    spec = importlib.util.find_spec("python_calamine")
    return [str(Path(spec.origin).parents[1])] if spec and spec.origin else []
