"""Blinker signals and log lines of events, with ids and counts, never with values of a row."""

from __future__ import annotations

import json
import logging
from typing import TypeAlias

from blinker import NamedSignal, Namespace
from flask import Flask, current_app

__all__ = [
    "Fact",
    "NamedSignal",
    "api_key_created",
    "api_key_refused",
    "api_key_revoked",
    "api_key_used",
    "batch_saved",
    "hosts_refused",
    "import_deleted",
    "import_ended",
    "import_not_found",
    "import_started",
    "keys_rotated",
    "limit_reached",
    "logins_refused",
    "password_opened",
    "run_taken_over",
    "seal_broken",
    "targets_refused",
    "tell",
]

logger = logging.getLogger("flask_mailbox_import")

#: A fact of a signal: an id, a count, a slug or seconds.
Fact: TypeAlias = "str | int | float | bool | None"

_namespace = Namespace()
_LEVELS: dict[str, int] = {}


def _signal(name: str, meaning: str, level: int = logging.INFO) -> NamedSignal:
    _LEVELS[name] = level
    return _namespace.signal(name, meaning)


import_started = _signal("import_started", "A run begins: rows to do, api_key_id if by a key.")
batch_saved = _signal(
    "batch_saved", "A batch of a run is in the database: its counts.", logging.DEBUG
)
import_ended = _signal(
    "import_ended",
    "A run is over: status and, where known, counts, the seconds of this run and since the upload.",
)
run_taken_over = _signal(
    "run_taken_over",
    "A run was dead: attempts without progress so far, and the status of its import now.",
    logging.WARNING,
)
import_deleted = _signal("import_deleted", "An import was deleted: mailboxes removed with it.")
import_not_found = _signal("import_not_found", "The workspace asked for has no such import.")
hosts_refused = _signal("hosts_refused", "Rows whose host or port is not allowed: count.")
targets_refused = _signal(
    "targets_refused", "Names whose addresses may not be contacted: count.", logging.WARNING
)
logins_refused = _signal(
    "logins_refused", "Many refused logins in one run: count.", logging.WARNING
)
limit_reached = _signal(
    "limit_reached", "An import was not begun: limit, a setting's name.", logging.WARNING
)
api_key_created = _signal("api_key_created", "workspace_id holds all, with commas.")
api_key_used = _signal("api_key_used", "At most once a minute.")
api_key_refused = _signal(
    "api_key_refused",
    "A wrong or revoked key, or another's workspace.",
    logging.WARNING,
)
api_key_revoked = _signal("api_key_revoked", "From now on it is refused.")
password_opened = _signal(
    "password_opened", "The host opened a password: mailbox_id, field.", logging.DEBUG
)
seal_broken = _signal(
    "seal_broken", "A password did not open: moved, damaged, or its key is gone.", logging.ERROR
)
keys_rotated = _signal("keys_rotated", "All was sealed anew: counts sealed, current, unopened.")


def tell(signal: NamedSignal, /, **facts: Fact) -> None:
    """Log one line ``event=... name=value ...`` and send the signal; the sender is the app.

    Each receiver has an app context, and so a session, of its own. Its exception is logged, and
    the import goes on.
    """
    level = _LEVELS[signal.name]
    if logger.isEnabledFor(level):
        told = {"event": signal.name, **facts}
        line = " ".join(f"{name}={_shown(fact)}" for name, fact in told.items())
        logger.log(level, "%s", line, extra={"mailbox_import": told})
    if not signal.receivers:
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    for receiver in list(signal.receivers_for(app)):
        try:
            with app.app_context():
                receiver(app, **facts)
        except Exception as fault:  # noqa: BLE001 (a receiver is the host's)
            logger.error("a receiver of %s failed: %s", signal.name, type(fault).__name__)


def _shown(fact: Fact) -> str:
    if not isinstance(fact, str):
        # The ids of a host's own model may be of any type.
        return json.dumps(fact, default=str)
    plain = fact.isascii() and fact.replace("_", "").replace("-", "").replace(",", "").isalnum()
    return fact if plain else json.dumps(fact)
