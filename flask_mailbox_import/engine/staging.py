"""Makes rows ready for a run: those of a file, failed rows, or pending mailboxes."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import IO

from ..config import Config
from ..core.codes import REFUSED_TARGET, RETRYABLE, Code
from ..core.errors import FileError, NotRetryable, UnclearFile, WrongCorrection, shielded
from ..core.imports import Check, ImportOptions, OnDuplicate, Question, WaitingFile
from ..core.remedies import column_of
from ..core.rows import (
    COLUMNS,
    SECRET_COLUMNS,
    CheckedRow,
    Record,
    StagedRow,
)
from ..core.secret import Secret
from ..core.validators import one_line
from ..core.words import Words, say
from ..probe.discovery import find_servers
from ..reading.foresight import with_foresight
from ..reading.reader import read_bytes, read_file
from ..reading.server_search import ServerSearch, with_found_servers, without_outdated_servers
from ..reading.validation import check_row, check_rows
from ..signals import hosts_refused, tell
from ..storage.erasure import Erasure
from ..storage.imports import Imports
from ..storage.mailboxes import Mailboxes
from .corrections import Change, Corrections, Values, corrections_of
from .limits import Limits


class Staging:
    """Checks and keeps files for one app. Every method needs an app context."""

    def __init__(
        self,
        config: Config,
        imports: Imports,
        mailboxes: Mailboxes,
        erasure: Erasure,
        limits: Limits,
    ) -> None:
        self._config = config
        self._imports = imports
        self._mailboxes = mailboxes
        self._erasure = erasure
        self._limits = limits

    @shielded
    def check(self, stream: IO[bytes], options: ImportOptions) -> Check:
        """Check a file; it stores nothing.

        :raises FileError: the file cannot be read.
        """
        return self._check(read_bytes(stream, self._config), self._resolved(options))

    @shielded
    def stage(self, stream: IO[bytes], options: ImportOptions, *, ask: bool = False) -> str:
        """Check a file and keep its rows for a run; return the import's id.

        :param ask: keep an unclear file too, until :meth:`read_as` says how it is to be read.
        :raises FileError, TooManyRefusedLogins: nothing was stored.
        """
        options = self._resolved(options)
        self._erasure.erase_expired()
        data = read_bytes(stream, self._config)
        check = None
        try:
            check = self._check(data, options)
        except UnclearFile:
            if not ask:
                raise
        if options.tests:
            self._limits.refuse_guessing(options.workspace_id)
        if check is None:
            return self._imports.keep(WaitingFile(options=options, data=data))
        import_id = self._imports.stage(check, data)
        self._tell_refused(import_id, check)
        return import_id

    @shielded
    def question(self, import_id: str, workspace_id: str) -> Question | None:
        """Return the question about a waiting file; None where its rows are already read.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        waiting = self._imports.waiting_file(import_id, workspace_id)
        if waiting is None:
            return None
        try:
            check = self._check(waiting.data, waiting.options)
        except UnclearFile as unclear:
            return unclear.question
        # The file is no longer unclear, as after an update of this package.
        self._fill(import_id, check)
        return None

    @shielded
    def read_as(self, import_id: str, answer: ImportOptions) -> None:
        """Read a waiting file as a user says, and write its rows in its place.

        An answer to only a part of the question is kept.

        :param answer: its encoding and its column mapping are the answer.
        :raises ImportNotFound: the workspace has no import of this id.
        :raises FileError: the file cannot be read in this way; it is still kept.
        """
        waiting = self._imports.waiting_file(import_id, answer.workspace_id)
        if waiting is None:
            return
        options = replace(
            waiting.options,
            encoding=answer.encoding or waiting.options.encoding,
            column_mapping={**waiting.options.column_mapping, **answer.column_mapping},
        )
        try:
            check = self._check(waiting.data, options)
        except UnclearFile as unclear:
            if unclear.question.wanted:
                self._imports.save_answer(import_id, replace(waiting, options=options))
            raise
        self._fill(import_id, check)

    @shielded
    def stage_pending(self, workspace_id: str, of_import: str | None = None) -> str:
        """Make an import whose rows are a workspace's pending mailboxes; return its id.

        It has at most ``MAX_ROWS`` rows, the oldest mailboxes first.

        :raises FileError: ``no_rows``: there are none.
        :raises TooManyRefusedLogins: nothing was stored.
        """
        self._limits.refuse_guessing(workspace_id)
        found = self._mailboxes.pending_records(workspace_id, self._config.max_rows, of_import)
        if not found:
            raise FileError("no_rows", say("No mailbox of this workspace waits for a test."))
        options = self._resolved(
            ImportOptions(workspace_id=workspace_id, on_duplicate=OnDuplicate.TEST)
        )
        with_imap = options.tests_imap
        rows = [check_row(each, self._config, with_imap=with_imap) for each in found]
        return self._imports.stage(Check(options=options, rows=with_foresight(rows)))

    def _resolved(self, options: ImportOptions) -> ImportOptions:
        """Return the options with ``test_imap`` resolved by the setting ``TEST_IMAP``."""
        wanted = self._config.test_imap if options.test_imap is None else options.test_imap
        return replace(options, test_imap=wanted and options.tests)

    def _fill(self, import_id: str, check: Check) -> None:
        self._imports.fill(import_id, check)
        self._tell_refused(import_id, check)

    def _tell_refused(self, import_id: str, check: Check) -> None:
        """Signal ``hosts_refused`` for rows whose text shows that their server is not allowed."""
        failures = [each.failure for each in check.rows if each.failure is not None]
        count = sum(each.code in REFUSED_TARGET for each in failures)
        if count:
            workspace_id = check.options.workspace_id
            tell(hosts_refused, import_id=import_id, workspace_id=workspace_id, count=count)

    def _check(self, data: bytes, options: ImportOptions) -> Check:
        existing = functools.partial(self._mailboxes.existing_keys, options.workspace_id)
        search = _search(options, self._config, self._mailboxes)
        columns = self._mailboxes.host_columns
        return read_file(data, self._config, options, existing, search, host_columns=columns)


def _search(options: ImportOptions, config: Config, mailboxes: Mailboxes) -> ServerSearch:
    """Return where the servers are looked for that rows of an import do not name."""
    return ServerSearch(
        find=functools.partial(find_servers, config=config),
        kept=functools.partial(mailboxes.server_cells, options.workspace_id),
        ports=config.allowed_ports,
        updates=options.updates,
    )


class Retrying:
    """Puts failed rows back. Every method needs an app context."""

    def __init__(self, config: Config, imports: Imports, mailboxes: Mailboxes) -> None:
        self._config = config
        self._imports = imports
        self._mailboxes = mailboxes

    @shielded
    def put_back(
        self,
        import_id: str,
        workspace_id: str,
        rows: Collection[int],
        corrections: Corrections,
        changes: Sequence[Change],
        *,
        strict: bool = False,
    ) -> list[CheckedRow]:
        """Make failed rows ready again; a row with a wrong correction fails anew.

        Without ``rows``, ``corrections`` and ``changes`` it takes all failed rows that are
        retryable.

        :param strict: refuse wrong corrections instead.
        :returns: these rows, checked again.
        :raises ImportNotFound, ImportNotRunnable: see ``Imports.failed_rows``.
        :raises WrongCorrection: only with ``strict``; nothing was changed.
        :raises NotRetryable: a row cannot be put back; nothing was changed.
        """
        options, failed = self._imports.failed_rows(import_id, workspace_id)
        columns = self._mailboxes.host_columns
        corrections = corrections_of(failed, corrections, changes, columns)
        wanted = {*rows, *corrections} or {each.row for each in failed if _may_pass(each)}
        unknown = wanted - {each.row for each in failed}
        if unknown:
            words = say("Row %(row)s is not a row of this import that failed.", row=min(unknown))
            raise NotRetryable(words)
        records = {}
        for each in failed:
            values = corrections.get(each.row, {})
            if each.row in wanted and (_is_kept(each) or not SECRET_COLUMNS.isdisjoint(values)):
                records[each.id] = _corrected(each, values)
        if not wanted:
            return []
        if not records:
            raise NotRetryable(
                say(
                    "What was kept of these rows is erased by now: give their passwords again, or "
                    "import the file again."
                )
            )
        checked = dict(zip(records, self._checked(options, records.values()), strict=True))
        if strict:
            _refuse_wrong(checked.values(), corrections)
        self._imports.put_back(import_id, workspace_id, checked)
        return list(checked.values())

    def _checked(self, options: ImportOptions, records: Iterable[Record]) -> tuple[CheckedRow, ...]:
        """Check records again, as the import's file was checked.

        Mailboxes that are updated or tested are not duplicates.

        :raises NotRetryable: a corrected value is too long to be kept.
        """
        if options.find_servers:
            search = _search(options, self._config, self._mailboxes)
            records = with_found_servers(list(records), search)
        rows = check_rows(
            records,
            self._config,
            with_imap=options.tests_imap,
            updates=options.on_duplicate is not OnDuplicate.SKIP,
            existing=functools.partial(self._mailboxes.existing_keys, options.workspace_id),
            host_columns=self._mailboxes.host_columns,
        )
        rows = with_foresight(rows)
        for each in rows:
            if each.failure is not None and each.failure.code is Code.FIELD_TOO_LONG:
                words = say("Row %(row)s: %(text)s", row=each.record.row, text=each.failure.text)
                raise NotRetryable(words)
        return rows


def _is_kept(failed: StagedRow) -> bool:
    # Cells that stand in wrong columns cannot be tested as they are.
    return failed.record is not None and failed.code is not Code.WRONG_COLUMN_COUNT


def _may_pass(failed: StagedRow) -> bool:
    return _is_kept(failed) and failed.code in RETRYABLE


def _port_words(text: str) -> Words:
    # What is no number may have been pasted into the wrong field.
    if text.isascii() and text.isdigit():
        return say("Port %(port)s: use 1 to 65535", port=text[:20])
    return say("A port is a number: use 1 to 65535")


def _refuse_wrong(rows: Iterable[CheckedRow], corrections: Corrections) -> None:
    """Refuse the first corrected cell that is wrong.

    :raises WrongCorrection: there is one.
    """
    for each in rows:
        values = corrections.get(each.record.row, {})
        if each.failure is not None and (column := column_of(each.failure)) in values:
            words = say("Row %(row)s: %(text)s", row=each.record.row, text=each.failure.text)
            if each.failure.code is Code.INVALID_PORT:
                words = _port_words(str(values[column]))
            raise WrongCorrection(words, each.record.row, column)


def _corrected(failed: StagedRow, values: Values) -> Record:
    """Return the record of a row with its corrections; an empty password changes nothing."""
    record = failed.record if _is_kept(failed) else None
    if record is None:
        cells = {each: "" for each in COLUMNS if each not in SECRET_COLUMNS}
        secrets = {each: Secret("") for each in SECRET_COLUMNS}
        record = Record(row=failed.row, cells={**cells, "email": failed.email}, secrets=secrets)
    given = {n: one_line(str(each)) for n, each in values.items() if n not in SECRET_COLUMNS}
    record = without_outdated_servers(record, given)
    cells, secrets = {**record.cells, **given}, dict(record.secrets)
    for name, value in values.items():
        if name in SECRET_COLUMNS and value:
            secrets[name] = value if isinstance(value, Secret) else Secret(value)
    return replace(record, cells=cells, secrets=secrets)
