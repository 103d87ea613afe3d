"""The fixture of hosts for an attacker's requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from host_apps import Host
from http_forms import dressed


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Make hosts of any kind; see ``dressed``."""
    with ExitStack() as stack:

        def make(kind: str = "plain", **settings: object) -> Host:
            return stack.enter_context(dressed(tmp_path, kind, **settings))

        yield make
