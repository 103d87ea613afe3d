"""What is shipped: the wheel, the change log, and the README's own words."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flask_mailbox_import import Code
from flask_mailbox_import.config import PREFIX, Config
from flask_mailbox_import.core.explanations import EXPLANATIONS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "flask_mailbox_import"


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel_names):
    ours = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "flask_mailbox_import/py.typed" in ours
    shipped = {name for name in wheel_names if ".dist-info/" not in name}
    assert shipped == ours
    assert any(name.endswith("LICENSE") for name in wheel_names)


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
