"""Whatever bytes come in, the reader answers with rows or a fault; what was written is read back.

``READER_EXAMPLES=20000 pytest tests/reading/test_reader_properties.py`` looks longer, each time
elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest
from csv_strategies import UNICODE, Written, broken, samples, tokens, written
from file_reading import CONFIG, PLAIN, read
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_mailbox_import import FileError
from flask_mailbox_import.core.encodings import CODECS, LABELS
from flask_mailbox_import.core.rows import COLUMNS, CheckedRow, RowStatus, RowWarning
from flask_mailbox_import.reading.validation import mark_doubles

pytestmark = pytest.mark.slow

MORE = int(os.environ.get("READER_EXAMPLES", "0"))
Outcome = tuple[list[CheckedRow], tuple[RowWarning, ...]] | FileError
#: As the README lists them, without those of a form.
REASONS = {
    *("empty_file", "no_rows", "too_many_rows", "unreadable_encoding", "not_a_table"),
    *("malformed_csv", "missing_column", "duplicate_column", "invalid_mapping"),
}


def examples(count: int) -> settings:
    return settings(max_examples=MORE or count, deadline=None, derandomize=not MORE, database=None)


def outcome(data: bytes, reading: Mapping[str, object] = PLAIN) -> Outcome:
    """Return what the reader says, and hold it to its word."""
    fault = None
    try:
        check = read(data, CONFIG, **reading)
    except FileError as found:
        fault = found
    if fault is not None:
        assert fault.reason in REASONS
        assert fault.message.endswith(".")
        return fault
    rows, notices = list(mark_doubles(check.rows, set())), check.warnings
    numbers = [each.record.row for each in rows]
    assert numbers == sorted(set(numbers))
    for each in rows:
        assert (each.failure is None) == (each.status is RowStatus.READY)
        assert each.mailbox is not None or (each.failure and each.failure.hint)
    return rows, notices


def words(found: Outcome) -> str:
    """Return all that the reader says of a file to people and programs."""
    if isinstance(found, FileError):
        return f"{found!r} {found.message} {found.details}"
    rows, notices = found
    each_row = (f"{each.record.warnings!r} {each.failure!r} {each.record.secrets}" for each in rows)
    return f"{notices!r} {' '.join(each_row)}"


readings = st.builds(
    dict,
    encoding=st.none() | st.sampled_from(sorted(LABELS)),
    column_mapping=st.just({})
    | st.dictionaries(
        st.sampled_from(("email", "note", "E Mail", "x", "")),
        st.none() | st.sampled_from((*COLUMNS, "x")),
        max_size=3,
    ),
)


@examples(60)
@given(st.binary(max_size=200) | tokens(), readings)
def test_any_bytes_give_rows_or_a_fault(data, reading):
    outcome(data, reading)


@examples(80)
@given(broken(samples()), st.just(PLAIN) | readings)
def test_any_broken_file_gives_rows_or_a_fault(data, reading):
    outcome(data, reading)


#: Headers of five of our columns that are left whole; nothing else than UTF-8 and UTF-16.
WITH_HEADER = [each for each in samples() if each.startswith(b"email") and b"\xe9" not in each]


@examples(60)
@given(broken(WITH_HEADER, keep=65))
def test_no_word_about_a_broken_file_holds_its_passwords(data):
    found = outcome(data)
    # With letters that nobody can read it holds samples of cells: see the next test.
    if not isinstance(found, FileError) or found.reason != "unreadable_encoding":
        assert "CANARY" not in words(found)


@examples(60)
@given(
    st.lists(st.sampled_from(("é", ",", ";", '"', " ", "x", ".")), max_size=6).map("".join),
    st.integers(3, 6),
    st.sampled_from(("cp1252", "mac_roman", "utf-8")),
)
def test_no_word_about_a_shifted_row_holds_its_password(password, width, codec):
    header = "email,password,smtphost,imaphost,displayname,smtpport"
    row = ["a@x.com", f"CANARY{password}CANARY", "smtp.x.com", "imap.x.com", "Zoë", "587"]
    file = f"{header}\n{','.join(row[:width])}\nb@x.com,é,smtp.x.com,,Zoë\n"
    assert "CANARY" not in words(outcome(file.encode(codec)))


def assert_read_back(file: Written, data: bytes, reading: Mapping[str, object] = PLAIN) -> None:
    found = outcome(data, reading)
    assert not isinstance(found, FileError), found
    records = [each.record for each in found[0]]
    assert [each.row for each in records] == file.numbers
    assert [each.cells["email"] for each in records] == file.emails
    for at, record in enumerate(records):
        secrets = {name: each.reveal() for name, each in record.secrets.items()}
        assert {name: secrets[name] for name in file.secrets[at]} == file.secrets[at]
        assert (found[0][at].mailbox is not None) == file.ready(at), found[0][at].failure


@pytest.mark.parametrize("codec", UNICODE)
@examples(15)
@given(st.data())
def test_what_a_writer_wrote_is_read_back(codec, data):
    file = data.draw(written())
    assert_read_back(file, file.text.encode(codec))


@pytest.mark.parametrize("encoding", sorted(LABELS))
@examples(4)
@given(st.data())
def test_what_a_writer_wrote_is_read_back_in_the_encoding_asked_for(encoding, data):
    file = data.draw(written(CODECS[encoding]))
    assert_read_back(file, file.text.encode(CODECS[encoding]), {"encoding": encoding})
