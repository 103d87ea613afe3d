"""One run of an import: its claim, its end, and what is told of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flask import current_app

from ..config import Config
from ..core.errors import (
    ImportInterrupted,
    ImportNotFound,
    ImportNotRunnable,
    MailboxImportError,
    RunLost,
    described,
    shielded,
)
from ..core.imports import Extent, ImportStatus, Summary
from ..probe.pace import Paces
from ..signals import import_ended, tell
from ..storage.models import now
from ..storage.queries import Queries
from ..storage.runs import Run, Runs
from .batches import Batches, Progress
from .beater import Beater


class Execution:
    """Runs imports of one app. Needs an app context."""

    def __init__(self, config: Config, runs: Runs, queries: Queries, beater: Beater) -> None:
        self._config = config
        self._runs = runs
        self._queries = queries
        self._beater = beater
        self.forget()

    def forget(self) -> None:
        """See `Forgetful`."""
        self._paces = Paces(self._config)
        self._ends = threading.Event()
        #: The work of each run of this process.
        self._works: set[Batches] = set()

    def seconds_to_end(self) -> float | None:
        """Return in how many seconds the next run of this process is likely to end, if known."""
        known = [each.seconds_left() for each in list(self._works)]
        return min((each for each in known if each is not None), default=None)

    def end_soon(self) -> None:
        """Let all runs of this process begin no more tests, save what is known, and hand over."""
        self._ends.set()

    def run(
        self,
        import_id: str,
        workspace_id: str | None,
        progress: Progress | None,
        *,
        only: ImportStatus | None = None,
        extent: Extent = Extent.ALL,
    ) -> Summary:
        """Run the ready rows of an import; return the import's summary as it is committed.

        :param only: run it only if it is in this status.
        :param extent: which of them.
        :raises ImportNotFound: the import does not exist, or it was deleted during the run.
        :raises ImportNotRunnable: the run did not begin.
        :raises RunLost: another run has taken the import over.
        :raises ImportInterrupted: the run broke down; what it saved stays.
        """
        try:
            with current_app.app_context():  # progress() must not see the caller's session
                self._run(import_id, workspace_id, progress, only, extent=extent)
        except RunLost:
            # Raises ImportNotFound where the import was deleted.
            self._queries.summary(import_id, workspace_id)
            raise
        except (ImportNotFound, ImportNotRunnable):
            raise
        except MailboxImportError as fault:
            why = str(fault)
        except BaseException:
            self._tell_broken(import_id, workspace_id)
            raise
        else:
            try:
                summary = self._queries.summary(import_id, workspace_id)
            except Exception as lost:  # noqa: BLE001 (the database; what came of it is unknown)
                why = described(lost)
            else:
                _tell_ended(summary, summary.status)
                return summary
        raise ImportInterrupted(import_id, why, self._tell_broken(import_id, workspace_id))

    def _tell_broken(self, import_id: str, workspace_id: str | None) -> Summary | None:
        """Signal that a run broke down; return what is committed, None if that cannot be read."""
        try:
            left = self._queries.summary(import_id, workspace_id)
        except Exception:  # noqa: BLE001 (the database may be what broke)
            facts = {"import_id": import_id, "workspace_id": workspace_id}
            tell(import_ended, **facts, status=ImportStatus.INTERRUPTED.value)
            return None
        # Its last status may be what could not be written.
        running = left.status is ImportStatus.RUNNING
        _tell_ended(left, ImportStatus.INTERRUPTED if running else left.status)
        return left

    @shielded
    def _run(
        self,
        import_id: str,
        workspace_id: str | None,
        progress: Progress | None,
        only: ImportStatus | None,
        *,
        extent: Extent,
    ) -> None:
        run = self._runs.claim(import_id, workspace_id, only=only, extent=extent)
        try:
            with self._beater.beating(run) as move, self._working(run) as work:
                complete = work.work(progress, move)
        except RunLost:
            raise
        except BaseException as fault:
            # SystemExit ends the worker of a server, and nobody is told. Whoever waits for a run is
            # told of all else, and continues it.
            is_told = only is None and isinstance(fault, Exception | KeyboardInterrupt)
            goes_on = not is_told and (only is not None or self._runs.are_taken_up)
            # Where this cannot be written either, the import counts as dead after a while.
            with suppress(Exception):
                run.break_down() if goes_on else run.end(ImportStatus.INTERRUPTED)
            raise
        status = ImportStatus.CANCELLED if run.leaves_some() else ImportStatus.FINISHED
        if not complete and self._ends.is_set() and not run.is_cancelled():
            run.hand_back()
            return
        if not complete:
            is_cancelled = run.is_cancelled()
            status = ImportStatus.CANCELLED if is_cancelled else ImportStatus.INTERRUPTED
        run.end(status)

    @contextmanager
    def _working(self, run: Run) -> Iterator[Batches]:
        work = Batches(run, self._config, self._paces, self._ends)
        self._works.add(work)
        try:
            yield work
        finally:
            self._works.discard(work)


def _tell_ended(summary: Summary, status: ImportStatus | None) -> None:
    facts = {"import_id": summary.import_id, "workspace_id": summary.options.workspace_id}
    since_upload = (now() - (summary.created_at or now())).total_seconds()
    seconds = {
        "run_seconds": round(summary.seconds_in_run, 3),
        "total_seconds": round(since_upload, 3),
    }
    tell(import_ended, **facts, status=status and status.value, **summary.counts, **seconds)
