"""The door of this wing: everything that can be done with imports, without HTTP."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import IO

from ..config import Config
from ..core.errors import ImportNotFound, ImportNotRunnable, RunLost
from ..core.imports import (
    ROWS_A_PAGE,
    Check,
    ImportOptions,
    OnDuplicate,
    Page,
    Question,
    Summary,
    Unfinished,
)
from ..core.rows import CheckedRow, KeptCells, RowResult, RowStatus
from ..signals import import_deleted, import_not_found, tell
from ..storage.erasure import Erasure
from ..storage.listing import Listing
from ..storage.models import now
from ..storage.queries import Queries
from ..storage.runs import Runs
from .execution import Execution, Progress
from .limits import Limits
from .runner import ThreadRunner
from .staging import Corrections, Retrying, Staging


class Importer:
    """Imports files for one app. Every method needs an app context, and none a request.

    All that is read and written is in transactions of their own: nothing that the caller has open
    is committed.
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
        updates: bool = False,
        file_name: str | None = None,
        api_key_id: int | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Import a file from start to end; return what came of it.

        ``test_imap``: log in for reading too, and take only mailboxes where both work; None is
        the setting ``TEST_IMAP``. ``encoding`` is that of a file that is not in Unicode.
        ``column_mapping``: their header -> our column; a column that is mapped to None is not
        used. ``updates``: a mailbox that is there already is not skipped but tested and updated.

        :raises ValueError: ``tag``, ``workspace_id`` or ``encoding`` is none.
        :raises FileError: the file cannot be read; nothing was stored.
        :raises TooManyRunning, TooManyRefusedLogins: a limit of the app; nothing was stored.
        :raises ImportInterrupted: it broke down before its end; what was done until then stays.
        :raises RunLost: somebody deleted the import, or has taken it over.
        """
        options = ImportOptions(
            workspace_id=workspace_id,
            tag=tag,
            skip_connection_test=skip_connection_test,
            test_imap=test_imap,
            on_duplicate=OnDuplicate.UPDATE if updates else OnDuplicate.SKIP,
            encoding=encoding,
            column_mapping=column_mapping or {},
            file_name=file_name,
            api_key_id=api_key_id,
        )
        return self.import_file(stream, options, progress)

    def import_file(
        self, stream: IO[bytes], options: ImportOptions, progress: Progress | None = None
    ) -> Summary:
        """Import a file from start to end, as :meth:`run_file` does."""
        with self._place(options.workspace_id):
            import_id = self._staging.stage(stream, options)
            return self._execution.run(import_id, options.workspace_id, progress)

    def stage_file(self, stream: IO[bytes], options: ImportOptions, *, ask: bool = False) -> str:
        """Check a file and keep it for a run; return the import's id.

        :param ask: keep an unclear file, too, until :meth:`read_as` says how it is to be read.
        :raises FileError, TooManyRefusedLogins: see :meth:`run_file`.
        """
        return self._staging.stage(stream, options, ask=ask)

    def check_file(self, stream: IO[bytes], options: ImportOptions) -> Check:
        """Say what is in a file; opens no connection, stores nothing.

        :raises FileError: see :meth:`run_file`.
        """
        return self._staging.check(stream, options)

    def question(self, import_id: str, *, workspace_id: str) -> Question | None:
        """Return what is to be said of a file that was kept to be asked about.

        None where there is nothing to be said. Raises as `summary`.
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
        """Read a file that was kept to be asked about; its import can be run then.

        :raises ValueError, FileError, ImportNotFound: it is not read; the file is still kept.
        """
        answer = ImportOptions(
            workspace_id=workspace_id, encoding=encoding, column_mapping=column_mapping or {}
        )
        with asked_for(import_id, workspace_id):
            self._staging.read_as(import_id, answer)

    def summary(self, import_id: str, *, workspace_id: str) -> Summary:
        """Return what came of an import so far, or what is in its file if it has not been run.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with asked_for(import_id, workspace_id):
            return self._queries.summary(import_id, workspace_id)

    def continue_import(
        self, import_id: str, progress: Progress | None = None, *, workspace_id: str | None = None
    ) -> Summary:
        """Run what is left of an import; ``workspace_id`` None is an operator, who may run any.

        :raises ImportNotFound, ImportNotRunnable, RunLost, TooManyRunning, TooManyRefusedLogins:
            why it was not.
        :raises ImportInterrupted: it broke down before its end; what was done until then stays.
        """
        with self._place(workspace_id):
            self._limits.refuse_run(import_id, workspace_id)
            return self._execution.run(import_id, workspace_id, progress)

    def delete(self, import_id: str, *, workspace_id: str, mailboxes: bool = False) -> int:
        """Forget an import; with ``mailboxes`` remove also those that it added; return how many.

        A run of it ends at its next batch. Refused logins of the last hour still count.

        :raises ImportNotFound: there is none of this id in the workspace.
        :raises MailboxesInUse: the host's own tables refer to one of them; nothing is erased.
        """
        with asked_for(import_id, workspace_id):
            removed = self._erasure.delete(import_id, workspace_id, mailboxes=mailboxes)
        tell(import_deleted, import_id=import_id, workspace_id=workspace_id, mailboxes=removed)
        return removed

    def erase_expired(self) -> int:
        """Erase what is kept of rows and files whose time is over; return of how many."""
        return self._erasure.erase_expired()

    def delete_older(self, than: timedelta) -> int:
        """Forget the imports that were made so long ago and do not run; return how many."""
        forgotten = 0
        for import_id, workspace_id in self._erasure.old_imports(now() - than):
            # Somebody may have been quicker.
            with suppress(ImportNotFound):
                self._erasure.delete(import_id, workspace_id)
                tell(import_deleted, import_id=import_id, workspace_id=workspace_id, mailboxes=0)
                forgotten += 1
        return forgotten

    def unfinished(self) -> list[Unfinished]:
        """Return the imports that are not finished, oldest first; one may be running."""
        return self._queries.unfinished()

    def is_inline(self) -> bool:
        """Tell whether imports run while their caller waits."""
        return self._config.runner == "inline" or not self._runner.can_run()

    def start(self, import_id: str, *, workspace_id: str) -> None:
        """Have what is left of an import done: at once, or when there is a place for it.

        One that is finished, or runs already, stays as it is.

        :raises ImportNotFound, TooManyRefusedLogins: why it is not.
        :raises ImportNotRunnable: it is being cancelled: its run has yet to end.
        :raises TooManyRunning, ImportInterrupted: only where it runs while the caller waits.
        """
        if self.is_inline():
            with suppress(ImportNotRunnable, RunLost):
                self.continue_import(import_id, workspace_id=workspace_id)
            return
        with asked_for(import_id, workspace_id):
            self._limits.refuse_run(import_id, workspace_id)
            self._runs.queue(import_id, workspace_id)
            self._runner.serve()

    def wake(self) -> None:
        """Begin what is queued, where it was left in the database and there is a place for it."""
        if not self.is_inline():
            self._runner.serve()

    def cancel(self, import_id: str, *, workspace_id: str) -> None:
        """Have an import begin no more tests; those under way end, and count.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with asked_for(import_id, workspace_id):
            self._runs.cancel(import_id, workspace_id)

    def retry(
        self,
        import_id: str,
        *,
        workspace_id: str,
        rows: Collection[int] = (),
        corrections: Corrections | None = None,
    ) -> list[CheckedRow]:
        """Test failed rows again, with what is corrected in them; and what is still ready.

        Without ``rows`` and ``corrections``, all that may pass by themselves. A correction that
        is none fails its row at once. An empty password keeps the one that was given.

        :returns: the rows that are not tested, and why.
        :raises ImportNotRunnable: it has not been run yet, or a run of it is under way.
        :raises NotRetryable: these rows cannot be tested again; nothing was changed.
        :raises ImportNotFound, TooManyRefusedLogins, TooManyRunning, ImportInterrupted: see
            :meth:`start`.
        """
        with asked_for(import_id, workspace_id):
            self._limits.refuse_run(import_id, workspace_id)
            self._refuse_no_room(workspace_id)
            put_back = self._retrying.put_back(import_id, workspace_id, rows, corrections or {})
        if any(each.status is RowStatus.READY for each in put_back):
            self.start(import_id, workspace_id=workspace_id)
        return [each for each in put_back if each.status is not RowStatus.READY]

    def stage_pending(self, *, workspace_id: str) -> str:
        """Keep a workspace's pending mailboxes as an import that tests them; return its id.

        One that is under way already is not begun twice.

        :raises FileError: ``no_rows``: there is none.
        :raises TooManyRefusedLogins, TooManyRunning: it tests no more logins for now.
        """
        self._refuse_no_room(workspace_id)
        found = self._listing.test_under_way(workspace_id)
        return found or self._staging.stage_pending(workspace_id)

    def _refuse_no_room(self, workspace_id: str) -> None:
        """Refuse what would run while its caller waits before anything of it is written."""
        if self.is_inline():
            with self._place(workspace_id):
                pass

    def imports(self, *, workspace_id: str, cursor: str | None = None) -> Page[Summary]:
        """Return imports of a workspace, newest first.

        :raises InvalidCursor: that is none of a page before.
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
        """Return rows of an import in the file's order, of one status or all.

        :param limit: how many at most; None: all.
        :raises ImportNotFound: there is none of this id in the workspace.
        :raises InvalidCursor: that is none of a page before.
        """
        with asked_for(import_id, workspace_id):
            return self._listing.rows(import_id, workspace_id, status, cursor, limit)

    def kept_cells(
        self, import_id: str, *, workspace_id: str, status: RowStatus, limit: int
    ) -> list[KeptCells]:
        """Return what is kept of rows of one status, without passwords, in the file's order.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with asked_for(import_id, workspace_id):
            return self._listing.kept_cells(import_id, workspace_id, status, limit)

    def same_file(self, import_id: str, *, workspace_id: str) -> Summary | None:
        """Return the last import of the same file that was run before this one, if any.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with asked_for(import_id, workspace_id):
            return self._listing.same_file(import_id, workspace_id)

    @contextmanager
    def _place(self, workspace_id: str | None) -> Iterator[None]:
        """Hold one of the places of ``MAX_RUNNING``; afterwards begin what waited for one.

        :raises TooManyRunning: none is free.
        """
        try:
            with self._limits.place(workspace_id):
                yield
        finally:
            # Why what is queued does not begin is not this import's matter.
            with suppress(Exception):
                self._runner.wake()


@contextmanager
def asked_for(import_id: str, workspace_id: str) -> Iterator[None]:
    """Tell the host of a workspace that asks for an import which is not there.

    Another workspace's import is told no differently: to tell them apart, it had to be read.
    """
    try:
        yield
    except ImportNotFound:
        asked = import_id if import_id.isalnum() else "?"
        tell(import_not_found, import_id=asked[:32], workspace_id=workspace_id)
        raise
