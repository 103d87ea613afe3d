"""A script: imports in a network where mail servers answer at every address of the world."""

from __future__ import annotations

import gc
import json
import socket
import ssl
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import network_namespace
import trustme
from host_apps import new_host
from server_certificates import server_context
from socket_watch import WATCH
from stub_dns import StubDNS

from flask_mailbox_import.testing import Session, SMTPServer
from flask_mailbox_import.testing.smtp import OK_235

MAIL_PORT = 587
#: Nothing ever answers here, at whatever address.
SILENT_PORT = 2525

_TEMPORARY = b"454 4.7.0 Temporary authentication failure\r\n"


class World:
    """Plays scenes: one import each, with the answers that the name server gives meanwhile."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._folder = folder
        self._dns = StubDNS(("127.0.0.1", 53))
        self._start = 0.0
        self._logins: list[tuple[str, str, float]] = []
        self._tls_names: list[str] = []
        ca = trustme.CA()
        self._ca_file = str(folder / "ca.pem")
        ca.cert_pem.write_to_path(self._ca_file)
        context = server_context(ca, *names)
        context.sni_callback = self._keep_tls_name
        SMTPServer(context, replies={"AUTH": self._login}, listener=_listen(MAIL_PORT, 512))
        # The kernel answers nobody as long as one waits to be accepted.
        self._silent = _listen(SILENT_PORT, 0)
        self._waits = socket.create_connection(("127.0.0.1", SILENT_PORT))

    def play(self, scene: dict[str, Any]) -> dict[str, Any]:
        """Import the scene's file; return what came of it, and what was seen of it outside."""
        settings = {"ALLOWED_NETWORKS": [], "DNS_TIMEOUT": 2, "RETRIES": 1, **scene["settings"]}
        database = self._folder / f"{scene['id']}.sqlite"
        with closing(new_host(database, self._ca_file, **settings)) as host:
            key = host.create_key()
            self._logins, self._tls_names = [], []
            self._dns.begin(scene["dns"], scene["latency"])
            self._start = time.monotonic()
            WATCH.begin()
            answer = host.post(scene["csv"], key)
            WATCH.on = False
            seconds = time.monotonic() - self._start
            assert answer.status_code == 200, answer.text
            return {
                "errors": answer.json["data"]["errors"],
                "stored": {each.email: each.smtp_host for each in host.mailboxes()},
                "questions": self._dns.questions(),
                "native": [str(each) for each in WATCH.look_ups if each[0] != "socket.sendto"],
                "connects": WATCH.connects,
                "logins": self._logins,
                "tls_names": self._tls_names,
                "seconds": seconds,
            }

    def _keep_tls_name(self, _: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        self._tls_names.append(name or "")

    def _login(self, session: Session) -> bytes:
        """Let everybody in; who is called ``again...`` at the second try only."""
        user, _ = session.logins[-1]
        address = session.sock.getsockname()[0].removeprefix("::ffff:")
        tries = sum(user == each for _, each, _ in self._logins)
        self._logins.append((address, user, time.monotonic() - self._start))
        return _TEMPORARY if user.startswith("again") and not tries else OK_235


def _listen(port: int, backlog: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog
        )
    return socket.create_server(("", port), backlog=backlog)


def main() -> None:
    gc.disable()  # its pauses would be measured
    order = json.load(sys.stdin)
    with TemporaryDirectory() as name:
        folder = Path(name)
        network_namespace.enter(folder, resolv_conf=order["resolv_conf"], hosts=order["hosts"])
        world = World(folder, order["names"])
        json.dump({scene["id"]: world.play(scene) for scene in order["scenes"]}, sys.stdout)


if __name__ == "__main__":
    main()
