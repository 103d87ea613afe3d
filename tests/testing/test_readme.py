"""The README of the wing: it names everything public; its code is run by tests/project."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from flask_mailbox_import import testing
from flask_mailbox_import.testing import ScriptedServer

README = (Path(testing.__file__).parent / "README.md").read_text()


def code_after(words: str) -> str:
    """Return the first block of Python after some words of the README."""
    return README.partition(words)[2].partition("```python\n")[2].partition("```")[0]


def test_the_example_is_that_of_the_docstring():
    lines = code_after("`test_import.py`").splitlines()
    docstring = testing.__doc__.partition("::\n\n")[2].partition("\nThe README")[0]
    assert textwrap.dedent(docstring).splitlines() == lines


def test_every_public_name_is_explained():
    assert [each for each in testing.__all__ if not re.search(rf"`{each}\b", README)] == []


def test_every_step_is_explained():
    with pytest.raises(ValueError, match="the steps are") as refused:
        ScriptedServer([["?"]])
    steps = str(refused.value).partition("the steps are ")[2].split(", ")
    assert re.findall(r'^\| `\["([a-z_]+)"', README, re.MULTILINE) == steps
    assert re.findall(r'^    - ``\["([a-z_]+)"', ScriptedServer.__doc__, re.MULTILINE) == steps
