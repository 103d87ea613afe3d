"""What happens to a file before it is run: read, checked, kept; tests nothing, runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from .check import Check, Reading, check_row, mark_doubles, read_file, read_rows
from .choices import EncodingChoice, encoding_choices
from .codes import Code
from .columns import UnclearColumns
from .config import Config
from .decoding import UnknownEncoding
from .erasure import Erasure
from .errors import FileError, TooManyRefusedLogins
from .labels import check_workspace_id, clean_file_name, clean_tag
from .mapping import REFUSED_COUNT_FOR
from .probe.diagnosis import REFUSED_LOGIN
from .queries import Queries
from .records import CheckedRow, Notice, OnDuplicate, Options, RowStatus
from .results import Understood
from .shield import shielded
from .signals import hosts_refused, limit_reached, tell
from .staged import KeptFile
from .store import Store

# What a row is refused for because of where its mailbox is said to be.
_TARGET = frozenset({Code.INVALID_HOST, Code.PORT_NOT_ALLOWED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody is to say of a file: its encoding, or which of its columns are ours."""

    encodings: tuple[EncodingChoice, ...] = ()
    message: str = ""
    #: Our columns, and the file's that they may be.
    wanted: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


class Staging:
    """Checks and keeps files for one app. Every method needs an app context of its own."""

    def __init__(self, config: Config, store: Store, queries: Queries, erasure: Erasure) -> None:
        self._config = config
        self._erasure = erasure
        self._store = store
        self._queries = queries

    def options(
        self,
        workspace_id: str,
        *,
        tag: str | None = None,
        skip_connection_test: bool,
        test_imap: bool | None,
        updates: bool = False,
        file_name: str | None = None,
        api_key_id: int | None = None,
    ) -> Options:
        """Return what an import is asked to do.

        :raises ValueError: ``tag`` or ``workspace_id`` is none; see ``labels``.
        """
        wanted = self._config.test_imap if test_imap is None else test_imap
        return Options(
            workspace_id=check_workspace_id(workspace_id),
            tag=clean_tag(tag),
            skip_connection_test=skip_connection_test,
            test_imap=wanted and not skip_connection_test,
            on_duplicate=OnDuplicate.UPDATE if updates else OnDuplicate.SKIP,
            file_name=clean_file_name(file_name),
            api_key_id=api_key_id,
        )

    @shielded
    def check(self, stream: IO[bytes], options: Options, reading: Reading) -> Check:
        """Say what is in a file; stores nothing.

        :raises FileError: the file cannot be read.
        """
        return self._check(read_file(stream, self._config), options, reading)

    @shielded
    def stage(
        self, stream: IO[bytes], options: Options, reading: Reading, *, ask: bool = False
    ) -> str:
        """Check a file and keep its rows for a run; return the import's id.

        With ``ask`` a file of which it is not clear how it is to be read, but that somebody can
        tell, is kept whole until :meth:`read_as`.

        :raises FileError, TooManyRefusedLogins: nothing was stored.
        """
        self._erasure.erase_expired()
        data = read_file(stream, self._config)
        check = None
        try:
            check = self._check(data, options, reading)
        except (UnknownEncoding, UnclearColumns):
            if not ask:
                raise
        if not options.skip_connection_test:
            self.refuse_guessing(options.workspace_id)
        if check is None:
            return self._store.keep(_kept(options, data, reading))
        import_id = self._store.stage(options, check, data)
        self._tell_refused(import_id, options.workspace_id, check.rows)
        return import_id

    @shielded
    def question(self, import_id: str, workspace_id: str) -> Question | None:
        """Return what somebody is to say of a kept file; None where its rows are read.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        kept = self._store.kept(import_id, workspace_id)
        if kept is None:
            return None
        reading = Reading(encoding=kept.encoding, column_mapping=kept.column_mapping)
        try:
            read_rows(kept.data, self._config, reading)
        except UnknownEncoding:
            pass
        except UnclearColumns as fault:
            return Question(message=fault.message, wanted=fault.wanted, found=fault.found)
        found = encoding_choices(kept.data, self._config, kept.column_mapping)
        return Question(encodings=tuple(found))

    @shielded
    def read_as(self, import_id: str, workspace_id: str, reading: Reading) -> None:
        """Read a kept file as somebody says; its rows take its place.

        Where only a part of the question is answered, that is kept.

        :raises ImportNotFound: there is none of this id in the workspace.
        :raises FileError: the file cannot be read so; it is still kept.
        """
        kept = self._store.kept(import_id, workspace_id)
        if kept is None:
            return
        reading = Reading(
            encoding=reading.encoding or kept.encoding,
            column_mapping={**kept.column_mapping, **reading.column_mapping},
        )
        try:
            check = self._check(kept.data, kept.options, reading)
        except UnclearColumns:
            self._store.keep_on(import_id, _kept(kept.options, kept.data, reading))
            raise
        self._store.fill(import_id, workspace_id, check)
        self._tell_refused(import_id, workspace_id, check.rows)

    @shielded
    def stage_pending(self, workspace_id: str) -> str:
        """Keep a workspace's mailboxes that wait for a test as rows of an import; return its id.

        As many as a file may have rows, the oldest first.

        :raises FileError: ``no_rows``: there is none.
        :raises TooManyRefusedLogins: nothing was stored.
        """
        self.refuse_guessing(workspace_id)
        found = self._store.pending_records(workspace_id, self._config.max_rows)
        if not found:
            raise FileError("no_rows", "No mailbox of this workspace waits for a test.")
        options = Options(
            workspace_id=workspace_id,
            test_imap=self._config.test_imap,
            on_duplicate=OnDuplicate.TEST,
        )
        rows = tuple(check_row(each, self._config, test_imap=options.test_imap) for each in found)
        return self._store.stage(options, Check(rows=rows, notices=(), understood=Understood()))

    def refuse_run(self, import_id: str, workspace_id: str | None) -> None:
        """Refuse to test the logins of an import for now; one that skips the test tests none.

        :raises ImportNotFound: there is none of this id in the workspace.
        :raises TooManyRefusedLogins: see :meth:`refuse_guessing`.
        """
        to_test = self._queries.workspace_to_test(import_id, workspace_id)
        if to_test is not None:
            self.refuse_guessing(to_test)

    def refuse_guessing(self, workspace_id: str) -> None:
        """Refuse a workspace whose imports have had too many logins refused of late.

        :raises TooManyRefusedLogins: more than ``MAX_REFUSED_LOGINS`` within an hour.
        """
        limit = self._config.max_refused_logins
        if not limit:
            return
        if self._queries.refused_logins(workspace_id, REFUSED_LOGIN, REFUSED_COUNT_FOR) >= limit:
            tell(
                limit_reached,
                limit="MAX_REFUSED_LOGINS",
                workspace_id=workspace_id,
            )
            raise TooManyRefusedLogins(
                f"More than {limit} logins of this workspace were refused within an hour: "
                "wait an hour before the next import."
            )

    def _tell_refused(self, import_id: str, workspace_id: str, rows: Sequence[CheckedRow]) -> None:
        """Tell of the rows whose server may not be contacted, by the text of it alone."""
        count = sum(each.reason is not None and each.reason.code in _TARGET for each in rows)
        if count:
            tell(hosts_refused, import_id=import_id, workspace_id=workspace_id, count=count)

    def _check(self, data: bytes, options: Options, reading: Reading) -> Check:
        test_imap = options.test_imap
        rows, notices, understood = read_rows(data, self._config, reading, test_imap=test_imap)
        keys = [each.mailbox.email_key for each in rows if each.mailbox]
        known = self._queries.existing_keys(options.workspace_id, keys)
        if options.on_duplicate is OnDuplicate.SKIP:
            doubles = tuple(mark_doubles(rows, known, test_imap=test_imap))
            return Check(rows=doubles, notices=notices, understood=understood)
        doubles = tuple(mark_doubles(rows, set(), test_imap=test_imap))
        ready = (each.mailbox for each in doubles if each.status is RowStatus.READY)
        updates = sum(each is not None and each.email_key in known for each in ready)
        if updates:
            notices += (_update_notice(updates),)
        return Check(rows=doubles, notices=notices, understood=understood, updates=updates)


def _kept(options: Options, data: bytes, reading: Reading) -> KeptFile:
    return KeptFile(
        options=options,
        data=data,
        encoding=reading.encoding,
        column_mapping=reading.column_mapping,
    )


def _update_notice(count: int) -> Notice:
    message = f"Mailboxes that are in the workspace already, and updated by this file: {count}."
    return Notice(row=0, column="", code="updates", message=message)
