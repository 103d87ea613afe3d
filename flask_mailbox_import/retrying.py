"""Which failed rows are tested again, and with what corrected; tests nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from .check import check_row, mark_doubles
from .codes import Code
from .config import Config
from .errors import NotRetryable
from .labels import plain
from .names import COLUMNS, SECRET_COLUMNS
from .queries import Queries
from .records import CheckedRow, OnDuplicate, Options, Record
from .results import RETRYABLE
from .secret import Secret
from .shield import shielded
from .staged import FailedRow
from .store import Store

#: Rows, by their numbers, and what is corrected in each, by our column names; passwords may be
#: secrets already.
Corrections = Mapping[int, Mapping[str, str | Secret]]


class Retrying:
    """Puts failed rows back. Every method needs an app context of its own."""

    def __init__(self, config: Config, store: Store, queries: Queries) -> None:
        self._config = config
        self._store = store
        self._queries = queries

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
        :raises ImportNotFound, ImportNotRunnable: see ``Store.failed_rows``.
        :raises NotRetryable: why not; nothing was changed.
        """
        _judge(corrections)
        options, failed = self._store.failed_rows(import_id, workspace_id)
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
        self._store.put_back(import_id, workspace_id, checked)
        return list(checked.values())

    def _checked(self, options: Options, records: Collection[Record]) -> Iterator[CheckedRow]:
        test_imap = options.test_imap
        rows = [check_row(each, self._config, test_imap=test_imap) for each in records]
        for each in rows:
            if each.reason is not None and each.reason.code is Code.FIELD_TOO_LONG:
                raise NotRetryable(f"Row {each.record.row}: {each.reason.text}")
        known = set[str]()
        if options.on_duplicate is OnDuplicate.SKIP:
            keys = [each.mailbox.email_key for each in rows if each.mailbox]
            known = self._queries.existing_keys(options.workspace_id, keys)
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
                raise NotRetryable(f"Row {row}: {plain(name)[:64]!r} is none of {known}.")


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
            cells[name] = plain(str(value))
        elif value:
            secrets[name] = value if isinstance(value, Secret) else Secret(value)
    return replace(record, cells=cells, secrets=secrets)
