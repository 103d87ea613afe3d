"""Whatever bytes are uploaded are a table or a fault; what they cost is a benchmark."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

import pytest
from file_reading import CONFIG, PLAIN, fault_or_count, read
from hostile_files import HEADER, MADE, ROW, in_utf16
from mailbox_files import SHORT_HEADER

from flask_mailbox_import import FileError


@pytest.mark.slow
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_small_one_is_a_table_or_a_fault_of_the_file(make):
    for data in (make(2000), in_utf16(make, 2000)):
        with contextlib.suppress(FileError):
            rows = read(data, CONFIG).rows
            assert rows


@pytest.mark.slow
# Each is invisible, or a space, in many encodings.
@pytest.mark.parametrize("cell", [b"\xa0", b"\xff", b"\xad", b"\xa0\xca\xff\x9a", b"\x85", b"\x81"])
@pytest.mark.parametrize("column", [0, 1, 3])
def test_letters_that_cannot_be_seen_are_asked_about(cell, column):
    cells = ROW[:-1].split(b",")
    cells[column] += cell
    with pytest.raises(FileError) as caught:
        read(HEADER + b",".join(cells), CONFIG)
    assert caught.value.reason == "unreadable_encoding"
    assert caught.value.details["guess"] == caught.value.details["encodings"][0]


#: A row that is as wide as may be under each of the delimiters.
WIDE_ROW = "".join(
    f"a-B c/d or ea-B c/d or e{each}" for _ in range(200) for each in ",;\t|"
).encode()
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя" * 8


def named(count: int) -> bytes:
    """Return rows whose addresses and servers are as long as may be, in another alphabet."""
    names = (f"a{number}@{LETTERS[:220]}.ru,p,{LETTERS},{LETTERS}" for number in range(count))
    return SHORT_HEADER + "\n".join(names).encode("cp1251")


@pytest.mark.parametrize(
    ("data", "reading"),
    [
        pytest.param(b"\n" * 499_900 + SHORT_HEADER, PLAIN, id="blank lines"),
        pytest.param(b"\n" * 499_900 + b"a\nb\xe9", PLAIN, id="blank lines, no table"),
        pytest.param((WIDE_ROW + b"\n") * 10, PLAIN, id="wide rows"),
        pytest.param(WIDE_ROW + b"\nb\xe9", PLAIN, id="a wide row, no table"),
        pytest.param(((b"a/" * 60 + b",") * 200 + b"\n") * 10, PLAIN, id="alternatives"),
        pytest.param(named(500), {"encoding": "windows-1251"}, id="long names"),
        pytest.param(
            WIDE_ROW + b"\na",
            {"column_mapping": {f"x{number}": None for number in range(200)}},
            id="a large mapping",
        ),
    ],
)
def test_no_file_takes_much_longer_than_an_honest_one_of_its_size(data, reading):
    honest = SHORT_HEADER + (b"a@x.com," + b"p" * 1000 + b",smtp.x.com,imap.x.com\n") * 480
    assert len(data) <= 500_000
    assert spent(data, reading) < 25 * spent(honest)


def spent(data: bytes, reading: Mapping[str, object] = PLAIN) -> float:
    begin = time.process_time()
    fault_or_count(data, reading)
    return time.process_time() - begin
