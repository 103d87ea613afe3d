"""A server that plays a script of steps, whatever the client says; it keeps every byte that it got.

A script is a list of steps, each a list of a name and what it needs; the bytes of a text are those
of Latin-1, and ``{tag}`` in it is the tag of the last IMAP command:

``["send", text]``, ``["send", text, times]``; ``["flood", text]``, without an end;
``["drip", text, seconds]``, a byte each so many seconds; ``["wait", verb]`` for a command;
``["answer", text]`` to every line from now on; ``["hear"]`` any byte; ``["tls", kind]``, where the
kind is a key of ``contexts``; ``["close"]``; ``["reset"]``; ``["secured", features]``, an honest
SMTP dialogue up to what is offered inside of TLS, and ``["secured_imap", capabilities]``.

After the last step, all that comes is read until the client hangs up.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Mapping, Sequence

from example_app.mailserver import MailServer, Session

Script = Sequence[Sequence[object]]

#: Seconds after which a flood ends that nobody stops.
_LONGEST_FLOOD = 20

#: Honest dialogues: each answer by the stage that it ends.
SMTP: dict[str, Script] = {
    "greeting": [["send", "220 BANNER\r\n"]],
    "ehlo": [["wait", "EHLO"], ["send", "250-BANNER\r\n250 STARTTLS\r\n"]],
    "starttls": [["wait", "STARTTLS"], ["send", "220 BANNER\r\n"]],
    "tls": [["tls", "good"]],
    "ehlo in tls": [["wait", "EHLO"], ["send", "250-BANNER\r\n250 AUTH PLAIN\r\n"]],
    "auth": [["wait", "AUTH"], ["send", "235 ok\r\n"]],
}
IMAP: dict[str, Script] = {
    "greeting": [["send", "* OK BANNER\r\n"]],
    "capability": [["wait", "CAPABILITY"], ["send", "* CAPABILITY STARTTLS\r\n{tag} OK\r\n"]],
    "starttls": [["wait", "STARTTLS"], ["send", "{tag} OK BANNER\r\n"]],
    "tls": [["tls", "good"]],
    "capability in tls": [["wait", "CAPABILITY"], ["send", "* CAPABILITY ID\r\n{tag} OK\r\n"]],
    "login": [["wait", "LOGIN"], ["send", "{tag} OK ok\r\n"]],
    "id": [["wait", "ID"], ["send", "* ID NIL\r\n{tag} OK\r\n"]],
    "select": [["wait", "EXAMINE"], ["send", "* 3 EXISTS\r\n{tag} OK\r\n"]],
}


class ScriptedServer(MailServer):
    """Serves until closed, each connection by the same script."""

    def __init__(
        self,
        script: Script,
        contexts: Mapping[str, ssl.SSLContext] | None = None,
        *,
        listener: socket.socket | None = None,
    ) -> None:
        self.script = script
        self.contexts = contexts or {}
        #: All that was heard: outside of TLS, and inside.
        self.clear = bytearray()
        self.covered = bytearray()
        #: When each connection that is over began and ended.
        self.spans: list[tuple[float, float]] = []
        super().__init__(listener=listener)

    @property
    def seconds(self) -> float:
        """The time from the begin of the first connection to the end of the last."""
        if not self.spans:
            return 0.0
        return max(end for _, end in self.spans) - min(begin for begin, _ in self.spans)

    def lines(self) -> list[bytes]:
        """Return every line that a script waited for."""
        return [line for session in self.sessions for line in session.lines]

    def _talk(self, session: Session) -> None:
        began = time.monotonic()
        try:
            self._play(session, self.script)
            while True:
                self._hear(session, 4096)
        finally:
            self.spans.append((began, time.monotonic()))

    def _play(self, session: Session, script: Script) -> None:
        for name, *arguments in script:
            getattr(self, f"do_{name}")(session, *arguments)

    def do_send(self, session: Session, text: str, times: int = 1) -> None:
        session.sock.sendall(self._bytes(session, text) * times)

    def do_flood(self, session: Session, text: str) -> None:
        data = self._bytes(session, text)
        data *= 1 + 65536 // len(data)
        until = time.monotonic() + _LONGEST_FLOOD
        while time.monotonic() < until:
            session.sock.sendall(data)

    def do_drip(self, session: Session, text: str, seconds: float) -> None:
        for byte in self._bytes(session, text):
            if self._stopped.wait(seconds):
                raise EOFError
            session.sock.sendall(bytes([byte]))

    def do_wait(self, session: Session, verb: str) -> None:
        while verb.encode() not in self._line(session).upper().split(b" ")[:2]:
            pass

    def do_answer(self, session: Session, text: str) -> None:
        while True:
            self._line(session)
            self.do_send(session, text)

    def do_hear(self, session: Session) -> None:
        self._hear(session, 1)

    def do_tls(self, session: Session, kind: str) -> None:
        session.sock = self.contexts[kind].wrap_socket(session.sock, server_side=True)
        session.secure = True

    def do_secured(self, session: Session, features: str) -> None:
        for stage in ("greeting", "ehlo", "starttls", "tls"):
            self._play(session, SMTP[stage])
        self.do_wait(session, "EHLO")
        self.do_send(session, f"250-BANNER\r\n250 {features}\r\n")

    def do_secured_imap(self, session: Session, capabilities: str) -> None:
        for stage in ("greeting", "capability", "starttls", "tls"):
            self._play(session, IMAP[stage])
        self.do_wait(session, "CAPABILITY")
        self.do_send(session, f"* CAPABILITY {capabilities}\r\n{{tag}} OK\r\n")

    def do_close(self, _session: Session) -> None:
        raise EOFError

    def do_reset(self, session: Session) -> None:
        linger = struct.pack("ii", 1, 0)
        session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise EOFError

    def _bytes(self, session: Session, text: str) -> bytes:
        tag = session.lines[-1].split(b" ")[0] if session.lines else b""
        return text.encode("latin-1").replace(b"{tag}", tag)

    def _line(self, session: Session) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._hear(session, 1)
        session.lines.append(line[:-2])
        return line[:-2]

    def _hear(self, session: Session, size: int) -> bytes:
        data = session.sock.recv(size)
        if not data:
            raise EOFError
        (self.covered if session.secure else self.clear).extend(data)
        return data


def up_to(dialogue: dict[str, Script], stage: str, *steps: list[object]) -> Script:
    """Return a dialogue that is honest before the answer of a stage, and then goes on otherwise."""
    script: list[Sequence[object]] = []
    for name, answers in dialogue.items():
        if name == stage:
            return [*script, *answers[:-1], *steps]
        script += answers
    raise ValueError(stage)
