"""The one place that knows the order: read, check, stage, run, summarise; no request, no SQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import IO

from .check import Check, reading_of
from .choices import EncodingChoice
from .codes import Code
from .config import Config
from .errors import RunLost, TooManyRunning
from .mapping import Outcome, Run, StagedRow, Unfinished
from .outcomes import outcome_of
from .probe.prober import probe_all
from .queries import Queries
from .records import ImportStatus, Notice, Summary
from .report import report
from .rows import check_record, merge
from .session import own_context
from .staging import Staging
from .store import Store
from .words import reason_for

#: Rows of one transaction at most: what a crash makes us test again.
BATCH_ROWS = 50
#: Seconds after which what is known is saved, or, if nothing is, a sign of life given.
TICK = 1.0

#: What is to be saved, as it becomes known; an empty one is a sign of life.
Batches = Generator[list[Outcome], None, None]
#: Told after each batch that was committed: rows done by this run, rows it has in all.
Progress = Callable[[int, int], None]


class Importer:
    """Imports files for one app. Every method needs an app context, and none a request.

    Each works in an app context, and so a session, of its own: nothing that the caller has open
    is committed.
    """

    def __init__(self, config: Config, store: Store, queries: Queries) -> None:
        self._config = config
        self._store = store
        self._queries = queries
        self._staging = Staging(config, store, queries)
        self._running = threading.BoundedSemaphore(config.max_running)

    def run_file(
        self,
        stream: IO[bytes],
        *,
        workspace_id: str,
        tag: str | None = None,
        skip_connection_test: bool = False,
        test_imap: bool | None = None,
        encoding: str | None = None,
        column_mapping: Mapping[str, str | None] | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Import a file from start to end; return what came of it.

        ``test_imap``: log in for reading too, and take only mailboxes where both work; None is
        the setting ``TEST_IMAP``. Without a connection test it means nothing. ``encoding`` is
        that of a file that is not in Unicode. ``column_mapping``: their header -> our column,
        for names that are not known; a column that is mapped to None is not used.

        :raises ValueError: ``tag``, ``workspace_id`` or ``encoding`` is none.
        :raises FileError: the file cannot be read; nothing was stored.
        :raises TooManyRunning, TooManyRefusedLogins: a limit of the app; nothing was stored.
        """
        options = self._staging.options(workspace_id, tag, skip_connection_test, test_imap)
        reading = reading_of(encoding, column_mapping)
        with self._slot(), own_context():
            import_id = self._staging.stage(stream, options, reading)
            self._run(import_id, progress)
            return self._queries.summary(import_id)

    def stage_file(
        self,
        stream: IO[bytes],
        *,
        workspace_id: str,
        tag: str | None = None,
        skip_connection_test: bool = False,
        test_imap: bool | None = None,
        encoding: str | None = None,
        column_mapping: Mapping[str, str | None] | None = None,
        ask: bool = False,
    ) -> str:
        """Check a file and keep it for :meth:`continue_import`; return the import's id.

        With ``ask`` a file that is not in Unicode is kept until :meth:`read_as` says what it is in.

        :raises ValueError, FileError, TooManyRefusedLogins: see :meth:`run_file`.
        """
        options = self._staging.options(workspace_id, tag, skip_connection_test, test_imap)
        reading = reading_of(encoding, column_mapping)
        with own_context():
            return self._staging.stage(stream, options, reading, ask=ask)

    def encoding_choices(self, import_id: str, *, workspace_id: str) -> Sequence[EncodingChoice]:
        """Return what a file that was kept to be asked about may be in, the likeliest first.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with own_context():
            return self._staging.choices(import_id, workspace_id)

    def read_as(self, import_id: str, encoding: str, *, workspace_id: str) -> None:
        """Read a file that was kept to be asked about; its import can be run then.

        :raises ValueError, FileError, ImportNotFound: it is not read; the file is still kept.
        """
        with own_context():
            self._staging.read_as(import_id, workspace_id, encoding)

    def summary(self, import_id: str, *, workspace_id: str) -> Summary:
        """Return what came of an import so far, or what is in its file if it has not been run.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with own_context():
            return self._queries.summary(import_id, workspace_id)

    def report(self, import_id: str, *, workspace_id: str) -> bytes:
        """Return a CSV file of what came of each row of an import.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with own_context():
            return report(self._queries.report_rows(import_id, workspace_id))

    def check_file(
        self,
        stream: IO[bytes],
        *,
        workspace_id: str,
        skip_connection_test: bool = False,
        test_imap: bool | None = None,
        encoding: str | None = None,
        column_mapping: Mapping[str, str | None] | None = None,
    ) -> Check:
        """Say what is in a file; opens no connection, stores nothing; raises as `stage_file`."""
        options = self._staging.options(workspace_id, None, skip_connection_test, test_imap)
        reading = reading_of(encoding, column_mapping)
        with own_context():
            return self._staging.check(stream, options, reading)

    def continue_import(self, import_id: str, progress: Progress | None = None) -> Summary:
        """Run what is left of an import: all of a staged one, the rest of an interrupted one.

        :raises ImportNotFound, ImportNotRunnable, RunLost, TooManyRunning, TooManyRefusedLogins:
            why it was not.
        """
        with self._slot(), own_context():
            workspace_id = self._queries.workspace_to_test(import_id)
            if workspace_id is not None:
                self._staging.refuse_guessing(workspace_id)
            self._run(import_id, progress)
            return self._queries.summary(import_id)

    def erase_expired(self) -> int:
        """Erase what is kept of rows whose time is over; return of how many."""
        with own_context():
            return self._store.erase_expired()

    def unfinished(self) -> list[Unfinished]:
        """Return the imports that are not finished, oldest first; one may be running."""
        with own_context():
            return self._queries.unfinished()

    def _run(self, import_id: str, progress: Progress | None) -> None:
        run = self._store.claim(import_id)
        try:
            staged = self._store.ready_rows(run)
            done = 0
            with closing(self._batches(run, staged)) as batches:
                for batch in batches:
                    if batch:
                        self._store.save(run, batch)
                    else:
                        self._store.beat(run)
                    done += len(batch)
                    if progress is not None:
                        progress(done, len(staged))
        except RunLost:
            raise
        except BaseException:
            # Where even this cannot be written, the old sign of life tells the same.
            with suppress(Exception):
                self._store.end(run, ImportStatus.INTERRUPTED)
            raise
        complete = done == len(staged)
        self._store.end(run, ImportStatus.FINISHED if complete else ImportStatus.INTERRUPTED)

    def _batches(self, run: Run, staged: Sequence[StagedRow]) -> Batches:
        opened = [self._open(row, test_imap=run.test_imap) for row in staged]
        done = [each for each in opened if each.mailbox is None or run.skip_connection_test]
        for start in range(0, len(done), BATCH_ROWS):
            yield done[start : start + BATCH_ROWS]
        if len(done) < len(opened):
            to_test = {each.row_id: each for each in opened if each.mailbox is not None}
            rows = {row.id: row.record.row for row in staged if row.record is not None}
            yield from self._tested(run, to_test, rows)

    def _open(self, row: StagedRow, *, test_imap: bool) -> Outcome:
        """Return what is to be saved of a row that is not tested."""
        if row.record is None:
            return Outcome(row_id=row.id, reason=reason_for(Code.NOT_TESTED))
        mailbox, reasons = check_record(row.record, self._config, test_imap=test_imap)
        reason = merge(reasons) if reasons else None
        return Outcome(row_id=row.id, mailbox=mailbox, reason=reason, notices=row.record.notices)

    def _tested(self, run: Run, untested: dict[int, Outcome], rows: dict[int, int]) -> Batches:
        mailboxes = ((key, each.mailbox) for key, each in untested.items() if each.mailbox)
        tests = probe_all(mailboxes, self._config, test_imap=run.test_imap)
        try:
            batch: list[Outcome] = []
            due = time.monotonic() + TICK
            for result in tests.results(TICK):
                if isinstance(result, Notice):
                    self._store.remark(run, result)
                elif result is not None:
                    row_id, tested = result
                    batch.append(outcome_of(rows[row_id], untested[row_id], tested))
                if len(batch) >= BATCH_ROWS or time.monotonic() >= due:
                    yield batch
                    batch = []
                    due = time.monotonic() + TICK
            yield batch
        finally:
            tests.close()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._running.acquire(blocking=False):
            raise TooManyRunning("Too many imports are running here: try again in a while.")
        try:
            yield
        finally:
            self._running.release()
