"""The options of an import are judged where they are made."""

from __future__ import annotations

import pytest

from flask_mailbox_import import ImportOptions, InvalidOption


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("tag", "x" * 65, "the tag is longer than 64 characters"),
        ("workspace_id", "", "a workspace id is a str without control characters or extra spaces"),
        ("workspace_id", "w" * 256, "a workspace id has at most 255 characters"),
        ("encoding", "klingon", "the encoding is not known; known are windows-1252, "),
    ],
)
def test_a_wrong_option_is_named(option, value, message):
    with pytest.raises(InvalidOption) as caught:
        ImportOptions(**{"workspace_id": "w1", option: value})
    assert caught.value.option == option
    assert str(caught.value).startswith(message)


def test_options_are_kept_clean():
    options = ImportOptions(
        workspace_id="w1", tag=" new \t tag ", encoding="CP1252", file_name="C:\\files\\a.csv"
    )
    assert (options.tag, options.encoding, options.file_name) == (
        "new tag",
        "windows-1252",
        "a.csv",
    )
