"""The encodings that may be named for a file."""

from __future__ import annotations

import pytest

from flask_mailbox_import.core.encodings import encoding_named


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *(("cp1252", "windows-1252"), ("latin-1", "windows-1252"), ("ISO_8859-1", "windows-1252")),
        *(("MacRoman", "macintosh"), ("utf8", "utf-8"), ("SJIS", "shift_jis")),
        ("gbk", "gb18030"),
    ],
)
def test_an_encoding_by_its_other_names(alias, name):
    assert encoding_named(alias) == name
