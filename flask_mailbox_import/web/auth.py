"""Whose workspace a request is for: by API key, by the host's own loader, or nobody's."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import Request, abort
from werkzeug.wrappers import Response as BaseResponse

from ..core.errors import HookError
from ..core.validators import check_workspace_id
from ..engine.state import WorkspaceLoader, current_state
from ..storage.api_keys import ApiKey, ApiKeys, tell_refused
from .errors import RequestError

logger = logging.getLogger("flask_mailbox_import")

#: Schemes of what a browser sends by itself, with the form of any site.
_SENT_BY_BROWSERS = frozenset({"basic", "digest", "negotiate", "ntlm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls the API."""

    workspace_id: str
    #: None where the host's own loader named the workspace.
    api_key_id: int | None = None


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


def caller_of(identity: ApiKey | str, request: Request) -> Caller:
    """Return for which workspace an authenticated call is.

    :raises RequestError: 400 ``workspace_required`` or 403 ``wrong_workspace``.
    """
    if isinstance(identity, str):
        return Caller(workspace_id=identity)
    named = _utf8(request.headers.get("X-Workspace-Id", "")) or None
    if named is None and identity.platform:
        raise RequestError(
            400, "workspace_required", "Name one of the key's workspaces in X-Workspace-Id."
        )
    if named is not None and named not in identity.workspace_ids:
        tell_refused("wrong_workspace", identity)
        raise RequestError(403, "wrong_workspace", "This API key is not for that workspace.")
    workspace_id = named if named is not None else identity.workspace_ids[0]
    return Caller(workspace_id=workspace_id, api_key_id=identity.id)


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


def page_workspace() -> str | BaseResponse:
    """Return the workspace, or the response that the host's loader gave in its place."""
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
