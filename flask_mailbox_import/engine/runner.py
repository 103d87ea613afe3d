"""Takes queued imports, one after another, and runs each in a thread of this process."""

from __future__ import annotations

import logging
import threading

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from ..core.errors import (
    ImportNotFound,
    ImportNotRunnable,
    RunLost,
    TooManyRefusedLogins,
    described,
)
from ..core.imports import ImportStatus
from ..storage.queries import Queries
from ..storage.runs import Runs
from ..storage.session import shares_connection
from .execution import Execution
from .limits import Limits

logger = logging.getLogger("flask_mailbox_import")


class ThreadRunner:
    """Runs queued imports in threads of this process, ``MAX_RUNNING`` at once.

    The queue is in the database. Imports that a dead process has left in it are taken by the next
    process that wakes its runner.
    """

    def __init__(
        self,
        db: SQLAlchemy,
        queries: Queries,
        limits: Limits,
        runs: Runs,
        execution: Execution,
    ) -> None:
        self._db = db
        self._execution = execution
        self._queries = queries
        self._limits = limits
        self._runs = runs
        self._serves = False

    def can_run(self) -> bool:
        """Tell whether threads can be used: not where they would share the caller's connection."""
        return not shares_connection(self._db)

    def serve(self) -> None:
        """Run what is queued, and from now on at each `wake`."""
        self._serves = True
        self.wake()

    def wake(self) -> None:
        """Run what is queued, as far as there are free places. Needs an app context.

        It does nothing unless `serve` was called: the process of a command ends with its own
        import, and would interrupt any other import that it took.
        """
        if not self._serves or not self.can_run() or self._queries.next_queued() is None:
            return
        if not self._limits.take_place():
            return
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        thread = threading.Thread(
            target=self._work, args=(app,), name="mailbox-import-runner", daemon=True
        )
        try:
            thread.start()
        except BaseException:
            self._limits.give_place_back()
            raise

    def _work(self, app: Flask) -> None:
        broken: set[str] = set()
        try:
            with app.app_context():
                while True:
                    try:
                        self._run_queued(broken)
                    finally:
                        self._limits.give_place_back()
                    # An import may have been queued after the last look, while no place was free.
                    left = self._queries.next_queued(but=broken)
                    if left is None or not self._limits.take_place():
                        return
        except Exception as fault:  # noqa: BLE001 (a thread's traceback would show its frames)
            logger.error("the runner stopped: %s", described(fault))

    def _run_queued(self, broken: set[str]) -> None:
        """Run each queued import once; add to ``broken`` those that broke down."""
        tried: set[str] = set()
        while True:
            found = self._queries.next_queued(but=tried | broken)
            if found is None:
                return
            import_id, workspace_id = found
            tried.add(import_id)
            try:
                # Checked again: imports before it in the queue may have used up the limit.
                self._limits.refuse_run(import_id, workspace_id)
                # It may have been cancelled since the look at the queue.
                queued = ImportStatus.QUEUED
                self._execution.run(import_id, workspace_id, None, only=queued)
            except TooManyRefusedLogins:
                self._runs.put_off(import_id, workspace_id)
            except (ImportNotFound, ImportNotRunnable, RunLost):
                pass  # another process was quicker, or it was deleted
            except Exception as fault:  # noqa: BLE001 (the next import may succeed)
                broken.add(import_id)
                logger.error("an import broke down: %s", described(fault))
