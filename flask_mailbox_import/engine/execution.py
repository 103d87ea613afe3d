"""One run of an import: tests the ready rows, and saves the outcomes in batches."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

from flask import current_app

from ..config import Config
from ..core.codes import REFUSED_LOGIN, Code, Failure
from ..core.errors import (
    ImportInterrupted,
    ImportNotFound,
    ImportNotRunnable,
    MailboxImportError,
    RunLost,
    described,
    shielded,
)
from ..core.explanations import failure_for
from ..core.imports import ImportStatus, Summary
from ..core.rows import Outcome, RowStatus, RowWarning, StagedRow
from ..probe.pace import Paces
from ..probe.prober import RefusedTargets, probe_all
from ..probe.verdicts import Begun
from ..reading.validation import mailbox_of
from ..signals import (
    Fact,
    NamedSignal,
    batch_saved,
    import_ended,
    import_started,
    logins_refused,
    seal_broken,
    targets_refused,
    tell,
)
from ..storage.models import now
from ..storage.queries import Queries
from ..storage.runs import Run, Runs
from ..storage.sealing import Field
from ..storage.session import is_away
from ..storage.states import MAX_ATTEMPTS
from .beater import Beater

#: At most this many rows are saved in one transaction, and tested again after a crash.
BATCH_ROWS = 50
#: After this many seconds the known outcomes are saved or, without any, a beat is written.
TICK = 1.0
#: Seconds between two looks at the results of the tests.
GLANCE = 0.05
#: A run sees within so many seconds that it was asked to stop.
WATCH = 0.25
#: After so many seconds of a row's test, it is written that the row is tested.
SLOW = 0.5
#: With this many refused logins in one run, somebody may be guessing passwords.
BURST = 20


@dataclass(slots=True)
class _Known:
    """What a run knows since its last write."""

    outcomes: list[Outcome] = field(default_factory=list)
    #: When the tests of rows began that have not ended (``time.monotonic``), by the rows' ids.
    begun: dict[int, float] = field(default_factory=dict)

    def slow(self) -> list[int]:
        """Return the ids of rows whose tests take long: it is written that they are tested."""
        since = time.monotonic() - SLOW
        return [row_id for row_id, began in self.begun.items() if began <= since]

    def take(self) -> tuple[list[Outcome], list[int]]:
        """Return the outcomes and the slow rows, for the next write; no other write has them."""
        outcomes, slow = self.outcomes, self.slow()
        self.outcomes = []
        for row_id in slow:
            del self.begun[row_id]
        return outcomes, slow


#: Yields when it is time to save the known outcomes or to write a beat.
Filled = Generator[None, None, None]
#: Called after each write with two numbers: the rows that this run has done, and all its rows.
Progress = Callable[[int, int], None]


class Execution:
    """Runs imports of one app. Needs an app context."""

    def __init__(self, config: Config, runs: Runs, queries: Queries, beater: Beater) -> None:
        self._config = config
        self._runs = runs
        self._queries = queries
        self._beater = beater
        self._paces = Paces(config)
        self._ends = threading.Event()

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
    ) -> Summary:
        """Run the ready rows of an import; return the import's summary as it is committed.

        :param only: run it only if it is in this status.
        :raises ImportNotFound: the import does not exist, or it was deleted during the run.
        :raises ImportNotRunnable: the run did not begin.
        :raises RunLost: another run has taken the import over.
        :raises ImportInterrupted: the run broke down; what it saved stays.
        """
        try:
            with current_app.app_context():  # progress() must not see the caller's session
                self._run(import_id, workspace_id, progress, only)
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
    ) -> None:
        run = self._runs.claim(import_id, workspace_id, only=only)
        try:
            with self._beater.beating(run) as move:
                complete = self._work(run, progress, move)
        except RunLost:
            raise
        except BaseException:
            # Where this cannot be written either, the import counts as dead after a while.
            with suppress(Exception):
                if only is ImportStatus.QUEUED:
                    run.break_down()
                else:
                    run.end(ImportStatus.INTERRUPTED)
            raise
        status = ImportStatus.FINISHED
        if not complete and self._ends.is_set() and not run.is_cancelled():
            run.hand_back()
            return
        if not complete:
            is_cancelled = run.is_cancelled()
            status = ImportStatus.CANCELLED if is_cancelled else ImportStatus.INTERRUPTED
        run.end(status)

    def _work(self, run: Run, progress: Progress | None, move: Callable[[], None]) -> bool:
        """Save the outcomes as they come; return whether all rows are done."""
        ready = run.ready_rows()
        # A row that was tested whenever a run died may be why: a person has to want it again.
        staged = [each for each in ready if each.deaths < MAX_ATTEMPTS]
        _tell(run, import_started, api_key_id=run.options.api_key_id, rows=len(staged))
        known = _Known()
        batch: list[Outcome] = []
        done = refused = 0
        try:
            with closing(self._filled(run, staged, known)) as filled:
                for _ in filled:
                    move()
                    batch, slow = known.take()
                    # Counted before they are saved, because saving may fail.
                    refused += sum(_is_refused(each) for each in batch)
                    if batch:
                        _tell_saved(run, run.save(batch, slow))
                    else:
                        run.beat(slow)
                    done += len(batch)
                    batch = []
                    if progress is not None:
                        progress(done, len(staged))
        except RunLost:
            # The limit of refused logins must count these, though the import was deleted.
            lost = [each for each in (*batch, *known.outcomes) if _is_refused(each)]
            run.count_refused(lost)
            raise
        except BaseException as fault:
            # Where the database is away, it was waited for already.
            if known.outcomes and not is_away(fault):
                with suppress(Exception):
                    _tell_saved(run, run.save(known.outcomes))
            raise
        finally:
            if refused >= BURST:
                _tell(run, logins_refused, count=refused)
        return done == len(ready)

    def _filled(self, run: Run, staged: Sequence[StagedRow], known: _Known) -> Filled:
        """Put outcomes into ``known`` as they come; yield when it is time to save them."""
        opened = [self._open(run, row) for row in staged]
        done = [each for each in opened if each.mailbox is None or not run.options.tests]
        for start in range(0, len(done), BATCH_ROWS):
            if run.is_cancelled():
                return
            known.outcomes += done[start : start + BATCH_ROWS]
            yield
        if len(done) < len(opened):
            untested = [each for each in opened if each.mailbox is not None]
            yield from self._tested(run, untested, known)

    def _open(self, run: Run, row: StagedRow) -> Outcome:
        """Return the outcome of a row before its connection test."""
        if row.record is None:
            if row.is_broken:
                _tell(run, seal_broken, row_id=row.id, field=Field.RECORD.value)
            code = Code.INTERNAL if row.is_broken else Code.NOT_TESTED
            return Outcome(row_id=row.id, row=row.row, failure=failure_for(code))
        found = mailbox_of(row.record, self._config, with_imap=run.options.tests_imap)
        known = Outcome(row_id=row.id, row=row.row, warnings=row.record.warnings)
        if isinstance(found, Failure):
            return replace(known, failure=found)
        return replace(known, mailbox=found)

    def _tested(self, run: Run, untested: Sequence[Outcome], known: _Known) -> Filled:
        with_imap = run.options.tests_imap
        tests = probe_all(untested, self._config, self._paces, with_imap=with_imap)
        try:
            look = time.monotonic() + WATCH
            due = time.monotonic() + TICK
            for result in tests.results(GLANCE):
                if isinstance(result, RowWarning):
                    run.warn(result)
                elif isinstance(result, RefusedTargets):
                    _tell(run, targets_refused, count=result.count)
                elif isinstance(result, Begun):
                    known.begun.update(dict.fromkeys(result.row_ids, time.monotonic()))
                elif result is not None:
                    known.begun.pop(result.row_id, None)
                    known.outcomes.append(result)
                if time.monotonic() >= look:
                    if self._ends.is_set() or run.is_cancelled():
                        tests.drain()
                    look = time.monotonic() + WATCH
                    if known.slow():
                        due = 0.0
                if len(known.outcomes) >= BATCH_ROWS or time.monotonic() >= due:
                    yield
                    due = time.monotonic() + TICK
            yield
        finally:
            tests.close()


def _is_refused(outcome: Outcome) -> bool:
    return any(test and test.code in REFUSED_LOGIN for test in (outcome.smtp, outcome.imap))


def _tell(run: Run, signal: NamedSignal, /, **facts: Fact) -> None:
    tell(signal, import_id=run.import_id, workspace_id=run.options.workspace_id, **facts)


def _tell_saved(run: Run, saved: Counter[RowStatus]) -> None:
    imported, skipped = saved[RowStatus.IMPORTED], saved[RowStatus.SKIPPED]
    failed = saved[RowStatus.FAILED]
    _tell(run, batch_saved, imported=imported, skipped=skipped, failed=failed)


def _tell_ended(summary: Summary, status: ImportStatus | None) -> None:
    facts = {"import_id": summary.import_id, "workspace_id": summary.options.workspace_id}
    since_upload = (now() - (summary.created_at or now())).total_seconds()
    seconds = {
        "run_seconds": round(summary.seconds_in_run, 3),
        "total_seconds": round(since_upload, 3),
    }
    tell(import_ended, **facts, status=status and status.value, **summary.counts, **seconds)
