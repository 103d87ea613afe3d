"""Writes one batch of outcomes inside the caller's transaction: mailboxes, and what rows became."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DataError, IntegrityError, InternalError
from sqlalchemy.orm import Session, scoped_session

from .mapping import Outcome, Run, mailbox_columns, now
from .models import MailboxMixin, Models
from .records import Code, MailboxStatus, Reason, RowStatus
from .sealing import KeyRing
from .words import reason_for

# SQLite before 3.32 takes 999 variables in one statement.
_IN_CHUNK = 500
# A fault of one row; anything else, such as a lost connection, is the whole import's.
_ROW_FAULTS = (IntegrityError, DataError, InternalError)


def existing_keys(
    session: scoped_session[Session],
    model: type[MailboxMixin],
    workspace_id: str,
    keys: Sequence[str],
    *,
    lock: bool = False,
) -> set[str]:
    """Return those of the addresses that a workspace has a mailbox for.

    ``lock`` makes it a locking read, which sees what others committed since this transaction
    began; a plain one does not on MySQL.
    """
    found: set[str] = set()
    for start in range(0, len(keys), _IN_CHUNK):
        query = select(model.email_key).where(
            model.workspace_id == workspace_id,
            model.email_key.in_(keys[start : start + _IN_CHUNK]),
        )
        found.update(session.scalars(query.with_for_update(read=True) if lock else query))
    return found


class Batch:
    """One batch of one run; the transaction must have begun with a write (SQLite's savepoints)."""

    def __init__(
        self, session: scoped_session[Session], models: Models, key_ring: KeyRing, run: Run
    ) -> None:
        self._session = session
        self._models = models
        self._key_ring = key_ring
        self._run = run

    def write(self, outcomes: Sequence[Outcome], keep_failed: timedelta) -> None:
        """Insert the mailboxes, set the rows' outcomes, erase or time the rows' passwords."""
        refused = self._add_mailboxes(outcomes)
        updates = [_row_update(each, refused.get(each.row_id)) for each in outcomes]
        self._session.execute(update(self._models.row), updates)
        failed = {each["id"] for each in updates if each["status"] == RowStatus.FAILED.value}
        kept = failed if keep_failed else set()
        self._set_passwords(kept, passwords_expire_at=now() + keep_failed)
        done = {each["id"] for each in updates} - kept
        self._set_passwords(done, passwords_expire_at=None, sealed_passwords=None)

    def _set_passwords(self, row_ids: Iterable[int], **values: Any) -> None:
        ids, row = sorted(row_ids), self._models.row
        for start in range(0, len(ids), _IN_CHUNK):
            self._session.execute(
                update(row)
                .where(row.id.in_(ids[start : start + _IN_CHUNK]))
                .values(**values)
                .execution_options(synchronize_session=False)
            )

    def _add_mailboxes(self, outcomes: Sequence[Outcome]) -> dict[int, Code]:
        """Insert the mailboxes; return the rows that got none after all, and why."""
        wanted = {each.row_id: each.mailbox for each in outcomes if each.mailbox is not None}
        keys = [mailbox.email_key for mailbox in wanted.values()]
        known = existing_keys(self._session, self._models.mailbox, self._run.workspace_id, keys)
        refused = {
            row_id: Code.DUPLICATE
            for row_id, mailbox in wanted.items()
            if mailbox.email_key in known
        }
        fresh = [each for each in outcomes if each.mailbox and each.row_id not in refused]
        try:
            with self._session.begin_nested():
                self._session.add_all([self._mailbox(each) for each in fresh])
        except _ROW_FAULTS:
            for each in fresh:
                code = self._add_one(each)
                if code is not None:
                    refused[each.row_id] = code
        return refused

    def _add_one(self, outcome: Outcome) -> Code | None:
        mailbox = self._mailbox(outcome)
        key = mailbox.email_key
        try:
            with self._session.begin_nested():
                self._session.add(mailbox)
        except _ROW_FAULTS:
            taken = existing_keys(
                self._session, self._models.mailbox, self._run.workspace_id, [key], lock=True
            )
            return Code.DUPLICATE if taken else Code.INTERNAL
        return None

    def _mailbox(self, outcome: Outcome) -> MailboxMixin:
        if outcome.mailbox is None:
            raise ValueError("an outcome without a mailbox is not saved as one")
        run, created_at = self._run, now()
        status = MailboxStatus.PENDING if run.skip_connection_test else MailboxStatus.ACTIVE
        columns = {
            **mailbox_columns(outcome.mailbox, self._key_ring, run.workspace_id),
            "tag": run.tag,
            "status": status.value,
            "import_id": run.import_id,
            "created_at": created_at,
            "tested_at": None if run.skip_connection_test else created_at,
        }
        return self._models.mailbox(**columns)


def _row_update(outcome: Outcome, refused: Code | None) -> dict[str, Any]:
    reason: Reason | None = reason_for(refused) if refused else outcome.reason
    if refused is Code.DUPLICATE:
        status = RowStatus.SKIPPED
    else:
        status = RowStatus.FAILED if reason else RowStatus.IMPORTED
    return {
        "id": outcome.row_id,
        "status": status.value,
        "code": reason.code.value if reason else None,
        "error": reason.error if reason else None,
        "hint": reason.hint if reason else None,
        "tested_at": now(),
    }
