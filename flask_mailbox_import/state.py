"""What one app has of us, kept in ``app.extensions["mailbox_import"]``; nothing else is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask import current_app

from .auth import ApiKeys, WorkspaceLoader
from .config import Config
from .importer import Importer
from .jobs import Jobs
from .models import Models
from .rotation import Rotation
from .sealing import KeyRing

NAME = "mailbox_import"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The parts of one app, put together by ``init_app``."""

    config: Config
    key_ring: KeyRing
    models: Models
    importer: Importer
    jobs: Jobs
    api_keys: ApiKeys
    rotation: Rotation
    #: The host's own words, by ours.
    texts: Mapping[str, str]
    #: The hooks may be registered after ``init_app``, so they are asked for when needed.
    workspace_loader: Callable[[], Callable[[], Any] | None]
    api_workspace_loader: Callable[[], WorkspaceLoader | None]


def current_state() -> State:
    """Return the parts of the current app.

    :raises RuntimeError: there is no app context, or ``init_app`` was not called for the app.
    """
    if NAME not in current_app.extensions:
        raise RuntimeError("call mailbox_import.init_app(app, db) when you create this app")
    return cast("State", current_app.extensions[NAME])
