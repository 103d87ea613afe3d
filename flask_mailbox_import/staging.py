"""What happens to a file before it is run: read, checked, kept; tests nothing, runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import IO

from .check import Check, Reading, mark_doubles, read_file, read_rows
from .choices import EncodingChoice, encoding_choices
from .codes import Code
from .config import Config
from .decoding import UnknownEncoding
from .erasure import Erasure
from .errors import TooManyRefusedLogins
from .labels import check_workspace_id, clean_tag
from .mapping import REFUSED_COUNT_FOR
from .probe.diagnosis import REFUSED_LOGIN
from .queries import Queries
from .records import CheckedRow, Options
from .shield import shielded
from .signals import hosts_refused, limit_reached, tell
from .store import Store

# What a row is refused for because of where its mailbox is said to be.
_TARGET = frozenset({Code.INVALID_HOST, Code.PORT_NOT_ALLOWED})


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

        With ``ask`` a file in an unknown encoding is kept whole, until :meth:`read_as` names it.

        :raises FileError, TooManyRefusedLogins: nothing was stored.
        """
        self._erasure.erase_expired()
        data = read_file(stream, self._config)
        check = None
        try:
            check = self._check(data, options, reading)
        except UnknownEncoding:
            if not ask:
                raise
        if not options.skip_connection_test:
            self.refuse_guessing(options.workspace_id)
        if check is None:
            return self._store.keep(options, data, reading.column_mapping)
        import_id = self._store.stage(options, check.rows, notices=check.notices)
        self._tell_refused(import_id, options.workspace_id, check.rows)
        return import_id

    @shielded
    def choices(self, import_id: str, workspace_id: str) -> tuple[EncodingChoice, ...]:
        """Return the encodings that a kept file may be in; none where its rows are read.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        kept = self._store.kept(import_id, workspace_id)
        return encoding_choices(kept.data, self._config, kept.column_mapping) if kept else ()

    @shielded
    def read_as(self, import_id: str, workspace_id: str, encoding: str) -> None:
        """Read a kept file in the encoding that somebody chose; its rows take its place.

        :param encoding: as ``encoding_named`` returns it.
        :raises ImportNotFound: there is none of this id in the workspace.
        :raises FileError: the file cannot be read so; it is still kept.
        """
        reading = Reading(encoding=encoding)
        kept = self._store.kept(import_id, workspace_id)
        if kept is not None:
            reading = replace(reading, column_mapping=kept.column_mapping)
            check = self._check(kept.data, kept.options, reading)
            self._store.fill(import_id, workspace_id, check.rows, notices=check.notices)
            self._tell_refused(import_id, workspace_id, check.rows)

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
        rows, notices = read_rows(data, self._config, reading, test_imap=test_imap)
        keys = [each.mailbox.email_key for each in rows if each.mailbox]
        known = self._queries.existing_keys(options.workspace_id, keys)
        doubles = mark_doubles(rows, known, test_imap=test_imap)
        return Check(rows=tuple(doubles), notices=notices)
