"""The states of an import: which run is dead, and every change of an import's status.

Each change is an ``UPDATE`` of all imports in which it may happen. Its caller adds which import it
means, and learns from the number of matched rows whether it happened.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, not_, or_, update
from sqlalchemy.sql import Update

from ..core.imports import STALE_AFTER, ImportStatus
from .clock import epoch
from .models import Models, now

#: So many runs in a row may end without a saved batch, and so many may die while a row is tested;
#: then a person has to look.
MAX_ATTEMPTS = 3

_CONTINUABLE = (
    ImportStatus.CHECKED,
    ImportStatus.QUEUED,
    ImportStatus.CANCELLED,
    ImportStatus.INTERRUPTED,
)
#: The statuses in which no run is active, so that failed rows can be put back.
AT_REST = (ImportStatus.FINISHED, ImportStatus.CANCELLED, ImportStatus.INTERRUPTED)


def is_dead(models: Models) -> ColumnElement[bool]:
    """Return the SQL condition for an import whose run is dead: no beat for ``STALE_AFTER``.

    Only this function says which run is dead. Beats are compared by the database's clock, since
    those of two machines may differ.
    """
    model = models.import_
    longest = int(STALE_AFTER.total_seconds())
    silent = or_(model.beat.is_(None), model.beat < epoch() - longest)
    return and_(model.status == ImportStatus.RUNNING.value, silent)


def status_after_fault(models: Models) -> ColumnElement[str]:
    """Return the SQL expression for what an import becomes whose run has died or broken down.

    It waits for the next run, unless it was asked to stop or too many runs had no progress.
    """
    model = models.import_
    return case(
        (model.cancelled_at.is_not(None), ImportStatus.CANCELLED.value),
        (model.attempts + 1 >= MAX_ATTEMPTS, ImportStatus.INTERRUPTED.value),
        else_=ImportStatus.QUEUED.value,
    )


def status_now(models: Models) -> ColumnElement[str]:
    """Return the SQL expression for an import's status; where its run is dead: what it becomes."""
    status = models.import_.status
    after = status_after_fault(models) if models.are_taken_up else ImportStatus.INTERRUPTED.value
    return case((is_dead(models), after), else_=status)


def is_under_way(models: Models) -> ColumnElement[bool]:
    """Return the SQL condition for an import that waits for its run or runs; a dead run goes on.

    Where no dead run is taken up, only a person can continue it.
    """
    status = models.import_.status
    found = status.in_([ImportStatus.QUEUED.value, ImportStatus.RUNNING.value])
    return found if models.are_taken_up else and_(found, not_(is_dead(models)))


def queued(models: Models) -> Update:
    """Return the change by which an import that is continued waits for its run.

    One that waits already keeps its place in the queue.
    """
    model = models.import_
    waits = model.status == ImportStatus.QUEUED.value
    values = {
        "status": ImportStatus.QUEUED.value,
        "run_token": None,
        "cancelled_at": None,
        "started_at": case((waits, model.started_at), else_=now()),
        "attempts": case((waits, model.attempts), else_=0),
    }
    return _change(models, _is_runnable(models), values)


def claimed(models: Models, token: str, only: ImportStatus | None) -> Update:
    """Return the change by which an import gets a run.

    :param only: the only status in which it may happen; None: any in which it can be continued, by
        a person, so that earlier attempts count no more.
    """
    model = models.import_
    free = _is_runnable(models) if only is None else model.status == only.value
    values: dict[str, Any] = {} if only is not None else {"attempts": 0}
    values |= {
        "status": ImportStatus.RUNNING.value,
        "run_token": token,
        "beat": epoch(),
        "started_at": now(),
        "cancelled_at": None,
    }
    # After a lost connection it may be claimed already.
    return _change(models, or_(free, model.run_token == token), values)


def ended(models: Models, token: str, status: ImportStatus) -> Update:
    """Return the change by which a run ends."""
    finished_at = now() if status is ImportStatus.FINISHED else None
    values = {"status": status.value, "run_token": None, "finished_at": finished_at}
    return _change(models, models.import_.run_token == token, values)


def handed_back(models: Models, token: str) -> Update:
    """Return the change by which a run that ends in good order leaves the rest to the next one.

    An import that was asked to stop is cancelled.
    """
    model = models.import_
    is_asked = model.cancelled_at.is_not(None)
    becomes = case((is_asked, ImportStatus.CANCELLED.value), else_=ImportStatus.QUEUED.value)
    return _change(models, model.run_token == token, {"status": becomes, "run_token": None})


def broken_down(models: Models, token: str) -> Update:
    """Return the change by which a run that broke down goes on as `status_after_fault` says."""
    return _change(models, models.import_.run_token == token, _after_fault(models))


def taken_up(models: Models) -> Update:
    """Return the change by which an import whose run is dead goes on in the same way."""
    return _change(models, is_dead(models), _after_fault(models))


def put_off(models: Models) -> Update:
    """Return the change by which an import that waits has to be continued by a person."""
    waits = models.import_.status == ImportStatus.QUEUED.value
    return _change(models, waits, {"status": ImportStatus.INTERRUPTED.value})


def cancelled(models: Models) -> Update:
    """Return the change by which an import that waits, or whose run is dead, is cancelled."""
    values = {"status": ImportStatus.CANCELLED.value, "run_token": None}
    return _change(models, _is_runnable(models), values)


def asked_to_stop(models: Models) -> Update:
    """Return the change by which a run that is alive is asked to stop."""
    runs = models.import_.status == ImportStatus.RUNNING.value
    return _change(models, runs, {"cancelled_at": now()})


def put_back(models: Models, *, is_ready: bool) -> Update:
    """Return the change by which an import at rest gets failed rows back.

    A run that seems dead but is alive finds that it has lost the import.

    :param is_ready: a row is ready, so that the import has to be run.
    """
    rests = models.import_.status.in_([each.value for each in AT_REST])
    values: dict[str, Any] = {"cancelled_at": None, "run_token": None}
    if is_ready:
        values |= {"status": ImportStatus.INTERRUPTED.value, "finished_at": None}
    return _change(models, or_(rests, is_dead(models)), values)


def deleted(models: Models) -> Update:
    """Return the change by which an import is deleted; only its rows may still count for a while.

    A run that is alive finds that it has lost the import.
    """
    values: dict[str, Any] = {
        **dict.fromkeys(("tag", "run_token", "sealed_file", "file_expires_at")),
        **dict.fromkeys(("sealed_draft", "draft_expires_at")),
        **dict.fromkeys(("file_name", "fingerprint", "understood")),
        "notices": [],
        "status": ImportStatus.CANCELLED.value,
        "deleted_at": now(),
    }
    return update(models.import_).where(models.import_.deleted_at.is_(None)).values(values)


def _after_fault(models: Models) -> dict[str, Any]:
    attempts = models.import_.attempts + 1
    return {"status": status_after_fault(models), "attempts": attempts, "run_token": None}


def _is_runnable(models: Models) -> ColumnElement[bool]:
    """Return the SQL condition for an import that may be run: it waits, or its run is dead."""
    model = models.import_
    continuable = model.status.in_([each.value for each in _CONTINUABLE])
    return or_(and_(continuable, model.file_expires_at.is_(None)), is_dead(models))


def _change(models: Models, where: ColumnElement[bool], values: dict[str, Any]) -> Update:
    return update(models.import_).where(models.import_.deleted_at.is_(None), where).values(values)
