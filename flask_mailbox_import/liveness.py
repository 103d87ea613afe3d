"""Whether the run of an import is alive, as a condition and of one that was read; runs none."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_

from .mapping import STALE_AFTER, now
from .models import ImportMixin, Models
from .records import ImportStatus


def is_dead(models: Models) -> ColumnElement[bool]:
    """Return what is true of an import whose run gave no sign of life for too long."""
    model = models.import_
    silent = or_(model.heartbeat_at.is_(None), model.heartbeat_at < now() - STALE_AFTER)
    return and_(model.status == ImportStatus.RUNNING.value, silent)


def status_of(found: ImportMixin) -> ImportStatus:
    """Return the status of an import; without a sign of life its run was interrupted."""
    status, seen = ImportStatus(found.status), found.heartbeat_at
    if status is ImportStatus.RUNNING and (seen is None or seen < now() - STALE_AFTER):
        return ImportStatus.INTERRUPTED
    return status
