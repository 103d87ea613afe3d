"""Reads which mailboxes a workspace has and which are pending; writes mailboxes in batches."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ARRAY, ColumnElement, Select, String, Table, func, literal, select, update
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.orm import Session, scoped_session

from ..core.codes import Code
from ..core.explanations import Variant
from ..core.failures import Failure, failure_for, failure_of
from ..core.host_columns import HostColumn
from ..core.imports import ImportOptions, OnDuplicate
from ..core.mailboxes import MailboxStatus
from ..core.rows import Outcome, Record, RowStatus
from .conversion import mailbox_columns, outcome_columns, record_of, server_cells
from .models import MailboxMixin, Models, now, table_of
from .sealing import KeyRing, new_seal_id
from .session import transaction

logger = logging.getLogger("flask_mailbox_import")


# SQLite before 3.32 takes 999 variables in one statement.
_IN_CHUNK = 500
# MySQL's errors for a row that a CHECK or a trigger refuses; PyMySQL calls them operational.
_MYSQL_ROW_FAULTS = frozenset({1644, 3819, 4025})
_POSTGRESQL_RAISED = "P0001"

# The columns of a mailbox's servers, and of a mailbox without an IMAP login.
_OF_IMAP = ("imap_host", "imap_port", "imap_security", "imap_username")
_OF_SERVERS = ("smtp_host", "smtp_port", "smtp_security", "smtp_username", *_OF_IMAP)
_NO_IMAP = dict.fromkeys((*_OF_IMAP, "sealed_imap_password"))


def existing_keys(
    session: scoped_session[Session],
    model: type[MailboxMixin],
    workspace_id: str,
    keys: Sequence[str],
    *,
    lock: bool = False,
) -> set[str]:
    """Return those of the address keys for which a workspace has a mailbox.

    :param lock: make it a locking read on MySQL, where only this sees what others have committed
        since the transaction began.
    """
    table, found = table_of(model), set[str | None]()
    for start in range(0, len(keys), _IN_CHUNK):
        some = keys[start : start + _IN_CHUNK]
        if session.get_bind(model).dialect.name == "postgresql":
            found.update(session.scalars(_each_looked_up(table, workspace_id, some)))
            continue
        query = select(table.c.email_key).where(
            table.c.workspace_id == workspace_id, table.c.email_key.in_(some)
        )
        found.update(session.scalars(query.with_for_update(read=True) if lock else query))
    return {each for each in found if each is not None}


def _each_looked_up(
    table: Table, workspace_id: str, keys: Sequence[str]
) -> Select[tuple[str | None]]:
    """Return the query for the keys that a workspace has; its result has None for each other.

    Where PostgreSQL has no statistics of a table, such as in its first minute, it answers ``IN`` by
    reading all mailboxes of the workspace. For one key it uses the whole index.
    """
    listed = func.unnest(literal(list(keys), ARRAY(String)))
    wanted = listed.table_valued("email_key").render_derived(name="wanted")
    known = select(table.c.email_key).where(
        table.c.workspace_id == workspace_id, table.c.email_key == wanted.c.email_key
    )
    return select(known.limit(1).scalar_subquery()).select_from(wanted)


class Mailboxes:
    """Reads the mailboxes of one app. Each method is one transaction and needs an app context."""

    def __init__(self, db: SQLAlchemy, models: Models, key_ring: KeyRing) -> None:
        self._db = db
        self._models = models
        self._key_ring = key_ring

    @property
    def host_columns(self) -> tuple[HostColumn, ...]:
        """The columns of the host's own that files may fill."""
        return self._models.host_columns

    def existing_keys(self, workspace_id: str, email_keys: Iterable[str]) -> set[str]:
        """Return those of the address keys for which the workspace has a mailbox."""
        with transaction(self._db) as session:
            return existing_keys(session, self._models.mailbox, workspace_id, list(email_keys))

    def server_cells(
        self, workspace_id: str, email_keys: Iterable[str]
    ) -> dict[str, dict[str, str]]:
        """Return by address key the cells for the servers of those mailboxes that are there."""
        model, found = self._models.mailbox, dict[str, dict[str, str]]()
        columns = table_of(model).c
        read = [columns[each] for each in ("email_key", *_OF_SERVERS)]
        with transaction(self._db) as session:
            keys = sorted(existing_keys(session, model, workspace_id, list(email_keys)))
            for start in range(0, len(keys), _IN_CHUNK):
                query = select(*read).where(
                    columns.workspace_id == workspace_id,
                    columns.email_key.in_(keys[start : start + _IN_CHUNK]),
                )
                found |= {each.email_key: server_cells(each) for each in session.execute(query)}
        return found

    def pending_records(
        self, workspace_id: str, limit: int, import_id: str | None = None
    ) -> list[Record]:
        """Return pending mailboxes as records, the oldest first.

        :param import_id: only those that this import added; None: all of the workspace.
        :raises SealError: a password of one does not open.
        """
        model = self._models.mailbox
        query = select(model).where(*self._pending(workspace_id, import_id))
        with transaction(self._db) as session:
            found = session.scalars(query.order_by(model.id).limit(limit))
            return [record_of(each, self._key_ring, row) for row, each in enumerate(found, 1)]

    def count_pending(self, workspace_id: str, import_id: str) -> int:
        """Return how many of the mailboxes that an import added are pending."""
        query = select(func.count()).select_from(self._models.mailbox)
        with transaction(self._db) as session:
            return session.scalar(query.where(*self._pending(workspace_id, import_id))) or 0

    def _pending(self, workspace_id: str, import_id: str | None) -> list[ColumnElement[bool]]:
        model = self._models.mailbox
        found = [model.workspace_id == workspace_id, model.status == MailboxStatus.PENDING.value]
        return found if import_id is None else [*found, model.import_id == import_id]


class MailboxBatch:
    """Writes one batch of a run, in a transaction that began with a write (SQLite's savepoints)."""

    def __init__(
        self,
        session: scoped_session[Session],
        models: Models,
        key_ring: KeyRing,
        import_id: str,
        options: ImportOptions,
    ) -> None:
        self._session = session
        self._models = models
        self._key_ring = key_ring
        self._import_id = import_id
        self._options = options

    def write(self, outcomes: Sequence[Outcome], keep_failed: timedelta) -> Counter[RowStatus]:
        """Write the mailboxes and outcomes; erase the rows' records, or set when to erase them.

        :returns: how many rows have which status now.
        """
        updated, refused = self._update_mailboxes(outcomes)
        refused |= self._add_mailboxes(
            [each for each in outcomes if each.row_id not in updated.union(refused)]
        )
        updates = [
            _row_update(each, refused.get(each.row_id), updated=each.row_id in updated)
            for each in outcomes
        ]
        self._session.execute(update(self._models.row), updates)
        failed = {each["id"] for each in updates if each["status"] == RowStatus.FAILED.value}
        kept = failed if keep_failed else set()
        self._set_records(kept, record_expires_at=now() + keep_failed)
        done = {each["id"] for each in updates} - kept
        self._set_records(done, record_expires_at=None, sealed_record=None)
        return Counter(RowStatus(each["status"]) for each in updates)

    def _set_records(self, row_ids: Iterable[int], **values: Any) -> None:
        ids, row = sorted(row_ids), self._models.row
        for start in range(0, len(ids), _IN_CHUNK):
            self._session.execute(
                update(row)
                .where(row.id.in_(ids[start : start + _IN_CHUNK]))
                .values(**values)
                .execution_options(synchronize_session=False)
            )

    def _update_mailboxes(self, outcomes: Sequence[Outcome]) -> tuple[set[int], dict[int, Failure]]:
        """Update known mailboxes; return the ids of their rows, and why others are refused."""
        mode, model = self._options.on_duplicate, self._models.mailbox
        updated, refused = set[int](), dict[int, Failure]()
        for each in outcomes if mode is not OnDuplicate.SKIP else ():
            if each.mailbox is None:
                continue
            query = select(model).where(
                model.workspace_id == self._options.workspace_id,
                model.email_key == each.mailbox.email_key,
            )
            found = self._session.scalar(query)
            if found is not None:
                failure = self._saved(
                    each,
                    lambda: self._update(found, each),  # noqa: B023 (called here)
                )
                updated |= {each.row_id} if failure is None else set()
                refused |= {each.row_id: failure} if failure is not None else {}
            elif mode is OnDuplicate.TEST:
                # It was removed meanwhile, and is not added again.
                refused[each.row_id] = failure_for(Code.INTERNAL)
        return updated, refused

    def _update(self, found: MailboxMixin, outcome: Outcome) -> None:
        """Write the tested login into a mailbox; its workspace and its origin stay.

        Where servers are looked for, so does what the row does not say of IMAP.
        """
        # The seal of a password that stays is bound to this id.
        seal_id = found.seal_id if self._options.find_servers else new_seal_id()
        columns = {**_NO_IMAP, **self._columns(outcome, seal_id)}
        kept = {"workspace_id", "email_key", "import_id", "created_at"}
        if self._options.tag is None:
            kept.add("tag")
        if not columns["display_name"]:
            kept.add("display_name")
        if self._options.find_servers:
            kept |= {name for name in _NO_IMAP if columns[name] is None}
        for name in columns.keys() - kept:
            setattr(found, name, columns[name])

    def _saved(self, outcome: Outcome, change: Callable[[], object]) -> Failure | None:
        """Save one outcome in a savepoint; return why it is refused, None if it is not."""
        try:
            with self._session.begin_nested():
                change()
            return None
        except Exception as fault:
            if not _is_of_a_row(fault):
                raise
            kind = type(getattr(fault, "orig", fault)).__name__
        logger.error("the database or the mailbox model refused a mailbox: %s", kind)
        values = outcome.mailbox.host_values if outcome.mailbox is not None else {}
        titles = [each.title for each in self._models.host_columns if each.attribute in values]
        if titles:
            return failure_of(Variant.REFUSED_VALUES, columns=", ".join(titles))
        return failure_for(Code.INTERNAL)

    def _add_mailboxes(self, outcomes: Sequence[Outcome]) -> dict[int, Failure]:
        """Insert the mailboxes; return by row why others were not inserted."""
        wanted = {each.row_id: each.mailbox for each in outcomes if each.mailbox is not None}
        keys = [mailbox.email_key for mailbox in wanted.values()]
        known = existing_keys(self._session, self._models.mailbox, self._options.workspace_id, keys)
        refused = {
            row_id: failure_for(Code.DUPLICATE)
            for row_id, mailbox in wanted.items()
            if mailbox.email_key in known
        }
        # In the same order for all, so that two imports of the same addresses do not deadlock.
        fresh = sorted(
            (each for each in outcomes if each.mailbox and each.row_id not in refused),
            key=lambda each: each.mailbox.email_key if each.mailbox else "",
        )
        columns = {each.row_id: self._columns(each, new_seal_id()) for each in fresh}
        try:
            with self._session.begin_nested():
                self._session.add_all([self._models.mailbox(**each) for each in columns.values()])
        except Exception as fault:
            if not _is_of_a_row(fault):
                raise
            failures = {each.row_id: self._add_one(each, columns[each.row_id]) for each in fresh}
            refused |= {row_id: each for row_id, each in failures.items() if each is not None}
        return refused

    def _add_one(self, outcome: Outcome, columns: Mapping[str, Any]) -> Failure | None:
        failure = self._saved(outcome, lambda: self._session.add(self._models.mailbox(**columns)))
        model, keys = self._models.mailbox, [columns["email_key"]]
        if failure is not None and existing_keys(
            self._session, model, self._options.workspace_id, keys, lock=True
        ):
            return failure_for(Code.DUPLICATE)
        return failure

    def _columns(self, outcome: Outcome, seal_id: str) -> dict[str, Any]:
        if outcome.mailbox is None:
            raise ValueError("an outcome without a mailbox is not saved as one")
        options, created_at = self._options, now()
        return {
            **mailbox_columns(outcome.mailbox, self._key_ring, options.workspace_id, seal_id),
            "tag": options.tag,
            "status": options.mailbox_status.value,
            "import_id": self._import_id,
            "created_at": created_at,
            "tested_at": created_at if options.tests else None,
        }


def _is_of_a_row(fault: Exception) -> bool:
    """Tell whether an error concerns one row only, such as an error of a host's validator."""
    if not isinstance(fault, DBAPIError):
        # A plain StatementError is a value that a column's type could not bind.
        return isinstance(fault, StatementError) or not isinstance(fault, SQLAlchemyError)
    if isinstance(fault, IntegrityError | DataError | InternalError):
        return not fault.connection_invalidated
    if getattr(fault.orig, "sqlstate", None) == _POSTGRESQL_RAISED:
        return True
    number = fault.orig.args[0] if fault.orig is not None and fault.orig.args else None
    return isinstance(fault, OperationalError) and number in _MYSQL_ROW_FAULTS


def _row_update(outcome: Outcome, refused: Failure | None, *, updated: bool) -> dict[str, Any]:
    failure = refused or outcome.failure
    if refused is not None and refused.code is Code.DUPLICATE:
        status = RowStatus.SKIPPED
    else:
        status = RowStatus.FAILED if failure else RowStatus.IMPORTED
    return {
        "id": outcome.row_id,
        "finished_at": now(),
        "updated": updated,
        **outcome_columns(outcome, status, failure),
    }
