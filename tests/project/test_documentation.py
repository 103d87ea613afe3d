"""The README's lists are ours, and the change log speaks of this version."""

from __future__ import annotations

import re

from project_paths import ROOT

from flask_mailbox_import import Code
from flask_mailbox_import.config import PREFIX, Config
from flask_mailbox_import.core.explanations import EXPLANATIONS


def test_the_readme_lists_every_setting_with_its_default():
    text = (ROOT / "README.md").read_text()
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert {PREFIX + each for each in listed} == {
        PREFIX + name.upper() for name in Config.__dataclass_fields__
    }


def test_the_readme_lists_every_code_with_its_sentence():
    text = (ROOT / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE))
    assert {each.value for each in Code} - set(listed) == set()
    for code, (sentence, _) in EXPLANATIONS.items():
        assert listed[code.value] == sentence


def test_the_change_log_speaks_of_this_version():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
