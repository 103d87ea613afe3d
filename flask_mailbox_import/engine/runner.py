"""Takes queued imports, one after another, and runs each in a thread of this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection

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
from ..storage.queries import Queries, Queued
from ..storage.runs import Runs
from ..storage.session import shares_connection
from .execution import Execution
from .limits import Limits

logger = logging.getLogger("flask_mailbox_import")


class ThreadRunner:
    """Runs queued imports in threads of this process, ``MAX_RUNNING`` at once.

    With ``RUNNER="worker"`` it does so only in a worker's process.

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
        *,
        is_for_workers: bool,
    ) -> None:
        self._db = db
        self._execution = execution
        self._queries = queries
        self._limits = limits
        self._runs = runs
        #: Another process runs what is queued: ``flask mailbox-import work``.
        self._is_for_workers = is_for_workers
        self.forget()

    def forget(self) -> None:
        """See `Forgetful`."""
        self._serves = False
        self._threads: set[threading.Thread] = set()
        #: For imports that test nothing: they take none of the others' places.
        self._side_place = threading.Semaphore()

    def can_run(self) -> bool:
        """Tell whether threads can be used: not where they would share the caller's connection."""
        return not shares_connection(self._db)

    def serve(self) -> None:
        """Run what is queued, and from now on at each `wake`; unless workers do that."""
        if not self._is_for_workers:
            self._serves = True
            self.wake()

    def serve_as_worker(self) -> None:
        """Run what is queued in this process, which is a worker's."""
        self._is_for_workers = False
        self.serve()

    def is_idle(self) -> bool:
        """Tell whether nothing runs here and nothing waits. Needs an app context."""
        return not self._alive() and self._queries.next_queued() is None

    def join(self) -> None:
        """Wait until nothing runs here."""
        for thread in self._alive():
            thread.join()

    def _alive(self) -> set[threading.Thread]:
        self._threads = {each for each in self._threads if each.is_alive()}
        return self._threads

    def wake(self) -> None:
        """Run what is queued, as far as there are free places. Needs an app context.

        It does nothing unless `serve` was called: the process of a command ends with its own
        import, and would interrupt any other import that it took.
        """
        if not self._serves or not self.can_run():
            return
        begun: set[str] = set()
        while (found := self._next(begun)) is not None:
            begun.add(found.import_id)
            self._start(found)

    def _next(self, but: Collection[str]) -> Queued | None:
        """Return the import whose turn it is, with its place taken; None where none may begin."""
        may_skip, keeps_it = self._side_place.acquire(blocking=False), False
        try:
            full = self._limits.without_place()
            found = self._queries.next_queued(but=but, full=full, may_skip=may_skip)
            if found is None or not found.tests:
                keeps_it = found is not None
                return found
            return found if self._limits.take_place(found.workspace_id) else None
        finally:
            if may_skip and not keeps_it:
                self._side_place.release()

    def _start(self, queued: Queued) -> None:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        thread = threading.Thread(
            target=self._work, args=(app, queued), name="mailbox-import-runner", daemon=True
        )
        try:
            thread.start()
            self._threads = {*self._alive(), thread}
        except BaseException:
            self._give_place_back(queued)
            raise

    def _work(self, app: Flask, queued: Queued) -> None:
        tried: set[str] = set()
        following: Queued | None = queued
        try:
            with app.app_context():
                while following is not None:
                    tried.add(following.import_id)
                    try:
                        self._run(following)
                    finally:
                        self._give_place_back(following)
                    # An import may have been queued after the last look, while no place was free.
                    following = self._next(tried)
        except Exception as fault:  # noqa: BLE001 (a thread's traceback would show its frames)
            logger.error("the runner stopped: %s", described(fault))

    def _give_place_back(self, queued: Queued) -> None:
        if queued.tests:
            self._limits.give_place_back(queued.workspace_id)
        else:
            self._side_place.release()

    def _run(self, queued: Queued) -> None:
        import_id, workspace_id = queued.import_id, queued.workspace_id
        try:
            # Checked again: imports before it in the queue may have used up the limit.
            self._limits.refuse_run(import_id, workspace_id)
            # It may have been cancelled since the look at the queue.
            self._execution.run(import_id, workspace_id, None, only=ImportStatus.QUEUED)
        except TooManyRefusedLogins:
            self._runs.put_off(import_id, workspace_id)
        except (ImportNotFound, ImportNotRunnable, RunLost):
            pass  # another process was quicker, or it was deleted
        except Exception as fault:  # noqa: BLE001 (the next import may succeed)
            logger.error("an import broke down: %s", described(fault))
