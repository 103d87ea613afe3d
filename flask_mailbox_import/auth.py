"""Whose workspace a call is for: API keys, their form and their table; no response is made here."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from .errors import HookError, RequestError
from .labels import check_workspace_id
from .mapping import now
from .models import ApiKeyMixin, Models
from .session import execute, own_context, transaction
from .signals import api_key_created, api_key_refused, api_key_revoked, api_key_used, tell

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: 62**32 is about 2**190: nobody guesses it, so a fast hash is enough.
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6
#: Base 62 has no underscore: the two kinds cannot be taken for each other.
_KEY = re.compile(r"(sk_(?:user_)?)([0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)

#: A key that is used all the time is not written all the time.
_USED_EVERY = timedelta(minutes=1)

#: Schemes of what a browser sends by itself, with the form of any site.
_SENT_BY_BROWSERS = frozenset({"basic", "digest", "negotiate", "ntlm"})

#: A host's own answer to "whose workspace is this?"; None where it does not know.
WorkspaceLoader = Callable[[], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A valid key, as it came out of the table."""

    id: int
    platform: bool
    workspace_ids: tuple[str, ...]
    #: UTC.
    created_at: datetime
    last_used_at: datetime | None
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
        with own_context(), transaction(self._db) as session:
            made = self._model(**columns)
            session.add(made)
            session.flush()
            key_id = made.id
        tell(api_key_created, api_key_id=key_id, workspace_id=",".join(workspace_ids))
        return key

    def find(self, key: str) -> ApiKey | None:
        """Return what a key opens, and note its use; None for a wrong or revoked one.

        It is looked up by its hash.
        """
        if not _is_well_formed(key):
            _tell_refused("malformed")
            return None
        query = select(self._model).where(self._model.key_hash == _hash(key))
        with own_context():
            with transaction(self._db) as session:
                found = session.scalar(query)
                known = None if found is None else _api_key(found)
                is_revoked = found is not None and found.revoked_at is not None
            if known is None or is_revoked:
                _tell_refused("revoked" if known else "unknown", known)
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
        # A call does not fail because it cannot be noted: somebody holds SQLite for long, say.
        with suppress(SQLAlchemyError), transaction(self._db) as session:
            noted = execute(session, statement)
        if noted:
            tell(api_key_used, api_key_id=key.id)

    def list_valid(self) -> list[ApiKey]:
        """Return all keys that are not revoked, oldest first; a key itself is never shown again."""
        query = select(self._model).where(self._model.revoked_at.is_(None)).order_by(self._model.id)
        with own_context():
            return [_api_key(each) for each in self._db.session.scalars(query)]

    def revoke(self, key_id: int) -> bool:
        """Refuse a key from now on; return whether there was a valid one of this id."""
        model = self._model
        statement = update(model).where(model.id == key_id, model.revoked_at.is_(None))
        with own_context(), transaction(self._db) as session:
            revoked = execute(session, statement.values(revoked_at=now()))
        if revoked:
            tell(api_key_revoked, api_key_id=key_id)
        return bool(revoked)


def _tell_refused(reason: str, known: ApiKey | None = None) -> None:
    tell(api_key_refused, api_key_id=known.id if known else None, reason=reason)


def authenticate(request: Request, keys: ApiKeys, loader: WorkspaceLoader | None) -> ApiKey | str:
    """Return the API key that a call carries, or the workspace that the host's loader names.

    :raises RequestError: 401 ``no_key`` or ``bad_key``.
    """
    header = request.headers.get("X-Api-Key")
    bearer = _bearer(request)
    if header is None and (bearer is None or (loader and not bearer.startswith("sk_"))):
        workspace_id = loader() if loader and not _is_of_another_site(request) else None
        if not workspace_id:
            raise _unauthorized(
                "no_key" if bearer is None else "bad_key", "Send your API key in X-Api-Key."
            )
        try:
            return check_workspace_id(workspace_id)
        except ValueError as fault:
            raise HookError(f"api_workspace_loader: {fault}") from None
    sent = {key for key in (header, bearer) if key is not None}
    found = keys.find(sent.pop()) if len(sent) == 1 else None
    if found is None:
        raise _unauthorized("bad_key", "This API key is not valid: check it, or make a new one.")
    return found


def workspace_of(identity: ApiKey | str, request: Request) -> str:
    """Return the workspace that an authenticated call is for.

    :raises RequestError: 400 ``workspace_required`` or 403 ``wrong_workspace``.
    """
    if isinstance(identity, str):
        return identity
    named = _utf8(request.headers.get("X-Workspace-Id", "")) or None
    if named is None and identity.platform:
        raise RequestError(
            400, "workspace_required", "Name one of the key's workspaces in X-Workspace-Id."
        )
    if named is not None and named not in identity.workspace_ids:
        _tell_refused("wrong_workspace", identity)
        raise RequestError(403, "wrong_workspace", "This API key is not for that workspace.")
    return named if named is not None else identity.workspace_ids[0]


def _is_of_another_site(request: Request) -> bool:
    """Tell a call that a page of another origin makes a browser send, with the host's cookies.

    The API has no CSRF token; a loader that goes by a cookie must not be asked. Browsers say where
    a call is from in Sec-Fetch-Site (Fetch Metadata), over plain HTTP in Origin alone (RFC 6454).
    """
    scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
    if scheme and scheme not in _SENT_BY_BROWSERS:
        return False
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and origin.partition("://")[2] != request.host


def _utf8(header: str) -> str:
    """Return a header as its sender wrote it: WSGI (PEP 3333) takes its bytes for Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


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
        created_at=found.created_at,
        last_used_at=found.last_used_at,
        prefix=found.prefix,
    )
