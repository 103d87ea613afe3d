"""What the buttons of an import's pages have in common: they find it, do their work, redirect."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import redirect, request, session, url_for

from ..core.errors import ImportInterrupted, ImportNotRunnable, TryLater
from ..core.imports import ImportStatus, Summary
from ..core.words import foreign
from ..engine.state import current_state
from .errors import REFUSED_ON_PAGE, RequestError, refusal_of
from .rendering import Answer, confirmed
from .texts import translated

logger = logging.getLogger("flask_mailbox_import")

#: The session key of what was refused.
_REFUSED = "mailbox_import_refused"
UNDER_WAY = (ImportStatus.QUEUED, ImportStatus.RUNNING)


def find_summary(workspace_id: str, import_id: str) -> Summary:
    """Return an import of the workspace.

    :raises ImportNotFound: there is none of this id in it.
    """
    return current_state().importer.summary(import_id, workspace_id=workspace_id)


def start(import_id: str, *, workspace_id: str) -> None:
    """Start what is left of an import; one that breaks down shows on its page how far it came."""
    unless_broken(lambda: current_state().importer.start(import_id, workspace_id=workspace_id))


def unless_broken(work: Callable[[], object]) -> None:
    """Do some work; log an import that breaks down in it."""
    try:
        work()
    except ImportInterrupted as fault:
        logger.error("%s", fault)


def steered(
    workspace_id: str,
    import_id: str,
    work: Callable[..., None],
    page: Callable[[str, str, RequestError], Answer],
) -> Answer:
    """Do the work of a button; redirect to the import's page, which shows the result.

    :param page: returns the page that tells why the work was refused.
    """
    find_summary(workspace_id, import_id)
    address = url_for("mailbox_import.result", import_id=import_id)
    if request.method != "POST":
        return redirect(address, 303)
    try:
        confirmed()
        work(import_id, workspace_id=workspace_id)
    except ImportNotRunnable:
        pass  # it runs, as its page shows
    except REFUSED_ON_PAGE as fault:
        # A second press of the button may find no place because of the first one.
        no_place = isinstance(fault, TryLater)
        if not no_place or find_summary(workspace_id, import_id).status not in UNDER_WAY:
            return page(workspace_id, import_id, refusal_of(fault, on_page=True))
    return redirect(address, 303)


def keep_refusal(import_id: str, refusal: RequestError, field: str) -> None:
    """Keep what a form was refused for: its page is shown by another request.

    :param field: the name of the field that is wrong; "" where it is none.
    """
    session[_REFUSED] = [import_id, translated(refusal.message), field]


def refused_before(import_id: str) -> RequestError | None:
    """Return what the request before this one was refused for, if it was of this import."""
    found = session.get(_REFUSED)
    if not found or found[0] != import_id:
        return None
    del session[_REFUSED]
    return RequestError(200, "invalid_field", foreign(found[1]), {"field": found[2]})
