"""A server that follows a script of steps, whatever the client says, and keeps what it received."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .certificates import server_context
from .scripts import IMAP_DIALOGUE, SMTP_DIALOGUE, Script, until_tls
from .server import LONGEST_WAIT, Server, Session

#: Seconds after which a flood ends.
LONGEST_FLOOD = 20


class ScriptedServer(Server):
    r"""Follows one script on every connection, until it is closed. Use it in a ``with``.

    A script is a list of steps, each a list of its name and its arguments::

        ScriptedServer([["send", "220 mail.test\r\n"], ["wait", "EHLO"], ["close"]])

    The steps:

    - ``["send", text]``, ``["send", text, times]``: send a text, once or so many times.
    - ``["drip", text, seconds]``: send a text byte by byte, each after so many seconds.
    - ``["flood", text]``: send a text again and again, for 20 seconds at most.
    - ``["wait", verb]``: read lines until the first or second word of one is this verb, in any
      case. (In IMAP the first word is the tag.)
    - ``["hear"]``: wait for one byte.
    - ``["answer", text]``: from now on, send a text after each line. It is the last step.
    - ``["tls", name]``: start TLS with the context of that name.
    - ``["secured", features]``: speak correct SMTP until TLS is up; then answer EHLO with these
      features.
    - ``["secured_imap", capabilities]``: speak correct IMAP until TLS is up; then answer
      CAPABILITY with these capabilities.
    - ``["close"]``: close the connection.
    - ``["reset"]``: close it with a TCP reset.

    A text is sent as Latin-1, so that ``"\xff"`` is one byte. ``{tag}`` in it stands for the tag
    of the last IMAP command. After the last step the server reads until the client leaves. It
    waits at most 20 seconds for the next byte. A connection lasts at most 120 seconds.

    :param script: the steps.
    :param contexts: the server's side of TLS by the name that a ``tls`` step gives; the two
        ``secured`` steps use ``good``. None: ``good`` is ``server_context()``.
    :param listener: see :class:`Server`.
    :raises ValueError: a step is unknown, has wrong arguments, or names an unknown context.
    :raises ImportError: a step needs ``server_context()``, and trustme is not installed.
    """

    def __init__(
        self,
        script: Script,
        contexts: Mapping[str, ssl.SSLContext] | None = None,
        *,
        listener: socket.socket | None = None,
    ) -> None:
        uses_tls = _check(script, contexts)
        if contexts is None:
            contexts = {"good": server_context()} if uses_tls else {}
        self.script = script
        self.contexts = contexts
        #: Every byte that was received outside of TLS, and inside.
        self.clear = bytearray()
        self.covered = bytearray()
        #: When each connection that has ended began and ended, by ``time.monotonic()``.
        self.spans: list[tuple[float, float]] = []
        # Last, as connections are accepted from there on.
        super().__init__(listener=listener)

    @property
    def seconds(self) -> float:
        """The seconds from the start of the first connection to the end of the last one."""
        if not self.spans:
            return 0.0
        return max(end for _, end in self.spans) - min(begin for begin, _ in self.spans)

    def lines(self) -> list[bytes]:
        """Return every line that a step waited for, over all connections."""
        return [line for session in self.sessions for line in session.lines]

    def _talk(self, session: Session) -> None:
        began = time.monotonic()
        try:
            self._play(session, self.script)
            while True:
                self._receive(session, 4096)
        finally:
            self.spans.append((began, time.monotonic()))

    def _play(self, session: Session, script: Script) -> None:
        for name, *arguments in script:
            _STEPS[str(name)].play(self, session, *arguments)

    def _receive(self, session: Session, size: int) -> bytes:
        data = super()._receive(session, size)
        (self.covered if session.secure else self.clear).extend(data)
        return data

    def _send(self, session: Session, text: str, times: int = 1) -> None:
        session.sock.sendall(_encoded(session, text) * times)

    def _drip(self, session: Session, text: str, seconds: float) -> None:
        for byte in _encoded(session, text):
            if self._stopped.wait(min(seconds, LONGEST_WAIT)) or session.is_over:
                raise EOFError
            session.sock.sendall(bytes([byte]))

    def _flood(self, session: Session, text: str) -> None:
        data = _encoded(session, text)
        # In large pieces: the client must be busier than this thread.
        data *= 1 + 65536 // len(data)
        end = time.monotonic() + LONGEST_FLOOD
        while time.monotonic() < end:
            session.sock.sendall(data)

    def _wait(self, session: Session, verb: str) -> None:
        wanted = verb.upper().encode()
        while wanted not in self._line(session).upper().split(b" ")[:2]:
            pass

    def _hear(self, session: Session) -> None:
        self._receive(session, 1)

    def _answer(self, session: Session, text: str) -> None:
        while True:
            self._line(session)
            self._send(session, text)

    def _tls(self, session: Session, name: str) -> None:
        self._start_tls(session, self.contexts[name])

    def _secured(self, session: Session, features: str) -> None:
        self._play(session, until_tls(SMTP_DIALOGUE))
        self._wait(session, "EHLO")
        self._send(session, f"250-BANNER\r\n250 {features}\r\n")

    def _secured_imap(self, session: Session, capabilities: str) -> None:
        self._play(session, until_tls(IMAP_DIALOGUE))
        self._wait(session, "CAPABILITY")
        self._send(session, f"* CAPABILITY {capabilities}\r\n{{tag}} OK\r\n")

    def _close(self, _session: Session) -> None:
        raise EOFError

    def _reset(self, session: Session) -> None:
        # With a linger time of zero, close() sends a reset.
        linger = struct.pack("ii", 1, 0)
        session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise EOFError


@dataclass(frozen=True)
class _Step:
    #: A method of ScriptedServer, which also gets the session.
    play: Callable[..., None]
    #: The type of each argument.
    types: tuple[type, ...] = ()
    #: How many of the last arguments may be left out.
    optional: int = 0

    def takes(self, arguments: list[object]) -> bool:
        most = len(self.types)
        return most - self.optional <= len(arguments) <= most and all(
            isinstance(each, (int, float) if wanted is float else wanted)
            for each, wanted in zip(arguments, self.types, strict=False)
        )


#: Every step by its name.
_STEPS = {
    "send": _Step(ScriptedServer._send, (str, int), optional=1),
    "drip": _Step(ScriptedServer._drip, (str, float)),
    "flood": _Step(ScriptedServer._flood, (str,)),
    "wait": _Step(ScriptedServer._wait, (str,)),
    "hear": _Step(ScriptedServer._hear),
    "answer": _Step(ScriptedServer._answer, (str,)),
    "tls": _Step(ScriptedServer._tls, (str,)),
    "secured": _Step(ScriptedServer._secured, (str,)),
    "secured_imap": _Step(ScriptedServer._secured_imap, (str,)),
    "close": _Step(ScriptedServer._close),
    "reset": _Step(ScriptedServer._reset),
}


def _check(script: Script, contexts: Mapping[str, ssl.SSLContext] | None) -> bool:
    """Raise ValueError for a step that cannot be played; tell whether a step starts TLS."""
    known = ("good",) if contexts is None else tuple(contexts)
    used = set()
    for number, step in enumerate(script, 1):
        name, *arguments = step or [""]
        fault = _fault_of(str(name), arguments)
        if fault:
            raise ValueError(f"step {number}, {list(step)}: {fault}")
        if name == "tls":
            used.add(arguments[0])
        elif name in ("secured", "secured_imap"):
            used.add("good")
    for unknown in used.difference(known):
        raise ValueError(f"{unknown!r} is not a context; the contexts are {', '.join(known)}")
    return bool(used)


def _fault_of(name: str, arguments: list[object]) -> str:
    """Say what is wrong with a step; nothing where it can be played."""
    step = _STEPS.get(name)
    if step is None:
        return f"{name!r} is not a step; the steps are {', '.join(_STEPS)}"
    if not step.takes(arguments):
        wanted = ", ".join(each.__name__ for each in step.types) or "no argument"
        last = f", of which the last {step.optional} may be left out" if step.optional else ""
        return f"{name!r} takes {wanted}{last}"
    if name == "flood" and not arguments[0]:
        return "an empty text is no flood"
    if any(isinstance(each, str) and not _is_latin_1(each) for each in arguments):
        return "a character of the text is not in Latin-1"
    return ""


def _is_latin_1(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _encoded(session: Session, text: str) -> bytes:
    """Return the bytes of a text, with the tag of the session's last command in it."""
    tag = session.lines[-1].split(b" ")[0] if session.lines else b""
    return text.encode("latin-1").replace(b"{tag}", tag)
