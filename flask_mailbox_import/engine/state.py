"""The parts of one app: put together by ``init_app``, kept in ``app.extensions``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from flask_sqlalchemy import SQLAlchemy

from ..config import Config
from ..storage.api_keys import ApiKeys
from ..storage.causes import Causes
from ..storage.drafts import Drafts
from ..storage.erasure import Erasure
from ..storage.imports import Imports
from ..storage.listing import Listing
from ..storage.mailboxes import Mailboxes
from ..storage.models import Models
from ..storage.queries import Queries
from ..storage.rotation import Rotation
from ..storage.runs import Runs
from ..storage.sealing import KeyRing
from .beater import Beater
from .execution import Execution
from .failed_rows import FailedRows
from .forks import forgets_at_fork
from .importer import Importer
from .limits import Limits
from .mending import Mending
from .runner import ThreadRunner
from .staging import Retrying, Staging
from .sweeper import Sweeper
from .worker import Worker

#: The host's function that returns the workspace of a request; None where there is none.
WorkspaceLoader = Callable[[], str | None]

NAME = "mailbox_import"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The parts of one app."""

    config: Config
    key_ring: KeyRing
    models: Models
    importer: Importer
    mending: Mending
    sweeper: Sweeper
    worker: Worker
    api_keys: ApiKeys
    rotation: Rotation
    #: The host's own texts, by our texts.
    texts: Mapping[str, str]
    #: Functions that return the hooks, because these may be registered after ``init_app``.
    workspace_loader: Callable[[], Callable[[], Any] | None]
    api_workspace_loader: Callable[[], WorkspaceLoader | None]


def new_engine(
    db: SQLAlchemy, models: Models, key_ring: KeyRing, config: Config
) -> tuple[Importer, Mending, Sweeper, Worker]:
    """Return the engine of an app, with the app's database and settings."""
    keep_failed = timedelta(seconds=config.keep_failed_secrets)
    imports = Imports(db, models, key_ring, keep_failed)
    runs = Runs(db, models, key_ring, keep_failed)
    mailboxes = Mailboxes(db, models, key_ring)
    queries = Queries(db, models)
    erasure = Erasure(db, models)
    listing = Listing(db, models, key_ring)
    beater = Beater(db, runs, hands_over=config.runner != "inline")
    execution = Execution(config, runs, queries, beater)
    limits = Limits(config, queries, execution.seconds_to_end)
    is_for_workers = config.runner == "worker"
    runner = ThreadRunner(db, queries, limits, runs, execution, is_for_workers=is_for_workers)
    forgets_at_fork(beater, execution, limits, runner)
    importer = Importer(
        config,
        queries,
        listing,
        erasure,
        runs,
        limits,
        Staging(config, imports, mailboxes, erasure, limits),
        Retrying(config, imports, mailboxes),
        FailedRows(config, listing, models.host_columns),
        execution,
        runner,
    )
    sweeper = Sweeper(config, db, runs, queries, erasure, runner)
    mending = Mending(importer, Causes(db, models), Drafts(db, models, key_ring), mailboxes)
    return importer, mending, sweeper, Worker(sweeper, runner, execution)


def current_state() -> State:
    """Return the parts of the current app.

    :raises RuntimeError: there is no app context, or ``init_app`` was not called for the app.
    """
    if NAME not in current_app.extensions:
        raise RuntimeError("call mailbox_import.init_app(app, db) when you create this app")
    return cast("State", current_app.extensions[NAME])
