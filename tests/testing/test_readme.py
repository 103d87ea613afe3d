"""The README of the wing: its example works, and it names everything public."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flask_mailbox_import import testing
from flask_mailbox_import.testing import ScriptedServer

README = (Path(testing.__file__).parent / "README.md").read_text()


def code_after(words: str) -> str:
    """Return the first block of Python after some words of the README."""
    return README.partition(words)[2].partition("```python\n")[2].partition("```")[0]


def test_the_example_runs(tmp_path: Path):
    (tmp_path / "app.py").write_text(code_after("`app.py`"))
    (tmp_path / "test_import.py").write_text(code_after("`test_import.py`"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_example_is_short_and_that_of_the_docstring():
    lines = code_after("`test_import.py`").splitlines()
    assert len([each for each in lines if each]) < 15
    docstring = testing.__doc__.partition("::\n\n")[2].partition("\nThe README")[0]
    assert textwrap.dedent(docstring).splitlines() == lines


def test_the_top_readme_shows_the_same_example():
    top = (Path(testing.__file__).parents[2] / "README.md").read_text()
    assert f"```python\n{code_after('`test_import.py`')}```" in top


def test_every_public_name_is_explained():
    assert [each for each in testing.__all__ if not re.search(rf"`{each}\b", README)] == []


def test_every_step_is_explained():
    with pytest.raises(ValueError, match="the steps are") as refused:
        ScriptedServer([["?"]])
    steps = str(refused.value).partition("the steps are ")[2].split(", ")
    assert re.findall(r'^\| `\["([a-z_]+)"', README, re.MULTILINE) == steps
    assert re.findall(r'^    - ``\["([a-z_]+)"', ScriptedServer.__doc__, re.MULTILINE) == steps
