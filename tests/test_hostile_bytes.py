"""Whatever bytes are uploaded are a table or a fault; their cost is a benchmark."""

from __future__ import annotations

import contextlib
import json

import pytest
from checking import read
from hostile_bytes import HEADER, MADE, ROW, in_utf16

from flask_mailbox_import import FileError
from flask_mailbox_import.config import Config
from flask_mailbox_import.core.secret import generate_encryption_key

pytestmark = pytest.mark.slow

CONFIG = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]})


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_small_one_is_a_table_or_a_fault_of_the_file(make):
    for data in (make(2000), in_utf16(make, 2000)):
        with contextlib.suppress(FileError):
            rows = read(data, CONFIG).rows
            assert rows


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 30_000, '{"a":' * 30_000, '{"a":' + "1" * 60_000 + "}", '{"a":NaN}', "nul"),
        *('{"\\ud800":"email"}', '{"Mail":"\\udfff"}', '{"a\\ud83d":null}', '"email"', "[]", "{"),
        *('{"a":"email","a":"email"}', '{"a":["email"]}', '{"a":{"b":"email"}}', "\x00", "{}{}"),
        json.dumps({f"c{number}": None for number in range(201)}),
        json.dumps({"x" * 50_000: "email"}),
        json.dumps({"email": "x" * 50_000}),
    ],
    ids=lambda text: text[:12],
)
def test_a_column_mapping_is_refused_in_its_own_words(make_host, text):
    answer = make_host().post(HEADER + ROW, columnMapping=text, dryRun="true")
    assert (answer.status_code, answer.json["reason"]) == (400, "invalid_mapping")
    assert len(answer.data) < 2000


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
