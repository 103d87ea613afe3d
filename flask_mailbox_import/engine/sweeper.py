"""Looks for what a machine can do: takes up dead and queued imports, erases what has expired."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import weakref

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from ..config import Config
from ..core.errors import described
from ..signals import run_taken_over, tell
from ..storage.erasure import Erasure
from ..storage.queries import Queries
from ..storage.runs import Runs, TakenUp
from ..storage.session import shares_connection
from .runner import ThreadRunner

logger = logging.getLogger("flask_mailbox_import")

#: Seconds between two looks while an import waits or runs, and while none does: then it only looks
#: every ``SOON`` seconds whether there is one.
SOON, LATER = 5.0, 60.0
_JITTER = 0.2


class Sweeper:
    """One thread a process, which begins at the process's first request, of any route.

    There is none where the app is tested, nor where imports run in the request that starts them.
    """

    def __init__(
        self,
        config: Config,
        db: SQLAlchemy,
        runs: Runs,
        queries: Queries,
        erasure: Erasure,
        runner: ThreadRunner,
    ) -> None:
        self._config = config
        self._db = db
        self._runs = runs
        self._queries = queries
        self._erasure = erasure
        self._runner = runner
        self._lock = threading.Lock()
        #: The process whose thread it is: a fork has none of its own yet.
        self._process = 0
        #: When the next look is due, whether there is an import or not (``time.monotonic``).
        self._due = 0.0
        #: The last look failed.
        self._has_failed = False

    def begin(self) -> None:
        """Start the thread, if this is the process's first request. Needs an app context."""
        if self._process == os.getpid():
            return
        with self._lock:
            if self._process == os.getpid():
                return
            self._process = os.getpid()
            app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
            if app.testing or self._config.runner == "inline" or shares_connection(self._db):
                return
            threading.Thread(
                target=self._sweep,
                args=(weakref.ref(app),),
                name="mailbox-import-sweeper",
                daemon=True,
            ).start()

    def look(self) -> None:
        """Take up what is dead, run what is queued, erase what has expired. Needs an app context.

        After a look that failed, as while the database is away, the next one takes nothing up: the
        runs that waited for the database write their beats first.
        """
        had_failed, self._has_failed = self._has_failed, True
        for each in () if had_failed else self._runs.take_up():
            tell_taken_up(each)
        self._erasure.erase_expired()
        self._runner.serve()
        self._has_failed = False

    def _sweep(self, app: weakref.ref[Flask]) -> None:
        rest = threading.Event()
        while self._look_safely(app):
            rest.wait(SOON * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 (no secret)

    def _look_safely(self, ref: weakref.ref[Flask]) -> bool:
        """Look, if there is something to do; return False where the app is gone."""
        app = ref()
        if app is None:
            return False
        try:
            with app.app_context():
                if time.monotonic() >= self._due or self._queries.is_any_under_way():
                    self.look()
                    self._due = time.monotonic() + LATER
        except Exception as fault:  # noqa: BLE001 (the next look may succeed)
            self._has_failed = True
            logger.warning("a look at the imports failed: %s", described(fault))
        return True


def tell_taken_up(taken: TakenUp) -> None:
    """Signal that a run was dead."""
    tell(
        run_taken_over,
        import_id=taken.import_id,
        workspace_id=taken.workspace_id,
        attempts=taken.attempts,
        status=taken.status.value,
    )
