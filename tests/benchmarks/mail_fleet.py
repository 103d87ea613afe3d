"""SMTP servers to measure clients against, in a process of their own; measures nothing itself.

Run as a script it takes an order (a line of JSON) from standard input, answers with the ports, and
from then on each further line with what its servers saw since the last; it ends with its input.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import gevent
from gevent import socket
from gevent.fileobject import FileObjectThread
from gevent.server import StreamServer
from gevent.ssl import SSLContext

#: A login with it is refused.
WRONG = "wrong"


@dataclass(frozen=True)
class Kind:
    """How the servers of a fleet behave: seconds, and what is said when."""

    #: Before each reply, and before the answer to a TLS handshake: a round trip.
    latency: float = 0.0
    #: TLS from the first byte; else by STARTTLS.
    implicit_tls: bool = False
    #: Takes connections and never says a word.
    silent: bool = False
    #: Nobody listens there.
    closed: bool = False
    #: Connections at once; one more is refused with 421. 0: any number.
    most: int = 0
    #: What is offered for AUTH; smtplib takes CRAM-MD5 first, then PLAIN, then LOGIN.
    mechanisms: str = "PLAIN LOGIN"


@dataclass
class Seen:
    """What the servers of a fleet saw."""

    connections: int = 0
    #: Open at once at most, those that have sent QUIT and are not closed yet included.
    open_most: int = 0
    #: Replies and TLS handshakes until the verdict on the login, it included.
    replies: int = 0
    auths: int = 0
    cpu_seconds: float = 0.0


class _Server:
    """One server; all of a fleet share what they saw."""

    def __init__(self, kind: Kind, context: SSLContext, seen: Seen, open_now: set[object]) -> None:
        self._kind = kind
        self._context = context
        self._seen = seen
        self._open_now = open_now
        self._mine = 0
        if kind.closed:
            self._server = socket.socket()
            self._server.bind(("127.0.0.1", 0))
            self.port: int = self._server.getsockname()[1]
            return
        # A burst of twenty must not wait for the backlog.
        self._server = StreamServer(("127.0.0.1", 0), self._serve, backlog=512)
        self._server.start()
        self.port = self._server.server_port

    def _serve(self, sock: socket.socket, _address: object) -> None:
        seen, session = self._seen, _Session(self._kind, self._context, self._seen, sock)
        self._open_now.add(session)
        self._mine += 1
        seen.connections += 1
        seen.open_most = max(seen.open_most, len(self._open_now))
        is_too_much = 0 < self._kind.most < self._mine
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session.run(is_too_much=is_too_much)
        except (OSError, EOFError):
            pass
        finally:
            self._open_now.discard(session)
            self._mine -= 1


class _Session:
    """One connection, from the greeting to QUIT."""

    def __init__(self, kind: Kind, context: SSLContext, seen: Seen, sock: socket.socket) -> None:
        self._kind = kind
        self._context = context
        self._seen = seen
        self._sock = sock
        self._is_secure = False

    def run(self, *, is_too_much: bool) -> None:
        if self._kind.silent:
            while self._sock.recv(4096):
                pass
            return
        if self._kind.implicit_tls:
            self._handshake()
        if is_too_much:
            self._say("421 4.7.0 Too many connections")
            return
        self._say("220 ready")
        while (command := self._read().split())[0] != "QUIT":
            match command[0]:
                case "EHLO" | "ehlo":
                    offer = f"AUTH {self._kind.mechanisms}" if self._is_secure else "STARTTLS"
                    self._say(f"250-fleet\r\n250-8BITMIME\r\n250 {offer}")
                case "STARTTLS":
                    self._say("220 go ahead")
                    self._handshake()
                case "AUTH":
                    self._log_in(*command[1:])
        # The verdict is known: what is said from here on is not counted.
        gevent.sleep(self._kind.latency)
        self._sock.sendall(b"221 bye\r\n")
        self._sock.close()

    def _log_in(self, mechanism: str, response: str = "") -> None:
        self._seen.auths += 1
        if mechanism == "LOGIN" and not response:
            self._say("334 VXNlcm5hbWU6")
            self._read()
        if mechanism != "PLAIN":
            self._say("334 UGFzc3dvcmQ6")
            response = self._read()
        is_wrong = base64.b64decode(response).endswith(WRONG.encode())
        self._say("535 5.7.8 refused" if is_wrong else "235 2.7.0 welcome")

    def _read(self) -> str:
        # Nobody pipelines: one command, one packet.
        line = self._sock.recv(4096)
        if not line:
            raise EOFError
        return line.decode().strip()

    def _say(self, reply: str) -> None:
        gevent.sleep(self._kind.latency)
        self._seen.replies += 1
        self._sock.sendall(f"{reply}\r\n".encode())

    def _handshake(self) -> None:
        socket.wait_read(self._sock.fileno())
        gevent.sleep(self._kind.latency)
        self._seen.replies += 1
        self._sock = self._context.wrap_socket(self._sock, server_side=True)
        self._is_secure = True


def main() -> None:
    order = json.loads(sys.stdin.readline())
    os.sched_setaffinity(0, order["cpus"])
    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(order["certificate"])
    seen, open_now = Seen(), set[object]()
    servers = [_Server(Kind(**each), context, seen, open_now) for each in order["servers"]]
    gc.freeze()
    print(json.dumps([each.port for each in servers]), flush=True)
    before = 0.0
    for _ in FileObjectThread(sys.stdin, "r"):
        now = sum(os.times()[:2])
        print(json.dumps(asdict(replace(seen, cpu_seconds=now - before))), flush=True)
        before = now
        # What is still open began before.
        seen.connections = seen.open_most = seen.replies = seen.auths = 0


class Fleet:
    """A fleet in a process of its own, as a context manager."""

    def __init__(self, kinds: Sequence[Kind], certificate: Path, cpus: Sequence[int]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        servers = [asdict(each) for each in kinds]
        order = {"servers": servers, "certificate": str(certificate), "cpus": list(cpus)}
        self.ports: list[int] = self._ask(json.dumps(order))

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pipe(self._process.stdin).close()
        self._process.kill()
        self._process.wait()
        self._pipe(self._process.stdout).close()

    def seen(self) -> Seen:
        """Return what the servers saw since this was asked last."""
        return Seen(**self._ask(""))

    def _ask(self, line: str) -> Any:
        stdin = self._pipe(self._process.stdin)
        stdin.write(line + "\n")
        stdin.flush()
        return json.loads(self._pipe(self._process.stdout).readline())

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


if __name__ == "__main__":
    main()
