"""Waiting for what other threads do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


def wait_for(what: Callable[[], Any], seconds: float = 10) -> Any:
    """Ask again and again until the answer is true; return it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.01)
    return found


def runner_threads() -> list[threading.Thread]:
    """Return the threads of this process that take imports from the queue."""
    return [each for each in threading.enumerate() if each.name == "mailbox-import-runner"]
