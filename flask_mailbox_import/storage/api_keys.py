"""API keys: their form, and the table with the hash of each."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from ..core.validators import check_workspace_id
from ..signals import api_key_created, api_key_refused, api_key_revoked, api_key_used, tell
from .models import ApiKeyMixin, Models, now
from .session import execute, transaction

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: 62**32 is about 2**190. Such a key cannot be guessed, so that a fast hash is enough.
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6
#: Base 62 has no underscore, so that ``sk_`` and ``sk_user_`` cannot be confused.
_KEY = re.compile(r"(sk_(?:user_)?)([0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)

#: The time of a key's last use is written at most this often.
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A valid key, as the table has it."""

    id: int
    platform: bool
    workspace_ids: tuple[str, ...]
    #: UTC.
    created_at: datetime
    last_used_at: datetime | None
    prefix: str


class ApiKeys:
    """The API keys of one app. Each method needs an app context."""

    def __init__(self, db: SQLAlchemy, models: Models) -> None:
        self._db = db
        self._model = models.api_key

    def create(self, workspace_ids: Sequence[str], *, platform: bool = False) -> str:
        """Make a key for one workspace, or a platform key for several; return it. It is not kept.

        :raises ValueError: one of the ids is no workspace id.
        """
        workspace_ids = [check_workspace_id(each) for each in dict.fromkeys(workspace_ids)]
        key = _new_key("sk_user_" if platform else "sk_")
        columns = {
            "key_hash": _hash(key),
            "prefix": key[: key.rindex("_") + 5],
            "platform": platform,
            "workspace_ids": workspace_ids,
            "created_at": now(),
        }
        with transaction(self._db) as session:
            made = self._model(**columns)
            session.add(made)
            session.flush()
            key_id = made.id
        tell(api_key_created, api_key_id=key_id, workspace_id=",".join(workspace_ids))
        return key

    def find(self, key: str) -> ApiKey | None:
        """Find a key by its hash, and note its use; return None if it is wrong or revoked."""
        if not _is_well_formed(key):
            tell_refused("malformed")
            return None
        query = select(self._model).where(self._model.key_hash == _hash(key))
        with transaction(self._db) as session:
            found = session.scalar(query)
            known = None if found is None else _api_key(found)
            is_revoked = found is not None and found.revoked_at is not None
        if known is None or is_revoked:
            tell_refused("revoked" if known else "unknown", known)
            return None
        self._note_use(known)
        return known

    def _note_use(self, key: ApiKey) -> None:
        before = now() - _USED_EVERY
        if key.last_used_at is not None and key.last_used_at > before:
            return
        model = self._model
        due = or_(model.last_used_at.is_(None), model.last_used_at <= before)
        statement = update(model).where(model.id == key.id, due).values(last_used_at=now())
        noted = 0
        # The call goes on where this cannot be written, for example because SQLite is locked.
        with suppress(SQLAlchemyError), transaction(self._db) as session:
            noted = execute(session, statement)
        if noted:
            tell(api_key_used, api_key_id=key.id)

    def list_valid(self) -> list[ApiKey]:
        """Return all keys that are not revoked, the oldest first."""
        query = select(self._model).where(self._model.revoked_at.is_(None)).order_by(self._model.id)
        with transaction(self._db) as session:
            return [_api_key(each) for each in session.scalars(query)]

    def revoke(self, key_id: int) -> bool:
        """Revoke a key; return whether there was a valid one of this id."""
        model = self._model
        statement = update(model).where(model.id == key_id, model.revoked_at.is_(None))
        with transaction(self._db) as session:
            revoked = execute(session, statement.values(revoked_at=now()))
        if revoked:
            tell(api_key_revoked, api_key_id=key_id)
        return bool(revoked)


def tell_refused(reason: str, known: ApiKey | None = None) -> None:
    """Signal ``api_key_refused``; ``reason`` is a slug."""
    tell(api_key_refused, api_key_id=known.id if known else None, reason=reason)


def _new_key(prefix: str) -> str:
    body = "".join(secrets.choice(_BASE62) for _ in range(_RANDOM_LENGTH))
    return prefix + body + _checksum(prefix + body)


def _checksum(text: str) -> str:
    """Return the CRC-32 in base 62: it shows a mistyped key without a look into the table."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def _is_well_formed(key: str) -> bool:
    match = _KEY.fullmatch(key)
    return match is not None and _checksum(match[1] + match[2]) == match[3]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _api_key(found: ApiKeyMixin) -> ApiKey:
    return ApiKey(
        id=found.id,
        platform=found.platform,
        workspace_ids=tuple(found.workspace_ids),
        created_at=found.created_at,
        last_used_at=found.last_used_at,
        prefix=found.prefix,
    )
