"""Makes a file, failed rows or pending mailboxes ready for a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO

from ..config import Config
from ..core.codes import REFUSED_TARGET, RETRYABLE, Code
from ..core.errors import (
    FileError,
    NotRetryable,
    UnclearColumns,
    UnknownEncoding,
    shielded,
)
from ..core.imports import Check, FileReading, OnDuplicate, Options, WaitingFile
from ..core.rows import (
    COLUMNS,
    SECRET_COLUMNS,
    CheckedRow,
    FailedRow,
    Record,
    RowStatus,
    RowWarning,
)
from ..core.secret import Secret
from ..core.validators import check_workspace_id, clean_file_name, clean_tag, one_line
from ..reading.question import Question, encoding_choices
from ..reading.reader import Reading, read_bytes, read_rows
from ..reading.validation import check_row, mark_doubles
from ..signals import hosts_refused, tell
from ..storage.erasure import Erasure
from ..storage.imports import Imports
from ..storage.mailboxes import Mailboxes
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

        :raises ValueError: ``tag`` or ``workspace_id`` is none.
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
        return self._check(read_bytes(stream, self._config), options, reading)

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
        data = read_bytes(stream, self._config)
        check = None
        try:
            check = self._check(data, options, reading)
        except (UnknownEncoding, UnclearColumns):
            if not ask:
                raise
        if not options.skip_connection_test:
            self._limits.refuse_guessing(options.workspace_id)
        if check is None:
            return self._imports.keep(_kept(options, data, reading))
        import_id = self._imports.stage(options, check, data)
        self._tell_refused(import_id, options.workspace_id, check.rows)
        return import_id

    @shielded
    def question(self, import_id: str, workspace_id: str) -> Question | None:
        """Return what somebody is to say of a kept file; None where its rows are read.

        :raises ImportNotFound: there is none of this id in the workspace.
        """
        kept = self._imports.waiting_file(import_id, workspace_id)
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
        kept = self._imports.waiting_file(import_id, workspace_id)
        if kept is None:
            return
        reading = Reading(
            encoding=reading.encoding or kept.encoding,
            column_mapping={**kept.column_mapping, **reading.column_mapping},
        )
        try:
            check = self._check(kept.data, kept.options, reading)
        except UnclearColumns:
            self._imports.save_answer(import_id, _kept(kept.options, kept.data, reading))
            raise
        self._imports.fill(import_id, workspace_id, check)
        self._tell_refused(import_id, workspace_id, check.rows)

    @shielded
    def stage_pending(self, workspace_id: str) -> str:
        """Keep a workspace's mailboxes that wait for a test as rows of an import; return its id.

        As many as a file may have rows, the oldest first.

        :raises FileError: ``no_rows``: there is none.
        :raises TooManyRefusedLogins: nothing was stored.
        """
        self._limits.refuse_guessing(workspace_id)
        found = self._mailboxes.pending_records(workspace_id, self._config.max_rows)
        if not found:
            raise FileError("no_rows", "No mailbox of this workspace waits for a test.")
        options = Options(
            workspace_id=workspace_id,
            test_imap=self._config.test_imap,
            on_duplicate=OnDuplicate.TEST,
        )
        rows = tuple(check_row(each, self._config, test_imap=options.test_imap) for each in found)
        return self._imports.stage(options, Check(rows=rows, warnings=(), understood=FileReading()))

    def _tell_refused(self, import_id: str, workspace_id: str, rows: Sequence[CheckedRow]) -> None:
        """Tell of the rows whose server may not be contacted, by the text of it alone."""
        count = sum(
            each.failure is not None and each.failure.code in REFUSED_TARGET for each in rows
        )
        if count:
            tell(hosts_refused, import_id=import_id, workspace_id=workspace_id, count=count)

    def _check(self, data: bytes, options: Options, reading: Reading) -> Check:
        test_imap = options.test_imap
        rows, warnings, understood = read_rows(data, self._config, reading, test_imap=test_imap)
        keys = [each.mailbox.email_key for each in rows if each.mailbox]
        known = self._mailboxes.existing_keys(options.workspace_id, keys)
        if options.on_duplicate is OnDuplicate.SKIP:
            doubles = tuple(mark_doubles(rows, known, test_imap=test_imap))
            return Check(rows=doubles, warnings=warnings, understood=understood)
        doubles = tuple(mark_doubles(rows, set(), test_imap=test_imap))
        ready = (each.mailbox for each in doubles if each.status is RowStatus.READY)
        updates = sum(each is not None and each.email_key in known for each in ready)
        if updates:
            warnings += (_update_warning(updates),)
        return Check(rows=doubles, warnings=warnings, understood=understood, updates=updates)


def _kept(options: Options, data: bytes, reading: Reading) -> WaitingFile:
    return WaitingFile(
        options=options,
        data=data,
        encoding=reading.encoding,
        column_mapping=reading.column_mapping,
    )


def _update_warning(count: int) -> RowWarning:
    message = f"Mailboxes that are in the workspace already, and updated by this file: {count}."
    return RowWarning(row=0, column="", code="updates", message=message)


#: Rows, by their numbers, and what is corrected in each, by our column names; passwords may be
#: secrets already.
Corrections = Mapping[int, Mapping[str, str | Secret]]


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
    ) -> list[CheckedRow]:
        """Make failed rows ready again, or failed anew where a correction is none.

        Without ``rows`` and ``corrections``, all that may pass by themselves, if any.

        :returns: what became of them.
        :raises ImportNotFound, ImportNotRunnable: see ``Imports.failed_rows``.
        :raises NotRetryable: why not; nothing was changed.
        """
        _judge(corrections)
        options, failed = self._imports.failed_rows(import_id, workspace_id)
        wanted = {*rows, *corrections} or {each.row for each in failed if _may_pass(each)}
        unknown = wanted - {each.row for each in failed}
        if unknown:
            raise NotRetryable(f"Row {min(unknown)} is not a row of this import that failed.")
        records = {}
        for each in failed:
            columns = corrections.get(each.row, {})
            if each.row in wanted and (_is_kept(each) or not SECRET_COLUMNS.isdisjoint(columns)):
                records[each.staged.id] = _corrected(each, columns)
        if not wanted:
            return []
        if not records:
            raise NotRetryable(
                "What was kept of these rows is erased by now: give their passwords again, or "
                "import the file again."
            )
        checked = dict(zip(records, self._checked(options, records.values()), strict=True))
        self._imports.put_back(import_id, workspace_id, checked)
        return list(checked.values())

    def _checked(self, options: Options, records: Collection[Record]) -> Iterator[CheckedRow]:
        test_imap = options.test_imap
        rows = [check_row(each, self._config, test_imap=test_imap) for each in records]
        for each in rows:
            if each.failure is not None and each.failure.code is Code.FIELD_TOO_LONG:
                raise NotRetryable(f"Row {each.record.row}: {each.failure.text}")
        known = set[str]()
        if options.on_duplicate is OnDuplicate.SKIP:
            keys = [each.mailbox.email_key for each in rows if each.mailbox]
            known = self._mailboxes.existing_keys(options.workspace_id, keys)
        return mark_doubles(rows, known, test_imap=test_imap)


def _is_kept(failed: FailedRow) -> bool:
    # What stands in the wrong columns is not tested as if it stood in the right ones.
    return failed.staged.record is not None and failed.code != Code.WRONG_COLUMN_COUNT.value


def _may_pass(failed: FailedRow) -> bool:
    return _is_kept(failed) and failed.code in {each.value for each in RETRYABLE}


def _judge(corrections: Corrections) -> None:
    for row, columns in corrections.items():
        for name in columns:
            if name not in COLUMNS:
                known = ", ".join(COLUMNS)
                raise NotRetryable(f"Row {row}: {one_line(name)[:64]!r} is none of {known}.")


def _corrected(failed: FailedRow, columns: Mapping[str, str | Secret]) -> Record:
    """Return the record of a row with its corrections; an empty password keeps the one given."""
    record = failed.staged.record if _is_kept(failed) else None
    if record is None:
        cells = {each: "" for each in COLUMNS if each not in SECRET_COLUMNS}
        secrets = {each: Secret("") for each in SECRET_COLUMNS}
        record = Record(row=failed.row, cells={**cells, "email": failed.email}, secrets=secrets)
    cells, secrets = dict(record.cells), dict(record.secrets)
    for name, value in columns.items():
        if name not in SECRET_COLUMNS:
            cells[name] = one_line(str(value))
        elif value:
            secrets[name] = value if isinstance(value, Secret) else Secret(value)
    return replace(record, cells=cells, secrets=secrets)
