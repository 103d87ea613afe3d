"""Imports that go on without their caller: start, cancel, retry, look at them; reads no file."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from .config import Config
from .errors import ImportNotRunnable, RunLost
from .importer import Importer, asked_for
from .listing import Listing
from .records import CheckedRow, RowStatus
from .results import KeptCells, Page, RowState, Summary
from .retrying import Corrections, Retrying
from .runners import ThreadRunner
from .runs import Runs
from .session import own_context
from .staging import Staging


class Jobs:
    """The imports of one app as things that can be watched and steered.

    Every method needs an app context, and works in one of its own.
    """

    def __init__(
        self,
        config: Config,
        importer: Importer,
        staging: Staging,
        retrying: Retrying,
        runs: Runs,
        runner: ThreadRunner,
        listing: Listing,
    ) -> None:
        self._config = config
        self._importer = importer
        self._staging = staging
        self._retrying = retrying
        self._runs = runs
        self._runner = runner
        self._listing = listing

    def is_inline(self) -> bool:
        """Tell whether imports run while their caller waits."""
        with own_context():
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
                self._importer.continue_import(import_id, workspace_id=workspace_id)
            return
        with asked_for(import_id, workspace_id):
            self._staging.refuse_run(import_id, workspace_id)
            self._runs.queue(import_id, workspace_id)
            self._runner.serve()

    def wake(self) -> None:
        """Begin what is queued, where it was left in the database and there is a place for it."""
        if not self.is_inline():
            with own_context():
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
            self._staging.refuse_run(import_id, workspace_id)
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
        with own_context():
            self._refuse_no_room(workspace_id)
            found = self._listing.test_under_way(workspace_id)
            return found or self._staging.stage_pending(workspace_id)

    def _refuse_no_room(self, workspace_id: str) -> None:
        """Refuse what would run while its caller waits before anything of it is written."""
        if self.is_inline():
            with self._importer.slot(workspace_id):
                pass

    def page(self, *, workspace_id: str, cursor: str | None = None) -> Page[Summary]:
        """Return imports of a workspace, newest first.

        :raises InvalidCursor: that is none of a page before.
        """
        with own_context():
            return self._listing.imports(workspace_id, cursor)

    def rows(
        self,
        import_id: str,
        *,
        workspace_id: str,
        status: RowStatus | None = None,
        cursor: str | None = None,
    ) -> Page[RowState]:
        """Return rows of an import in the file's order, of one status or all.

        :raises ImportNotFound: there is none of this id in the workspace.
        :raises InvalidCursor: that is none of a page before.
        """
        with asked_for(import_id, workspace_id):
            return self._listing.rows(import_id, workspace_id, status, cursor)

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
