"""Key rotation: seals everything with the first key, in small batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Select, select, update

from ..core.errors import SealError, shielded
from ..signals import keys_rotated, tell
from .models import Models, table_of
from .sealing import Field, KeyRing
from .session import execute, repeated, transaction

#: How many values one transaction writes; one value may be a whole file.
_BATCH = 50
_MORE_PASSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """The result of a rotation. If ``unopened`` is empty, the other keys are no longer needed."""

    #: The id of the first key.
    key_id: str
    #: How many values were sealed with it now.
    sealed: int
    #: How many values had been sealed with it before.
    current: int
    #: The values that do not open, such as ``mailbox 7``: damaged, or their key is not configured.
    unopened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of sealed values, and the columns to which they are bound."""

    name: str
    field: Field
    column: Column[Any]
    #: Selects the id, the sealed value, its ``seal_id`` and its workspace.
    query: Select[Any, bytes | None, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    #: The id of its last value; None where no more follow.
    last: Any
    sealed: int
    current: int
    #: How many values were changed or erased by others since they were read.
    changed: int
    unopened: list[str]


class Rotation:
    """Rotates the keys of one app. Every method needs an app context."""

    def __init__(self, db: SQLAlchemy, models: Models, key_ring: KeyRing) -> None:
        self._db = db
        self._models = models
        self._key_ring = key_ring

    @shielded
    def run(self) -> Rotated:
        """Seal again, with the first key, every value that another key sealed. May be repeated."""
        rotated, again = self._pass()
        # A process with the old settings may write in the meantime, so more passes are made. If
        # the process goes on writing, repeat the rotation when the process has ended.
        for _ in range(_MORE_PASSES):
            if not again:
                break
            later, again = self._pass()
            rotated = replace(
                rotated, sealed=rotated.sealed + later.sealed, unopened=later.unopened
            )
        tell(
            keys_rotated,
            key_id=rotated.key_id,
            sealed=rotated.sealed,
            current=rotated.current,
            unopened=len(rotated.unopened),
        )
        return rotated

    def _pass(self) -> tuple[Rotated, bool]:
        """Seal the values of all places once; return also whether any had to be sealed."""
        batches = [batch for place in self._places() for batch in self._batches(place)]
        rotated = Rotated(
            key_id=self._key_ring.first,
            sealed=sum(each.sealed for each in batches),
            current=sum(each.current for each in batches),
            unopened=tuple(name for each in batches for name in each.unopened),
        )
        return rotated, any(each.sealed or each.changed for each in batches)

    def _places(self) -> Iterator[_Place]:
        models = self._models
        mailbox, row, import_ = map(table_of, (models.mailbox, models.row, models.import_))
        for field in (Field.SMTP_PASSWORD, Field.IMAP_PASSWORD):
            column = mailbox.c[f"sealed_{field.value}"]
            query = select(mailbox.c.id, column, mailbox.c.seal_id, mailbox.c.workspace_id)
            yield _Place("mailbox", field, column, query)
        column = row.c.sealed_record
        query = select(row.c.id, column, row.c.seal_id, import_.c.workspace_id)
        query = query.join(import_, import_.c.id == row.c.import_id)
        yield _Place("row", Field.RECORD, column, query)
        for field in (Field.FILE, Field.DRAFT):
            column = import_.c[f"sealed_{field.value}"]
            query = select(import_.c.id, column, import_.c.id, import_.c.workspace_id)
            yield _Place("import", field, column, query)

    def _batches(self, place: _Place) -> Iterator[_Batch]:
        batch = self._batch(place, None)
        yield batch
        while batch.last is not None:
            batch = self._batch(place, batch.last)
            yield batch

    @repeated
    def _batch(self, place: _Place, after: Any) -> _Batch:
        """Seal the values that follow the id ``after``; the first ones where it is None."""
        table = place.column.table
        key = table.c.id
        query = place.query.where(place.column.is_not(None)).order_by(key).limit(_BATCH)
        if after is not None:
            query = query.where(key > after)
        current = sealed = changed = 0
        unopened = []
        with transaction(self._db) as session:
            found = session.execute(query).all()
            for identity, old, seal_id, workspace_id in found:
                bound = {"workspace_id": workspace_id, "seal_id": seal_id, "field": place.field}
                try:
                    clear = self._key_ring.open(old, **bound)
                except SealError:
                    unopened.append(f"{place.name} {identity}")
                    continue
                if self._key_ring.is_current(old):
                    current += 1
                    continue
                new = self._key_ring.seal(clear, **bound)
                # Only if the value was not changed or erased meanwhile.
                unchanged = update(table).where(key == identity, place.column == old)
                if execute(session, unchanged.values({place.column: new})):
                    sealed += 1
                else:
                    changed += 1
        last = found[-1][0] if len(found) == _BATCH else None
        return _Batch(last=last, sealed=sealed, current=current, changed=changed, unopened=unopened)
