"""Finds the workspace of a request: by API key or by a loader of the host."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import Request, abort
from werkzeug.wrappers import Response as BaseResponse

from ..core.errors import HookError
from ..core.validators import check_workspace_id
from ..core.words import Words, say
from ..engine.state import WorkspaceLoader, current_state
from ..storage.api_keys import ApiKey, ApiKeys, tell_refused
from .errors import RequestError

logger = logging.getLogger("flask_mailbox_import")

#: The schemes of credentials that a browser adds by itself, even to forms of other sites.
_SENT_BY_BROWSERS = frozenset({"basic", "digest", "negotiate", "ntlm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of the API."""

    workspace_id: str
    #: None where a loader of the host named the workspace.
    api_key_id: int | None = None


def authenticate(request: Request, keys: ApiKeys, loader: WorkspaceLoader | None) -> ApiKey | str:
    """Return the API key of a call, or the workspace that the host's loader returns.

    :raises RequestError: 401 ``no_key`` or ``bad_key``.
    """
    header = request.headers.get("X-Api-Key")
    bearer = _bearer(request)
    if header is None and (bearer is None or (loader and not bearer.startswith("sk_"))):
        workspace_id = loader() if loader and not _is_of_another_site(request) else None
        if not workspace_id:
            raise _unauthorized(
                "no_key" if bearer is None else "bad_key",
                say("Send your API key in X-Api-Key."),
            )
        try:
            return check_workspace_id(workspace_id)
        except ValueError as fault:
            raise HookError(f"api_workspace_loader: {fault}") from None
    sent = {key for key in (header, bearer) if key is not None}
    found = keys.find(sent.pop()) if len(sent) == 1 else None
    if found is None:
        raise _unauthorized(
            "bad_key", say("This API key is not valid: check it, or make a new one.")
        )
    return found


def caller_of(identity: ApiKey | str, request: Request) -> Caller:
    """Return the workspace of an authenticated call.

    :raises RequestError: 400 ``workspace_required`` or 403 ``wrong_workspace``.
    """
    if isinstance(identity, str):
        return Caller(workspace_id=identity)
    named = _utf8(request.headers.get("X-Workspace-Id", "")) or None
    if named is None and identity.platform:
        raise RequestError(
            400, "workspace_required", say("Name one of the key's workspaces in X-Workspace-Id.")
        )
    if named is not None and named not in identity.workspace_ids:
        tell_refused("wrong_workspace", identity)
        raise RequestError(403, "wrong_workspace", say("This API key is not for that workspace."))
    workspace_id = named if named is not None else identity.workspace_ids[0]
    return Caller(workspace_id=workspace_id, api_key_id=identity.id)


def _is_of_another_site(request: Request) -> bool:
    """Tell whether a browser sends this call for a page of another origin, with the host's cookies.

    The API has no CSRF token, so a loader that reads a cookie must not be called then. Browsers
    tell the origin in Sec-Fetch-Site (Fetch Metadata); over plain HTTP only in Origin (RFC 6454).
    """
    scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
    if scheme and scheme not in _SENT_BY_BROWSERS:
        return False
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and origin.partition("://")[2] != request.host


def _utf8(header: str) -> str:
    """Return a header decoded as UTF-8, where possible: WSGI decodes it as Latin-1 (PEP 3333)."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _unauthorized(reason: str, message: Words) -> RequestError:
    return RequestError(401, reason, message, headers={"WWW-Authenticate": "Bearer"})


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def page_workspace() -> str | BaseResponse:
    """Return the workspace of a page, or the response that the host's loader returned."""
    loader = current_state().workspace_loader()
    if loader is None:
        logger.error("register whose page it is: @mailbox_import.workspace_loader")
        abort(403)
    found = loader()
    if isinstance(found, BaseResponse):
        return found
    if not found:
        abort(401)
    try:
        return check_workspace_id(found)
    except ValueError as fault:
        raise HookError(f"workspace_loader: {fault}") from None
