"""Whose workspace a call is for: API keys, their form and their table; no response is made here."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select

from .errors import HookError, RequestError
from .labels import check_workspace_id
from .mapping import now
from .models import ApiKeyMixin, Models
from .session import own_context

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: 62**32 is about 2**190: nobody guesses it, so a fast hash is enough.
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6
#: Base 62 has no underscore: the two kinds cannot be taken for each other.
_KEY = re.compile(r"(sk_(?:user_)?)([0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)

#: A host's own answer to "whose workspace is this?"; None where it does not know.
WorkspaceLoader = Callable[[], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A valid key, as it came out of the table."""

    id: int
    platform: bool
    workspace_ids: tuple[str, ...]
    created_at: str
    prefix: str


class ApiKeys:
    """The API keys of one app. Each method needs an app context, and leaves its session alone."""

    def __init__(self, db: SQLAlchemy, models: Models) -> None:
        self._db = db
        self._model = models.api_key

    def create(self, workspace_ids: Sequence[str], *, platform: bool = False) -> str:
        """Make a key for one workspace, or a platform key for several; return it, once.

        :raises ValueError: one of them is no workspace id.
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
        with own_context():
            self._db.session.add(self._model(**columns))
            self._db.session.commit()
        return key

    def find(self, key: str) -> ApiKey | None:
        """Return what a key opens; None for a wrong or revoked one. Looked up by its hash."""
        if not _is_well_formed(key):
            return None
        query = select(self._model).where(
            self._model.key_hash == _hash(key), self._model.revoked_at.is_(None)
        )
        with own_context():
            found = self._db.session.scalar(query)
            return None if found is None else _api_key(found)

    def list_valid(self) -> list[ApiKey]:
        """Return all keys that are not revoked, oldest first; a key itself is never shown again."""
        query = select(self._model).where(self._model.revoked_at.is_(None)).order_by(self._model.id)
        with own_context():
            return [_api_key(each) for each in self._db.session.scalars(query)]

    def revoke(self, key_id: int) -> bool:
        """Refuse a key from now on; return whether there was a valid one of this id."""
        with own_context():
            found = self._db.session.get(self._model, key_id)
            if found is None or found.revoked_at is not None:
                return False
            found.revoked_at = now()
            self._db.session.commit()
        return True


def authenticate(request: Request, keys: ApiKeys, loader: WorkspaceLoader | None) -> ApiKey | str:
    """Return the API key that a call carries, or the workspace that the host's loader names.

    :raises RequestError: 401 ``no_key`` or ``bad_key``.
    """
    header = request.headers.get("X-Api-Key")
    bearer = _bearer(request)
    if header is None and (bearer is None or (loader and not bearer.startswith("sk_"))):
        workspace_id = loader() if loader else None
        if not workspace_id:
            raise _unauthorized(
                "no_key" if bearer is None else "bad_key", "Send your API key in X-Api-Key."
            )
        try:
            return check_workspace_id(workspace_id)
        except ValueError as fault:
            raise HookError(f"api_workspace_loader: {fault}") from None
    sent = [key for key in (header, bearer) if key is not None]
    found = [keys.find(key) for key in sent]
    if found[0] is None or any(each != found[0] for each in found):
        raise _unauthorized("bad_key", "This API key is not valid: check it, or make a new one.")
    return found[0]


def workspace_of(identity: ApiKey | str, request: Request) -> str:
    """Return the workspace that an authenticated call is for.

    :raises RequestError: 400 ``workspace_required`` or 403 ``wrong_workspace``.
    """
    if isinstance(identity, str):
        return identity
    named = request.headers.get("X-Workspace-Id") or None
    if named is None and identity.platform:
        raise RequestError(
            400, "workspace_required", "Name one of the key's workspaces in X-Workspace-Id."
        )
    if named is not None and named not in identity.workspace_ids:
        raise RequestError(403, "wrong_workspace", "This API key is not for that workspace.")
    return named if named is not None else identity.workspace_ids[0]


def _unauthorized(reason: str, message: str) -> RequestError:
    return RequestError(401, reason, message, headers={"WWW-Authenticate": "Bearer"})


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _new_key(prefix: str) -> str:
    body = "".join(secrets.choice(_BASE62) for _ in range(_RANDOM_LENGTH))
    return prefix + body + _checksum(prefix + body)


def _checksum(text: str) -> str:
    """Return CRC-32 in base 62: tells a mistyped key from a revoked one without the table."""
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
        created_at=f"{found.created_at:%Y-%m-%d %H:%M} UTC",
        prefix=found.prefix,
    )
