"""The work of one run: opens its rows, has them tested, and saves the outcomes in batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import replace

from ..config import Config
from ..core.codes import REFUSED_LOGIN, Code
from ..core.errors import RunLost
from ..core.failures import Failure, failure_for
from ..core.imports import seconds_left
from ..core.rows import Outcome, RowStatus, RowWarning, StagedRow
from ..probe.pace import Paces
from ..probe.prober import RefusedTargets, probe_all
from ..probe.verdicts import Begun
from ..reading.validation import mailbox_of
from ..signals import (
    Fact,
    NamedSignal,
    batch_saved,
    import_started,
    logins_refused,
    seal_broken,
    targets_refused,
    tell,
)
from ..storage.runs import Run
from ..storage.sealing import Field
from ..storage.session import is_away
from ..storage.states import MAX_ATTEMPTS

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

#: Yields when it is time to save the known outcomes or to write a beat.
Filled = Generator[None, None, None]
#: Called after each write with two numbers: the rows that this run has done, and all its rows.
Progress = Callable[[int, int], None]


class Batches:
    """The rows of one claimed run. Needs an app context.

    :param paces: those of the app.
    :param ends: set when no more tests are to begin in this process.
    """

    def __init__(self, run: Run, config: Config, paces: Paces, ends: threading.Event) -> None:
        self._run = run
        self._config = config
        self._paces = paces
        self._ends = ends
        self._began = time.monotonic()
        #: How many rows the run has, and how many of them are saved.
        self._rows = self._done = 0
        self._refused = 0
        #: What is known and not saved, and of it what is being saved.
        self._outcomes: list[Outcome] = []
        self._batch: list[Outcome] = []
        #: When the tests of rows began that have not ended (``time.monotonic``), by the rows' ids.
        self._begun: dict[int, float] = {}

    def seconds_left(self) -> float | None:
        """Return in how many seconds the run is likely to end; None where that is not known."""
        return seconds_left(self._done, time.monotonic() - self._began, self._rows - self._done)

    def work(self, progress: Progress | None, move: Callable[[], None]) -> bool:
        """Save the outcomes as they come; return whether all ready rows are done.

        :param move: called whenever the run moves.
        :raises RunLost: another run has taken the import over, or it was deleted.
        """
        ready = self._run.ready_rows()
        # A row that was tested whenever a run died may be why: a person has to want it again.
        staged = [each for each in ready if each.deaths < MAX_ATTEMPTS]
        self._rows = len(staged)
        self._tell(import_started, api_key_id=self._run.options.api_key_id, rows=self._rows)
        try:
            with closing(self._filled(staged)) as filled:
                for _ in filled:
                    move()
                    self._write()
                    if progress is not None:
                        progress(self._done, self._rows)
        except RunLost:
            # The limit of refused logins must count these, though the import was deleted.
            lost = [each for each in (*self._batch, *self._outcomes) if _is_refused(each)]
            self._run.count_refused(lost)
            raise
        except BaseException as fault:
            # Where the database is away, it was waited for already.
            if self._outcomes and not is_away(fault):
                with suppress(Exception):
                    self._save(())
            raise
        finally:
            if self._refused >= BURST:
                self._tell(logins_refused, count=self._refused)
        return self._done == len(ready)

    def _write(self) -> None:
        """Save what is known, or write a beat, and which rows take long to test."""
        slow = self._slow()
        for row_id in slow:
            del self._begun[row_id]
        if self._outcomes:
            self._save(slow)
        else:
            self._run.beat(slow)

    def _save(self, begun: Sequence[int]) -> None:
        batch = self._batch = self._outcomes
        self._outcomes = []
        # Counted before they are saved, because saving may fail.
        self._refused += sum(_is_refused(each) for each in batch)
        saved = self._run.save(batch, begun)
        self._batch = []
        self._done += len(batch)
        statuses = (RowStatus.IMPORTED, RowStatus.SKIPPED, RowStatus.FAILED)
        imported, skipped, failed = (saved[each] for each in statuses)
        self._tell(batch_saved, imported=imported, skipped=skipped, failed=failed)

    def _slow(self) -> list[int]:
        since = time.monotonic() - SLOW
        return [row_id for row_id, began in self._begun.items() if began <= since]

    def _filled(self, staged: Sequence[StagedRow]) -> Filled:
        """Gather the outcomes as they come; yield when it is time to save them."""
        opened = [self._open(row) for row in staged]
        tests = self._run.options.tests
        done = [each for each in opened if each.mailbox is None or not tests]
        for start in range(0, len(done), BATCH_ROWS):
            if self._ends.is_set() or self._run.is_cancelled():
                return
            self._outcomes += done[start : start + BATCH_ROWS]
            yield
        if len(done) < len(opened):
            yield from self._tested([each for each in opened if each.mailbox is not None])

    def _open(self, row: StagedRow) -> Outcome:
        """Return the outcome of a row before its connection test."""
        if row.record is None:
            if row.is_broken:
                self._tell(seal_broken, row_id=row.id, field=Field.RECORD.value)
            code = Code.INTERNAL if row.is_broken else Code.NOT_TESTED
            return Outcome(row_id=row.id, row=row.row, failure=failure_for(code))
        found = mailbox_of(
            row.record,
            self._config,
            with_imap=self._run.options.tests_imap,
            host_columns=self._run.host_columns,
        )
        known = Outcome(row_id=row.id, row=row.row, warnings=row.record.warnings)
        if isinstance(found, Failure):
            return replace(known, failure=found)
        return replace(known, mailbox=found)

    def _tested(self, untested: Sequence[Outcome]) -> Filled:
        with_imap = self._run.options.tests_imap
        tests = probe_all(untested, self._config, self._paces, with_imap=with_imap)
        try:
            look = time.monotonic() + WATCH
            due = time.monotonic() + TICK
            for result in tests.results(GLANCE):
                self._hear(result)
                if time.monotonic() >= look:
                    if self._ends.is_set() or self._run.is_cancelled():
                        tests.drain()
                    look = time.monotonic() + WATCH
                    due = 0.0 if self._slow() else due
                if len(self._outcomes) >= BATCH_ROWS or time.monotonic() >= due:
                    yield
                    due = time.monotonic() + TICK
            # Before the last write: a process that is short of files needs those of the hub.
            tests.close()
            yield
        finally:
            tests.close()

    def _hear(self, result: Outcome | Begun | RowWarning | RefusedTargets | None) -> None:
        if isinstance(result, RowWarning):
            self._run.warn(result)
        elif isinstance(result, RefusedTargets):
            self._tell(targets_refused, count=result.count)
        elif isinstance(result, Begun):
            self._begun.update(dict.fromkeys(result.row_ids, time.monotonic()))
        elif result is not None:
            self._begun.pop(result.row_id, None)
            self._outcomes.append(result)

    def _tell(self, signal: NamedSignal, /, **facts: Fact) -> None:
        mine = {"import_id": self._run.import_id, "workspace_id": self._run.options.workspace_id}
        tell(signal, **mine, **facts)


def _is_refused(outcome: Outcome) -> bool:
    return any(test and test.code in REFUSED_LOGIN for test in (outcome.smtp, outcome.imap))
