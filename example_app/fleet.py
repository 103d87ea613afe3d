"""The demo's mail servers; ``python -m example_app.fleet FOLDER`` runs them till its input ends."""

from __future__ import annotations

import datetime
import json
import sys
from contextlib import ExitStack
from pathlib import Path

from flask_mailbox_import.testing import (
    CLOSE,
    IMAPServer,
    SMTPServer,
    certificate_authority,
    server_context,
)

#: The password that the servers accept from everybody.
PASSWORD = "correct horse"  # noqa: S105 (of a demo)

_A_DAY = datetime.timedelta(days=1)
_TEMPORARY = b"454 4.7.0 Temporary authentication failure"
_APP_PASSWORD = b"534 5.7.9 Application-specific password required"


class _AnyUser(dict[str, str]):
    """Accounts of all users, with one password."""

    def get(self, _user: str, _default: object = None) -> str:
        return PASSWORD


def start(stack: ExitStack, folder: Path) -> dict[str, int]:
    """Start every server; return the port of each name, and leave the CA in ``folder``."""
    certificate_authority().cert_pem.write_to_path(str(folder / "ca.pem"))
    today = datetime.datetime.now(datetime.timezone.utc)

    def serve(
        name: str,
        kind: type[SMTPServer | IMAPServer] = SMTPServer,
        *,
        valid_until: datetime.timedelta = _A_DAY,
        **options: object,
    ) -> int:
        context = server_context(f"{name}.localhost", not_after=today + valid_until)
        options = {"context": context, "accounts": _AnyUser(), **options}
        return stack.enter_context(kind(**options)).port  # type: ignore[arg-type]

    closed = SMTPServer()
    closed.close()
    return {
        "mail": serve("mail", pause=0.3),
        "tls": serve("tls", implicit_tls=True, pause=0.3),
        "slow": serve("slow", pause=2),
        "app-password": serve("app-password", replies={"AUTH": _APP_PASSWORD}),
        "busy": serve("busy", replies={"AUTH": _TEMPORARY}),
        "expired": serve("expired", valid_until=-_A_DAY),
        "drops": serve("drops", replies={"AUTH": CLOSE}),
        "closed": closed.port,
        "imap": serve("imap", IMAPServer, implicit_tls=True),
    }


def main() -> None:
    """Start the servers, print their ports as JSON, and serve until standard input ends."""
    with ExitStack() as servers:
        print(json.dumps(start(servers, Path(sys.argv[1]))), flush=True)
        # It ends when the process that started this one ends.
        sys.stdin.read()
