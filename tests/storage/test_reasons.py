"""What is kept of failures and warnings: codes, keys and values, no sentences."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.failures import failure_for
from flask_mailbox_import.core.rows import RowWarning
from flask_mailbox_import.core.sentences import sentence
from flask_mailbox_import.storage.reasons import (
    failure_from,
    said_json,
    warnings_from,
    warnings_json,
)

PLAIN = failure_for(Code.BAD_CREDENTIALS)
PORT = failure_for(Code.INVALID_PORT, column="smtpport", allowed="25", default=587)
LONG = PLAIN.with_last(sentence("imap_fails_too"), PORT.what, *PORT.steps)


def stored(said):
    return json.loads(json.dumps(said))


@pytest.mark.parametrize("failure", [PLAIN, PORT, LONG, replace(PLAIN, reply="535 no")])
def test_a_failure_comes_back_as_it_was(failure):
    said = stored(said_json(failure=failure, imap=PORT))
    found = failure_from(failure.code.value, said, "failure", failure.reply)
    assert found == failure
    assert found.text == failure.text
    assert failure_from(PORT.code.value, said, "imap") == PORT


def test_what_a_code_says_by_itself_takes_no_room():
    assert said_json(failure=PLAIN, smtp=PLAIN, imap=None) is None
    assert said_json(failure=PORT, smtp=PLAIN).keys() == {"failure"}
    assert "Authentication" not in json.dumps(said_json(failure=LONG))


@pytest.mark.parametrize("broken", [["of_another_version_yet", {}], ["works_with", {}]])
def test_a_sentence_of_another_version_is_said_in_the_codes_own_words(broken):
    said = {"failure": {"what": broken, "steps": []}}
    assert failure_from(PLAIN.code.value, said, "failure") == PLAIN
    # This code's own words need values that are not there.
    for kept in (said, None):
        found = failure_from(PORT.code.value, kept, "failure")
        assert found.code is Code.INVALID_PORT
        assert "another version" in found.error


def test_a_warning_comes_back_and_an_unknown_one_is_left_out():
    known = RowWarning(row=0, column="", code="blank_rows", values={"rows": 3})
    kept = stored(warnings_json([known]))
    assert warnings_from(kept) == (known,)
    older = {"row": 0, "column": "", "code": "blank_rows", "message": "Blank rows: 3."}
    unknown = [{**kept[0], "code": "of_another_version"}, {**kept[0], "values": {}}, older]
    assert warnings_from([*unknown, *kept]) == (known,)
    assert warnings_from(None) == ()
