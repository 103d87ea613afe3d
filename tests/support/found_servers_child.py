"""A script: an import whose servers DNS names, where mail servers answer at every address."""

from __future__ import annotations

import json
import socket
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import network_namespace
import trustme
from host_apps import Host, new_host
from name_server import NameServer
from server_certificates import server_context

from flask_mailbox_import.testing import Session, SMTPServer
from flask_mailbox_import.testing.smtp import OK_235

PORT = 587


def play(folder: Path, order: dict[str, Any], server: NameServer) -> dict[str, Any]:
    ca, ca_file = trustme.CA(), str(folder / "ca.pem")
    ca.cert_pem.write_to_path(ca_file)
    logins: list[tuple[str, str]] = []

    def login(session: Session) -> bytes:
        logins.append((session.sock.getsockname()[0], session.logins[-1][0]))
        return OK_235

    listener = socket.create_server(("", PORT), backlog=512)
    SMTPServer(server_context(ca, *order["names"]), replies={"AUTH": login}, listener=listener)
    with closing(new_host(folder / "db.sqlite", ca_file, ALLOWED_NETWORKS=[])) as host:
        answers = [
            host.post(fields.pop("csv", order["csv"]), host.create_key(), **fields).json
            for fields in order["calls"]
        ]
        return {
            "answers": answers,
            "stored": {
                each.email: [each.smtp_host, each.smtp_port, each.status]
                for each in host.mailboxes()
            },
            "for_reading": {
                each.email: [each.imap_host, each.imap_username, imap_password(host, each)]
                for each in host.mailboxes()
            },
            "logins": logins,
            "questions": server.questions,
        }


def imap_password(host: Host, mailbox: Any) -> str | None:
    with host.app.app_context():
        return mailbox.imap_password()


def main() -> None:
    order = json.load(sys.stdin)
    with TemporaryDirectory() as name:
        folder = Path(name)
        resolv_conf = "nameserver 127.0.0.1\n"
        network_namespace.enter(folder, resolv_conf=resolv_conf, hosts="127.0.0.1 localhost\n")
        zone = {tuple(key.split()): texts for key, texts in order["zone"].items()}
        with NameServer(zone, port=53) as server:
            json.dump(play(folder, order, server), sys.stdout)


if __name__ == "__main__":
    main()
