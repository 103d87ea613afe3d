"""A script: opens a mailbox's server by TLS in a process that gevent has patched."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 (gevent patches first)
import sys  # noqa: E402

from flask_mailbox_import.config import Config  # noqa: E402
from flask_mailbox_import.core.mailboxes import Login, Protocol, Security  # noqa: E402
from flask_mailbox_import.core.secret import Secret, generate_encryption_key  # noqa: E402
from flask_mailbox_import.probe.connections import open_smtp  # noqa: E402


def main() -> None:
    port, ca_file = json.load(sys.stdin)
    settings = {
        "ENCRYPTION_KEYS": [generate_encryption_key()],
        "ALLOWED_NETWORKS": ["127.0.0.0/8", "::1/128"],
        "ALLOWED_PORTS": [port],
        "CA_FILE": ca_file,
    }
    config = Config.from_mapping({f"MAILBOX_IMPORT_{key}": each for key, each in settings.items()})
    login = Login(
        protocol=Protocol.SMTP,
        host="localhost",
        port=port,
        security=Security.TLS,
        username="a@x.com",
        password=Secret("pw"),
    )
    try:
        open_smtp(login, 1.0, config)
    except Exception as fault:  # noqa: BLE001 (its kind is what is asked)
        json.dump({"fault": type(fault).__name__}, sys.stdout)


if __name__ == "__main__":
    main()
