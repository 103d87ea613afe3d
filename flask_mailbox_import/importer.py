"""Imports of files, from the stream to the summary, as its caller waits; no request, no SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import IO

from .check import Check, reading_of
from .erasure import Erasure
from .errors import ImportNotFound, TooManyRunning
from .execution import Execution, Progress
from .mapping import now
from .queries import Queries
from .report import report
from .results import Summary
from .runners import ThreadRunner
from .session import own_context
from .signals import import_deleted, import_not_found, limit_reached, tell
from .staged import Unfinished
from .staging import Question, Staging


class Importer:
    """Imports files for one app. Every method needs an app context, and none a request.

    Each works in an app context, and so a session, of its own: nothing that the caller has open
    is committed.
    """

    def __init__(
        self,
        queries: Queries,
        erasure: Erasure,
        staging: Staging,
        execution: Execution,
        runner: ThreadRunner,
    ) -> None:
        self._queries = queries
        self._erasure = erasure
        self._staging = staging
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
        options = self._staging.options(
            workspace_id,
            tag=tag,
            skip_connection_test=skip_connection_test,
            test_imap=test_imap,
            updates=updates,
            file_name=file_name,
            api_key_id=api_key_id,
        )
        reading = reading_of(encoding, column_mapping)
        with own_context(), self.slot(workspace_id):
            import_id = self._staging.stage(stream, options, reading)
            return self._execution.run(import_id, workspace_id, progress)

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
        updates: bool = False,
        file_name: str | None = None,
        api_key_id: int | None = None,
        ask: bool = False,
    ) -> str:
        """Check a file and keep it for a run; return the import's id.

        With ``ask`` a file of which somebody can say how it is to be read, in which encoding or
        which of its columns are ours, is kept until :meth:`read_as` says so.

        :raises ValueError, FileError, TooManyRefusedLogins: see :meth:`run_file`.
        """
        options = self._staging.options(
            workspace_id,
            tag=tag,
            skip_connection_test=skip_connection_test,
            test_imap=test_imap,
            updates=updates,
            file_name=file_name,
            api_key_id=api_key_id,
        )
        reading = reading_of(encoding, column_mapping)
        with own_context():
            return self._staging.stage(stream, options, reading, ask=ask)

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
        reading = reading_of(encoding, column_mapping)
        with asked_for(import_id, workspace_id):
            self._staging.read_as(import_id, workspace_id, reading)

    def summary(self, import_id: str, *, workspace_id: str) -> Summary:
        """Return what came of an import so far, or what is in its file if it has not been run.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        with asked_for(import_id, workspace_id):
            return self._queries.summary(import_id, workspace_id)

    def report(self, import_id: str, *, workspace_id: str) -> bytes:
        """Return a CSV file of what came of each row of an import; raises as `summary`."""
        with asked_for(import_id, workspace_id):
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
        updates: bool = False,
    ) -> Check:
        """Say what is in a file; opens no connection, stores nothing; raises as `stage_file`."""
        options = self._staging.options(
            workspace_id,
            skip_connection_test=skip_connection_test,
            test_imap=test_imap,
            updates=updates,
        )
        reading = reading_of(encoding, column_mapping)
        with own_context():
            return self._staging.check(stream, options, reading)

    def continue_import(
        self, import_id: str, progress: Progress | None = None, *, workspace_id: str | None = None
    ) -> Summary:
        """Run what is left of an import; ``workspace_id`` None is an operator, who may run any.

        :raises ImportNotFound, ImportNotRunnable, RunLost, TooManyRunning, TooManyRefusedLogins:
            why it was not.
        :raises ImportInterrupted: it broke down before its end; what was done until then stays.
        """
        with own_context(), self.slot(workspace_id):
            self._staging.refuse_run(import_id, workspace_id)
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
        with own_context():
            return self._erasure.erase_expired()

    def delete_older(self, than: timedelta) -> int:
        """Forget the imports that were made so long ago and do not run; return how many."""
        forgotten = 0
        with own_context():
            for import_id, workspace_id in self._erasure.old_imports(now() - than):
                # Somebody may have been quicker.
                with suppress(ImportNotFound):
                    self._erasure.delete(import_id, workspace_id)
                    tell(
                        import_deleted, import_id=import_id, workspace_id=workspace_id, mailboxes=0
                    )
                    forgotten += 1
        return forgotten

    def unfinished(self) -> list[Unfinished]:
        """Return the imports that are not finished, oldest first; one may be running."""
        with own_context():
            return self._queries.unfinished()

    @contextmanager
    def slot(self, workspace_id: str | None) -> Iterator[None]:
        """Hold one of the places of ``MAX_RUNNING``; where none is free, `TooManyRunning`."""
        if not self._runner.slots.acquire(blocking=False):
            tell(limit_reached, workspace_id=workspace_id, limit="MAX_RUNNING")
            raise TooManyRunning("Too many imports are running here: try again in a while.")
        try:
            yield
        finally:
            self._runner.slots.release()
            # What waited for a slot begins now; why it may not is not this import's matter.
            with suppress(Exception):
                self._runner.wake()


@contextmanager
def asked_for(import_id: str, workspace_id: str) -> Iterator[None]:
    """Work in a context of one's own; tell of a workspace that asks for what is not there.

    Another workspace's import is told no differently: to tell them apart, it had to be read.
    """
    try:
        with own_context():
            yield
    except ImportNotFound:
        asked = import_id if import_id.isalnum() else "?"
        tell(import_not_found, import_id=asked[:32], workspace_id=workspace_id)
        raise
