"""The one place that knows the order: read, check, stage, run, summarise; no request, no SQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from typing import IO

from .check import Check, mark_doubles, read_rows
from .codes import Code
from .config import Config
from .errors import FileError, RunLost, TooManyRefusedLogins, TooManyRunning
from .labels import check_workspace_id, clean_tag
from .mapping import Outcome, Run, StagedRow, Unfinished
from .outcomes import outcome_of
from .probe.diagnosis import REFUSED_LOGIN
from .probe.prober import probe_all
from .queries import Queries
from .records import CheckedRow, ImportStatus, Mailbox, Notice, Options, Reason, Summary
from .rows import check_record, merge
from .session import own_context
from .store import Store
from .words import reason_for

#: Rows of one transaction at most: what a crash makes us test again.
BATCH_ROWS = 50
#: Seconds after which what is known is saved, or, if nothing is, a sign of life given.
TICK = 1.0

_REFUSED_WITHIN = timedelta(hours=1)

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
        self._running = threading.BoundedSemaphore(config.max_running)

    def run_file(
        self,
        stream: IO[bytes],
        *,
        workspace_id: str,
        tag: str | None = None,
        skip_connection_test: bool = False,
        test_imap: bool | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Import a CSV file from start to end; return what came of it.

        ``test_imap``: log in for reading too, and take only mailboxes where both work; None is
        the setting ``TEST_IMAP``. Without a connection test it means nothing.

        :raises ValueError: ``tag`` or ``workspace_id`` is none; see ``labels``.
        :raises FileError: the file cannot be read; nothing was stored.
        :raises TooManyRunning, TooManyRefusedLogins: a limit of the app; nothing was stored.
        """
        options = self._options(workspace_id, tag, skip_connection_test, test_imap)
        with self._slot(), own_context():
            import_id = self._stage(stream, options)
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
    ) -> str:
        """Check a CSV file and keep it for :meth:`continue_import`; return the import's id.

        :raises ValueError, FileError, TooManyRefusedLogins: see :meth:`run_file`.
        """
        options = self._options(workspace_id, tag, skip_connection_test, test_imap)
        with own_context():
            return self._stage(stream, options)

    def summary(self, import_id: str, *, workspace_id: str) -> Summary:
        """Return what came of an import so far, or what is in its file if it has not been run.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with own_context():
            return self._queries.summary(import_id, workspace_id)

    def check_file(
        self,
        stream: IO[bytes],
        *,
        workspace_id: str,
        skip_connection_test: bool = False,
        test_imap: bool | None = None,
    ) -> Check:
        """Say what is in a file; opens no connection, stores nothing; raises as `stage_file`."""
        options = self._options(workspace_id, None, skip_connection_test, test_imap)
        with own_context():
            return self._check(stream, options)

    def continue_import(self, import_id: str, progress: Progress | None = None) -> Summary:
        """Run what is left of an import: all of a staged one, the rest of an interrupted one.

        :raises ImportNotFound, ImportNotRunnable, RunLost, TooManyRunning, TooManyRefusedLogins:
            why it was not.
        """
        with self._slot(), own_context():
            workspace_id = self._queries.workspace_to_test(import_id)
            if workspace_id is not None:
                self._refuse_guessing(workspace_id)
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

    def _options(
        self, workspace_id: str, tag: str | None, skip_connection_test: bool, test_imap: bool | None
    ) -> Options:
        wanted = self._config.test_imap if test_imap is None else test_imap
        return Options(
            workspace_id=check_workspace_id(workspace_id),
            tag=clean_tag(tag),
            skip_connection_test=skip_connection_test,
            test_imap=wanted and not skip_connection_test,
        )

    def _stage(self, stream: IO[bytes], options: Options) -> str:
        self._store.erase_expired()
        check = self._check(stream, options)
        if not options.skip_connection_test:
            self._refuse_guessing(options.workspace_id)
        return self._store.stage(options, check.rows, notices=check.notices)

    def _check(self, stream: IO[bytes], options: Options) -> Check:
        test_imap = options.test_imap
        rows, notices = _read(stream, self._config, test_imap=test_imap)
        keys = [each.mailbox.email_key for each in rows if each.mailbox]
        known = self._queries.existing_keys(options.workspace_id, keys)
        doubles = mark_doubles(rows, known, test_imap=test_imap)
        return Check(rows=tuple(doubles), notices=notices)

    def _refuse_guessing(self, workspace_id: str) -> None:
        limit = self._config.max_refused_logins
        if not limit:
            return
        if self._queries.refused_logins(workspace_id, REFUSED_LOGIN, _REFUSED_WITHIN) >= limit:
            raise TooManyRefusedLogins(
                f"More than {limit} logins of this workspace were refused within an hour: "
                "wait an hour before the next import."
            )

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
        mailboxes: dict[int, Mailbox] = {}
        failed: list[Outcome] = []
        for row in staged:
            mailbox, reason = self._open(row, test_imap=run.test_imap)
            if mailbox is None:
                failed.append(Outcome(row_id=row.id, reason=reason))
            else:
                mailboxes[row.id] = mailbox
        if run.skip_connection_test:
            failed += [Outcome(row_id=each, mailbox=mailboxes[each]) for each in mailboxes]
        for start in range(0, len(failed), BATCH_ROWS):
            yield failed[start : start + BATCH_ROWS]
        if mailboxes and not run.skip_connection_test:
            rows = {row.id: row.record.row for row in staged if row.record is not None}
            yield from self._tested(run, mailboxes, rows)

    def _open(self, row: StagedRow, *, test_imap: bool) -> tuple[Mailbox | None, Reason | None]:
        if row.record is None:
            return None, reason_for(Code.NOT_TESTED)
        mailbox, reasons = check_record(row.record, self._config, test_imap=test_imap)
        return mailbox, merge(reasons) if reasons else None

    def _tested(self, run: Run, mailboxes: dict[int, Mailbox], rows: dict[int, int]) -> Batches:
        tests = probe_all(mailboxes.items(), self._config, test_imap=run.test_imap)
        try:
            batch: list[Outcome] = []
            due = time.monotonic() + TICK
            for result in tests.results(TICK):
                if isinstance(result, Notice):
                    self._store.remark(run, result)
                elif result is not None:
                    row_id, tested = result
                    batch.append(outcome_of(row_id, rows[row_id], mailboxes[row_id], tested))
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


def _read(
    stream: IO[bytes], config: Config, *, test_imap: bool
) -> tuple[list[CheckedRow], tuple[Notice, ...]]:
    try:
        return read_rows(stream, config, test_imap=test_imap)
    except FileError as fault:
        # Its frames hold the clear text of the file: whoever catches it gets none of them.
        clean = fault.with_traceback(None)
    raise clean
