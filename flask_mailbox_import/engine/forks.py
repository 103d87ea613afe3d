"""Lets a forked process forget what its parent ran: threads and locks do not come along."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forgetful(Protocol):
    """A part of an app that knows what runs in this process."""

    def forget(self) -> None:
        """Be as at the start of the process: whatever ran belongs to another process."""


_parts = weakref.WeakSet[Forgetful]()


def forgets_at_fork(*parts: Forgetful) -> None:
    """Let these parts forget whatever runs, in each process that is forked from this one."""
    _parts.update(parts)


def _forget() -> None:
    for each in list(_parts):
        each.forget()


os.register_at_fork(after_in_child=_forget)
