"""What a host can reach has a public name, and the types that a type checker needs."""

from __future__ import annotations

import enum
import inspect
import subprocess
import sys
import types
import typing
from collections.abc import Iterator

import pytest
from project_paths import ROOT, SUPPORT

import flask_mailbox_import


def ours(annotation: object) -> Iterator[type]:
    """Yield the classes of ours that an annotation names."""
    for each in (annotation, typing.get_origin(annotation)):
        is_class = isinstance(each, type) and not isinstance(each, types.GenericAlias)
        if is_class and each.__module__.startswith("flask_mailbox_import"):
            yield each
    for argument in typing.get_args(annotation):
        for each in argument if isinstance(argument, list) else [argument]:
            yield from ours(each)


def annotations(of: object) -> dict[str, object]:
    return typing.get_type_hints(of, vars(inspect.getmodule(of)))


def reached_from(what: object) -> Iterator[type]:
    """Yield the classes of ours that a public function, or a class's public face, leads to."""
    if inspect.isfunction(what):
        for each in annotations(what).values():
            yield from ours(each)
    elif not issubclass(what, enum.Enum):
        for name, each in annotations(what).items():
            yield from () if name.startswith("_") else ours(each)
        for name, member in vars(what).items():
            function = member.fget if isinstance(member, property) else member
            function = inspect.unwrap(function) if callable(function) else None
            if not name.startswith("_") and inspect.isfunction(function):
                yield from reached_from(function)


def test_whatever_a_public_name_leads_to_is_public():
    public = [getattr(flask_mailbox_import, name) for name in flask_mailbox_import.__all__]
    # The others are names of types that are made of these, such as Progress.
    waiting = [each for each in public if typing.get_origin(each) is None]
    reached: set[object] = set()
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting += reached_from(each)
    assert len(reached) > 40
    assert {each.__name__ for each in reached} - set(flask_mailbox_import.__all__) == set()


@pytest.mark.slow
def test_a_program_of_the_hosts_passes_mypy_in_its_strict_mode():
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(SUPPORT / "host_program.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
