"""Which files Python code opens for writing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_written: list[str] | None = None


@contextmanager
def written() -> Iterator[list[str]]:
    """Collect the files that Python code opens for writing meanwhile; SQLite's are none of them."""
    global _written
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)
    _written = []
    try:
        yield _written
    finally:
        _written = None


_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _written is None:
        return
    if event == "open" and arguments[2] & _WRITES and "__pycache__" not in str(arguments[0]):
        _written.append(str(arguments[0]))
