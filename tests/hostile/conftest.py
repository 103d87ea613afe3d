"""Fixtures of hosts for an attacker's requests, and of imports from an attacker's servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from host_apps import Host, host_of_kind
from scripted_import import ScriptedImport
from server_certificates import contexts_of


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Make hosts of any kind; see ``host_of_kind``."""
    with ExitStack() as stack:

        def make(kind: str = "plain", **settings: object) -> Host:
            return stack.enter_context(host_of_kind(tmp_path, kind, **settings))

        yield make


@pytest.fixture(scope="module")
def contexts(ca, tmp_path_factory):
    """A server's side of TLS for each kind of certificate."""
    return contexts_of(ca, tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def play_of(ca_file, contexts, tmp_path):
    """Begin scripted imports, which are over with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            ScriptedImport(tmp_path, ca_file, contexts, **options)
        )
