"""Keeps what a person typed into the forms of an import's failed rows, until it is tested."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select, update

from ..core.errors import NotRetryable, SealError
from ..core.rows import SECRET_COLUMNS
from ..core.secret import Secret
from ..core.words import say
from .models import KEEP_UNTESTED, ImportMixin, Models, now
from .queries import find_import
from .sealing import Field, KeyRing
from .session import execute, repeated, transaction

#: What was typed, by the name of its field, whose end is our name of the column.
Typed: TypeAlias = "dict[str, str | Secret]"
#: Bytes of all that is kept of one import: more than forms of 1,000 rows hold.
_MOST = 4_000_000


class Drafts:
    """Reads and writes the drafts of one app. Each method is one transaction.

    A draft is what was typed, by the name of its field. It is sealed, and kept for 24 hours.
    """

    def __init__(self, db: SQLAlchemy, models: Models, key_ring: KeyRing) -> None:
        self._db = db
        self._models = models
        self._key_ring = key_ring

    def read(self, import_id: str, workspace_id: str) -> Typed:
        """Return what was typed.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with transaction(self._db) as session:
            return self._opened(find_import(session, self._models, import_id, workspace_id))

    @repeated
    def change(
        self, import_id: str, workspace_id: str, typed: Mapping[str, str | Secret | None]
    ) -> Typed:
        """Keep what was typed into some fields; None: nothing. Return all that is kept now.

        :raises ImportNotFound: the workspace has no import of this id.
        :raises NotRetryable: it is more than can be kept; nothing was changed.
        """
        model = self._models.import_
        mine = (model.id == import_id, model.workspace_id == workspace_id)
        with transaction(self._db) as session:
            find_import(session, self._models, import_id, workspace_id)
            # This write locks the import: another tab's draft is not lost. MySQL reads anew only
            # with a lock.
            execute(session, update(model).where(*mine).values(draft_expires_at=now()))
            locked = select(model).where(*mine).with_for_update()
            found = session.scalars(locked.execution_options(populate_existing=True)).one()
            kept = {**self._opened(found), **typed}
            left = {name: each for name, each in kept.items() if each is not None}
            execute(session, update(model).where(*mine).values(self._columns(found, left)))
        return left

    def _columns(self, found: ImportMixin, typed: Typed) -> dict[str, object]:
        text = json.dumps(
            {
                name: each.reveal() if isinstance(each, Secret) else each
                for name, each in typed.items()
            }
        )
        if len(text) > _MOST:
            raise NotRetryable(say("More was typed than can be kept: test some of the rows first."))
        sealed = self._key_ring.seal(
            Secret(text),
            workspace_id=found.workspace_id,
            seal_id=found.id,
            field=Field.DRAFT,
        )
        expires_at = now() + KEEP_UNTESTED
        return {
            "sealed_draft": sealed if typed else None,
            "draft_expires_at": expires_at if typed else None,
        }

    def _opened(self, found: ImportMixin) -> Typed:
        expires_at = found.draft_expires_at
        if found.sealed_draft is None or expires_at is None:
            return {}
        try:
            clear = self._key_ring.open(
                found.sealed_draft,
                workspace_id=found.workspace_id,
                seal_id=found.id,
                field=Field.DRAFT,
            )
        except SealError:
            # Moved or damaged, or its key is not configured: it is typed again.
            return {}
        return {
            name: Secret(text) if name.rpartition(".")[2] in SECRET_COLUMNS else text
            for name, text in json.loads(clear.reveal()).items()
        }
