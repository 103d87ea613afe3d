"""Workbooks are read where the extra is installed; where it is not, that is said."""

from __future__ import annotations

import subprocess
import sys

import pytest
from child_processes import ENVIRONMENT
from file_reading import CONFIG, read
from workbook_files import CELLS, HONEST

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
