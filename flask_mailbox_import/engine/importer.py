"""The door of this wing: everything that an app can do with imports, without HTTP."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import IO

from ..config import Config
from ..core.errors import ImportNotFound, ImportNotRunnable, RunLost, TryLater
from ..core.imports import (
    ROWS_A_PAGE,
    Check,
    Extent,
    ImportOptions,
    ImportStatus,
    OnDuplicate,
    Page,
    Question,
    Summary,
    Unfinished,
    Workload,
)
from ..core.rows import CheckedRow, FailedRow, KeptCells, RowResult, RowStatus
from ..signals import import_deleted, import_not_found, tell
from ..storage.erasure import Erasure
from ..storage.listing import Listing
from ..storage.models import now
from ..storage.queries import Queries
from ..storage.runs import Runs
from .batches import Progress
from .corrections import Change, Corrections
from .execution import Execution
from .failed_rows import FailedRows
from .limits import Limits
from .runner import ThreadRunner
from .staging import Retrying, Staging
from .sweeper import tell_taken_up


class Importer:
    """Imports files for one app. Every method needs an app context, but no request.

    Everything is read and written in separate transactions: nothing of the caller's is committed.
    """

    def __init__(
        self,
        config: Config,
        queries: Queries,
        listing: Listing,
        erasure: Erasure,
        runs: Runs,
        limits: Limits,
        staging: Staging,
        retrying: Retrying,
        failed_rows: FailedRows,
        execution: Execution,
        runner: ThreadRunner,
    ) -> None:
        self._config = config
        self._queries = queries
        self._listing = listing
        self._erasure = erasure
        self._runs = runs
        self._limits = limits
        self._staging = staging
        self._retrying = retrying
        self._failed_rows = failed_rows
        self._execution = execution
        self._runner = runner

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
        servers: Mapping[str, str] | None = None,
        find_servers: bool = False,
        updates: bool = False,
        file_name: str | None = None,
        api_key_id: int | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Import a file from start to end; return the summary.

        :param test_imap: test the IMAP login too, and import only mailboxes where both work; None:
            as the setting ``TEST_IMAP`` says.
        :param encoding: the encoding of a file that is not in Unicode.
        :param column_mapping: from the file's header to our column; None: do not use the column.
        :param servers: values of ``smtphost smtpport smtpsecure imaphost imapport imapsecure`` for
            all rows whose own cell is empty; the file needs only ``email`` and ``password`` then.
        :param find_servers: find the servers that a row does not name by the domain of its address;
            ``email`` and ``password`` are columns enough then, too.
        :param updates: test and update mailboxes that the workspace has already, in place of
            skipping them.
        :param progress: called after each committed batch with the rows done, and all rows.
        :raises ValueError: ``tag``, ``workspace_id``, ``encoding``, or a name in ``servers``, is
            wrong.
        :raises FileError: the file cannot be read; nothing was stored.
        :raises TooManyRunning, TooManyRefusedLogins: a limit of the app; nothing was stored.
        :raises ImportInterrupted: it broke down before its end; what it saved stays.
        :raises ImportNotFound: the import was deleted during the run.
        :raises RunLost: another run has taken the import over.
        """
        options = ImportOptions(
            workspace_id=workspace_id,
            tag=tag,
            skip_connection_test=skip_connection_test,
            test_imap=test_imap,
            on_duplicate=OnDuplicate.UPDATE if updates else OnDuplicate.SKIP,
            encoding=encoding,
            column_mapping=column_mapping or {},
            servers=servers or {},
            find_servers=find_servers,
            file_name=file_name,
            api_key_id=api_key_id,
        )
        return self.import_file(stream, options, progress)

    def import_file(
        self, stream: IO[bytes], options: ImportOptions, progress: Progress | None = None
    ) -> Summary:
        """Import a file from start to end, as :meth:`run_file` does."""
        with self._place(options.workspace_id) if options.tests else nullcontext():
            import_id = self._staging.stage(stream, options)
            return self._execution.run(import_id, options.workspace_id, progress)

    def stage_file(
        self,
        stream: IO[bytes],
        options: ImportOptions,
        *,
        ask: bool = False,
    ) -> str:
        """Check a file and keep its rows for a run; return the import's id.

        :param ask: keep an unclear file too, until :meth:`read_as` says how it is to be read.
        :raises FileError, TooManyRefusedLogins: see :meth:`run_file`.
        """
        return self._staging.stage(stream, options, ask=ask)

    def start_file(self, stream: IO[bytes], options: ImportOptions) -> str:
        """Keep a file's rows and start their run, as :meth:`start` does; return the import's id.

        :raises FileError, TooManyRefusedLogins: see :meth:`run_file`.
        :raises TooManyWaiting, TooManyRunning: it cannot be started; nothing is kept.
        """
        workspace_id = options.workspace_id
        if options.tests or not self.is_inline():
            self._refuse_no_room(workspace_id)
        import_id = self._staging.stage(stream, options)
        try:
            self.start(import_id, workspace_id=workspace_id)
        except TryLater:
            # Others were quicker since the look at the room.
            self._erasure.delete(import_id, workspace_id)
            raise
        return import_id

    def check_file(self, stream: IO[bytes], options: ImportOptions) -> Check:
        """Check a file; it opens no connection and stores nothing.

        :raises FileError: see :meth:`run_file`.
        """
        return self._staging.check(stream, options)

    def question(self, import_id: str, *, workspace_id: str) -> Question | None:
        """Return the question about a waiting file; None where there is none.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._staging.question(import_id, workspace_id)

    def read_as(
        self,
        import_id: str,
        encoding: str | None = None,
        column_mapping: Mapping[str, str | None] | None = None,
        *,
        workspace_id: str,
    ) -> None:
        """Read a waiting file as a user says; its import can be run then.

        :raises ValueError, FileError, ImportNotFound: it was not read; the file is still kept.
        """
        answer = ImportOptions(
            workspace_id=workspace_id, encoding=encoding, column_mapping=column_mapping or {}
        )
        with asked_for(import_id, workspace_id):
            self._staging.read_as(import_id, answer)

    def summary(self, import_id: str, *, workspace_id: str) -> Summary:
        """Return what came of an import so far; before its first run, what is in its file.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._queries.summary(import_id, workspace_id)

    def continue_import(
        self,
        import_id: str,
        progress: Progress | None = None,
        *,
        workspace_id: str | None = None,
        extent: Extent = Extent.ALL,
    ) -> Summary:
        """Run the rest of an import; return its summary.

        :param workspace_id: its workspace; None: any, for an operator's call.
        :param extent: which of its rows.
        :raises ImportNotFound, ImportNotRunnable, RunLost, TooManyRunning, TooManyRefusedLogins:
            why it was not run.
        :raises ImportInterrupted: it broke down before its end; what it saved stays.
        """
        to_test = self._queries.workspace_to_test(import_id, workspace_id)
        with self._place(workspace_id) if to_test is not None else nullcontext():
            if to_test is not None:
                self._limits.refuse_guessing(to_test)
            self._take_up(import_id, workspace_id)
            return self._execution.run(import_id, workspace_id, progress, extent=extent)

    def delete(self, import_id: str, *, workspace_id: str, mailboxes: bool = False) -> int:
        """Delete an import; return how many mailboxes were removed.

        If it runs, the run ends at its next batch. Refused logins of the last hour still count.

        :param mailboxes: remove the mailboxes that the import added, too.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises MailboxesInUse: the host's own tables refer to one of them; nothing was erased.
        """
        with asked_for(import_id, workspace_id):
            removed = self._erasure.delete(import_id, workspace_id, mailboxes=mailboxes)
        tell(import_deleted, import_id=import_id, workspace_id=workspace_id, mailboxes=removed)
        return removed

    def erase_expired(self) -> int:
        """Erase records of rows and files that were kept long enough; return how many."""
        return self._erasure.erase_expired()

    def delete_older(self, than: timedelta) -> int:
        """Delete the imports that are older than ``than`` and do not run; return how many."""
        forgotten = 0
        for import_id, workspace_id in self._erasure.old_imports(now() - than):
            # Another call may have been quicker.
            with suppress(ImportNotFound):
                self._erasure.delete(import_id, workspace_id)
                tell(import_deleted, import_id=import_id, workspace_id=workspace_id, mailboxes=0)
                forgotten += 1
        return forgotten

    def unfinished(self) -> list[Unfinished]:
        """Return the imports with rows to do, the oldest first; they may be running."""
        return self._queries.unfinished()

    def workload(self) -> list[Workload]:
        """Return how many imports wait, run, or have a dead run, by workspace."""
        return self._queries.workload()

    def waits_for_others(self, workspace_id: str) -> bool:
        """Tell whether imports of a workspace that are queued now wait until others have ended."""
        full = self._limits.without_place()
        return full is None or workspace_id in full

    def is_inline(self) -> bool:
        """Tell whether ``start`` runs an import itself, while its caller waits."""
        return self._config.runner == "inline" or not self._runner.can_run()

    def start(self, import_id: str, *, workspace_id: str, extent: Extent = Extent.ALL) -> None:
        """Start the rest of an import: queue it for a thread or, where `is_inline`, run it here.

        An import that is finished, or runs already, stays as it is.

        :param extent: which of its rows.
        :raises ImportNotFound, TooManyRefusedLogins, TooManyWaiting: why it was not started.
        :raises ImportNotRunnable: it runs, and was asked to stop.
        :raises TooManyRunning, ImportInterrupted: only where `is_inline`.
        """
        if self.is_inline():
            with suppress(ImportNotRunnable, RunLost):
                self.continue_import(import_id, workspace_id=workspace_id, extent=extent)
            return
        with asked_for(import_id, workspace_id):
            self._limits.refuse_run(import_id, workspace_id)
            if not self._queries.is_under_way(import_id, workspace_id):
                self._limits.refuse_waiting(workspace_id)
            self._take_up(import_id, workspace_id)
            self._runs.queue(import_id, workspace_id, extent=extent)
            self._runner.serve()

    def wake(self) -> None:
        """Start threads for queued imports, as far as there are free places."""
        if not self.is_inline():
            self._runner.serve()

    def cancel(self, import_id: str, *, workspace_id: str) -> None:
        """Ask an import to stop. It begins no more tests; those that run still end and count.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            self._take_up(import_id, workspace_id)
            self._runs.cancel(import_id, workspace_id)

    def retry(
        self,
        import_id: str,
        *,
        workspace_id: str,
        rows: Collection[int] = (),
        corrections: Corrections | None = None,
        changes: Sequence[Change] = (),
        strict: bool = False,
    ) -> list[CheckedRow]:
        """Test failed rows again, corrected or as they are, and rows that are still ready.

        Without ``rows``, ``corrections`` and ``changes`` it tests all failed rows that are
        retryable. A wrong correction fails its row at once. An empty password stands for the one
        that is kept.

        :param rows: numbers of rows to test as they are.
        :param corrections: by row number, the new values of its columns.
        :param changes: corrections of all failed rows that match; the last one counts, and a row's
            own correction before them.
        :param strict: refuse wrong corrections instead, by ``WrongCorrection``.
        :returns: the rows that are not tested, with their failures.
        :raises ImportNotRunnable: it has not been run yet, or it runs.
        :raises NotRetryable: these rows cannot be tested again; nothing was changed.
        :raises ImportNotFound, TooManyRefusedLogins, TooManyRunning, TooManyWaiting,
            ImportInterrupted: see :meth:`start`.
        """
        with asked_for(import_id, workspace_id):
            self._limits.refuse_run(import_id, workspace_id)
            if not self._queries.is_under_way(import_id, workspace_id):
                self._refuse_no_room(workspace_id)
            put_back = self._retrying.put_back(
                import_id, workspace_id, rows, corrections or {}, changes, strict=strict
            )
        if any(each.status is RowStatus.READY for each in put_back):
            self.start(import_id, workspace_id=workspace_id, extent=Extent.SAME)
        return [each for each in put_back if each.status is not RowStatus.READY]

    def retry_file(
        self,
        import_id: str,
        stream: IO[bytes],
        *,
        workspace_id: str,
        encoding: str | None = None,
        column_mapping: Mapping[str, str | None] | None = None,
    ) -> list[CheckedRow]:
        """Test failed rows again as a file of them says, which a user has corrected.

        Its rows are those that :meth:`failed_rows` returns, by the column ``row``. An empty cell
        changes nothing, so that a kept password is used again. A row that is not changed is tested
        if it is retryable. Rows that are not in the file stay as they are.

        :param encoding, column_mapping: see :meth:`run_file`.
        :returns: the rows that are not tested, with their failures.
        :raises ValueError: ``encoding`` is not known.
        :raises FileError: the file cannot be read, or is no file of failed rows.
        :raises NotRetryable: a line is wrong, or nothing is to be tested; nothing was changed.
        :raises ImportNotFound, ImportNotRunnable, TooManyRefusedLogins, TooManyRunning,
            TooManyWaiting, ImportInterrupted: see :meth:`retry`.
        """
        options = ImportOptions(
            workspace_id=workspace_id, encoding=encoding, column_mapping=column_mapping or {}
        )
        with asked_for(import_id, workspace_id):
            if self._queries.is_under_way(import_id, workspace_id):
                raise ImportNotRunnable(import_id, ImportStatus.RUNNING)
            rows, corrections = self._failed_rows.returned(import_id, stream, options)
        return self.retry(import_id, workspace_id=workspace_id, rows=rows, corrections=corrections)

    def stage_pending(self, *, workspace_id: str, of_import: str | None = None) -> str:
        """Make an import that tests a workspace's pending mailboxes; return its id.

        If such an import already waits or runs, return the id of that one.

        :param of_import: only those that this import added; None: all.
        :raises FileError: ``no_rows``: there are none.
        :raises TooManyRefusedLogins, TooManyRunning, TooManyWaiting: a limit of the app; nothing
            was stored.
        """
        self._refuse_no_room(workspace_id)
        found = self._listing.test_under_way(workspace_id)
        return found or self._staging.stage_pending(workspace_id, of_import)

    def _refuse_no_room(self, workspace_id: str) -> None:
        """Refuse an import that could not be started, before anything of it is written."""
        if not self.is_inline():
            self._limits.refuse_waiting(workspace_id)
            return
        with self._place(workspace_id):
            pass

    def imports(self, *, workspace_id: str, cursor: str | None = None) -> Page[Summary]:
        """Return a page of a workspace's imports, the newest first.

        :raises InvalidCursor: the cursor is not one of this list.
        """
        return self._listing.imports(workspace_id, cursor)

    def rows(
        self,
        import_id: str,
        *,
        workspace_id: str,
        status: RowStatus | None = None,
        cursor: str | None = None,
        limit: int | None = ROWS_A_PAGE,
    ) -> Page[RowResult]:
        """Return a page of an import's rows in the file's order.

        :param status: only rows with this status; None: all.
        :param limit: how many rows at most; None: all.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises InvalidCursor: the cursor is not one of this list.
        """
        with asked_for(import_id, workspace_id):
            return self._listing.rows(import_id, workspace_id, status, cursor, limit)

    def kept_cells(
        self,
        import_id: str,
        *,
        workspace_id: str,
        status: RowStatus,
        limit: int,
        rows: Collection[int] | None = None,
    ) -> list[KeptCells]:
        """Return the kept cells of rows with one status, in the file's order, without passwords.

        :param rows: the numbers of these rows; None: whatever their number is.
        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._listing.kept_cells(import_id, workspace_id, status, limit, rows)

    def failed_rows(self, import_id: str, *, workspace_id: str) -> tuple[FailedRow, ...]:
        """Return the failed rows of an import for a file in which they are corrected.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._failed_rows.given(import_id, workspace_id)

    def same_file(self, import_id: str, *, workspace_id: str) -> Summary | None:
        """Return the last import of the same file that ran before this one, if any.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._listing.same_file(import_id, workspace_id)

    def _take_up(self, import_id: str, workspace_id: str | None) -> None:
        """Where the run of an import is dead, say so before a person goes on with it."""
        for each in self._runs.take_up(import_id, workspace_id):
            tell_taken_up(each)

    @contextmanager
    def _place(self, workspace_id: str | None) -> Iterator[None]:
        """Hold one of the ``MAX_RUNNING`` places; afterwards start what waits for one.

        :raises TooManyRunning: none is free.
        """
        try:
            with self._limits.place(workspace_id):
                yield
        finally:
            # This import succeeded, even if the next one cannot start.
            with suppress(Exception):
                self._runner.wake()


@contextmanager
def asked_for(import_id: str, workspace_id: str) -> Iterator[None]:
    """Signal ``import_not_found`` where a workspace asks for an import that it does not have.

    The signal does not say whether another workspace has this import: only a read across
    workspaces could tell that.
    """
    try:
        yield
    except ImportNotFound:
        asked = import_id if import_id.isalnum() else "?"
        tell(import_not_found, import_id=asked[:32], workspace_id=workspace_id)
        raise
