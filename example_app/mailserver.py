"""A scripted SMTP server on port 0, speaking bytes, for the demo and the tests; keeps count."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: The password that the demo's servers accept from everybody.
PASSWORD = "correct horse"  # noqa: S105 (of a demo)
OK_235 = b"235 2.7.0 ok\r\n"
REFUSED_535 = b"535 5.7.8 no\r\n"
CLOSE = b""

Reply = bytes | Callable[["Session"], bytes]


@dataclass
class Session:
    """One connection: what was said on it, and how far it is."""

    sock: socket.socket
    secure: bool = False
    lines: list[bytes] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    quit_seen: bool = False


class MailServer:
    """Serves until closed. ``accounts`` are the logins that get 235; others get 535.

    ``replies`` overrides what is said to a command (``greeting``, ``EHLO``, ``STARTTLS``, ``AUTH``,
    ``QUIT``); an empty reply closes the connection. ``pause`` is waited for before each AUTH reply.
    With ``settle_at`` sessions open, a QUIT that is on its way is read before another is counted.
    ``listener`` is a socket that listens elsewhere than on a free port of 127.0.0.1.
    """

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        *,
        implicit_tls: bool = False,
        accounts: Mapping[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN",
        replies: Mapping[str, Reply] | None = None,
        pause: float = 0,
        settle_at: int | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        self.context = context
        self.implicit_tls = implicit_tls
        self.accounts = accounts
        self.mechanisms = mechanisms
        self.replies = dict(replies or {})
        self.pause = pause
        self.sessions: list[Session] = []
        self.open_now = 0
        self.open_most = 0
        self.settle_at = settle_at
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> MailServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody and wait until all threads have ended."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for session in list(self.sessions):
            with contextlib.suppress(OSError):
                session.sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)

    @property
    def logins(self) -> list[tuple[str, str]]:
        """Every login that was tried, in the order of the connections."""
        return [login for session in self.sessions for login in session.logins]

    def commands(self, verb: bytes) -> list[bytes]:
        """Return every line that began with a command, over all connections."""
        return [
            line for each in self.sessions for line in each.lines if line.upper().startswith(verb)
        ]

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(20)
            session = Session(sock)
            self.sessions.append(session)
            thread = threading.Thread(target=self._serve, args=(session,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, session: Session) -> None:
        with self._changed:
            if self.settle_at is not None:
                limit = self.settle_at
                self._changed.wait_for(lambda: self.open_now < limit, timeout=0.5)
            self.open_now += 1
            self.open_most = max(self.open_most, self.open_now)
        try:
            self._talk(session)
        except (OSError, EOFError):
            pass
        finally:
            self._left(session)
            session.sock.close()

    def _left(self, session: Session) -> None:
        with self._changed:
            if not session.quit_seen:
                session.quit_seen = True
                self.open_now -= 1
                self._changed.notify_all()

    def _talk(self, session: Session) -> None:
        if self.implicit_tls:
            self._secure(session)
        self._say(session, "greeting", b"220 mail.test ESMTP\r\n")
        while True:
            line = self._line(session)
            verb = line.split(b" ")[0].upper().decode("latin-1")
            if verb == "EHLO":
                self._say(session, verb, self._features(session))
            elif verb == "STARTTLS":
                self._say(session, verb, b"220 go ahead\r\n")
                self._secure(session)
            elif verb == "AUTH":
                self._say(session, verb, self._auth(session, line))
            elif verb == "QUIT":
                self._left(session)
                self._say(session, verb, b"221 bye\r\n")
                return
            else:
                self._say(session, verb, b"502 what?\r\n")

    def _features(self, session: Session) -> bytes:
        features = [b"mail.test"]
        if self.context and not session.secure:
            features.append(b"STARTTLS")
        elif self.mechanisms:
            features.append(b"AUTH " + self.mechanisms.encode())
        dashed = b"".join(b"250-" + each + b"\r\n" for each in features[:-1])
        return dashed + b"250 " + features[-1] + b"\r\n"

    def _auth(self, session: Session, line: bytes) -> bytes:
        _, mechanism, *initial = line.split(b" ")
        if mechanism.upper() == b"PLAIN":
            response = initial[0] if initial else self._ask(session, b"")
            _, user, password = base64.b64decode(response).split(b"\0")
        elif mechanism.upper() == b"CRAM-MD5":
            response = self._ask(session, base64.b64encode(b"<1@mail.test>"))
            user, password = base64.b64decode(response).split(b" ")
        else:
            user = base64.b64decode(initial[0] if initial else self._ask(session, b"VXNlcm5hbWU6"))
            password = base64.b64decode(self._ask(session, b"UGFzc3dvcmQ6"))
        known = self._known(session, user.decode(), password.decode())
        return OK_235 if known else REFUSED_535

    def _known(self, session: Session, user: str, password: str) -> bool:
        session.logins.append((user, password))
        self._stopped.wait(self.pause)
        return self.accounts is None or self.accounts.get(user) == password

    def _ask(self, session: Session, challenge: bytes) -> bytes:
        session.sock.sendall(b"334 " + challenge + b"\r\n")
        return self._line(session)

    def _say(self, session: Session, command: str, default: bytes, tag: bytes = b"") -> None:
        reply = self.replies.get(command, default)
        data = reply(session) if callable(reply) else reply
        data = data.replace(b"{tag}", tag)
        if data == CLOSE:
            raise EOFError
        session.sock.sendall(data)

    def _line(self, session: Session) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            byte = session.sock.recv(1)
            if not byte:
                raise EOFError
            line += byte
        session.lines.append(line[:-2])
        return line[:-2]

    def _secure(self, session: Session) -> None:
        if self.context is None:
            raise EOFError
        session.sock = self.context.wrap_socket(session.sock, server_side=True)
        session.secure = True
