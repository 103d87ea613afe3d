"""The base of all servers here: it listens, keeps its sessions, does TLS and counts connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

#: Seconds that one read or write on a connection waits for the client.
LONGEST_WAIT = 20
#: Seconds that a connection lasts at most.
LONGEST_SESSION = 120
#: Bytes of one line; a longer one ends the session.
LONGEST_LINE = 65536

#: Seconds that close() waits for the threads of the server.
_LONGEST_CLOSE = 10
#: Seconds that one accept() lasts; after it the server looks whether it was closed.
_LONGEST_ACCEPT = 1
#: Seconds that a new connection waits for the QUIT of another; see ``settle_at``.
_LONGEST_SETTLE = 0.5


@dataclass(eq=False)
class Session:
    """One connection of a client."""

    #: Its socket; an ``ssl.SSLSocket`` from the start of TLS on.
    sock: socket.socket
    #: Whether TLS is up.
    secure: bool = False
    #: Every line that the client sent, without CRLF.
    lines: list[bytes] = field(default_factory=list)
    #: Every login that the client tried, as user name and password.
    logins: list[tuple[str, str]] = field(default_factory=list)
    #: Whether the client has sent QUIT (SMTP) or LOGOUT (IMAP), or the connection has ended.
    quit_seen: bool = False
    #: When the connection began, by ``time.monotonic()``.
    began: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Whether the connection has lasted as long as it may."""
        return time.monotonic() > self.began + LONGEST_SESSION


class Server:
    """Accepts connections, each in a thread of its own, until it is closed.

    A subclass speaks its protocol in :meth:`_talk`.

    :param settle_at: with this many sessions open, a new session is counted only after another
        one has ended, or after half a second. A client that sends QUIT and connects again at once
        is then not counted twice. None: every connection is counted as it comes.
    :param listener: a listening socket, where a free port of 127.0.0.1 will not do. The server
        closes it.
    """

    #: The name to connect to; it is on the certificate of ``server_context()``.
    host = "localhost"

    def __init__(
        self, *, settle_at: int | None = None, listener: socket.socket | None = None
    ) -> None:
        self.settle_at = settle_at
        #: Every connection that was accepted, in order.
        self.sessions: list[Session] = []
        #: How many sessions are open now, and how many were open at once at most.
        self.open_now = 0
        self.open_most = 0
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._served: list[tuple[threading.Thread, Session]] = []
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.settimeout(_LONGEST_ACCEPT)
        #: The port that the server listens on.
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = self._thread(self._accept)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that an app under test must be allowed to contact."""
        return (self.port,)

    def close(self) -> None:
        """Close every connection and wait until all threads of the server have ended.

        :raises RuntimeError: a thread still runs after 10 seconds. A reply function has not
            returned.
        """
        self._stopped.set()
        # On Linux this wakes accept() at once; elsewhere it may fail, and accept() times out.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + _LONGEST_CLOSE
        # Once this thread has ended, there are no new sessions.
        self._acceptor.join(_LONGEST_CLOSE)
        self._listener.close()
        for _, session in self._served:
            _shut_down(session.sock)
        for thread, _ in self._served:
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread, _ in self._served):
            raise RuntimeError(f"{self._name()} still runs: a reply function has not returned")

    def _talk(self, session: Session) -> None:
        """Speak the protocol on one connection. EOFError or OSError ends it."""
        raise NotImplementedError

    def _line(self, session: Session) -> bytes:
        """Wait for a line of the client, keep it, and return it without CRLF."""
        line = bytearray()
        # One byte at a time: what follows STARTTLS is left for the TLS handshake.
        while not line.endswith(b"\r\n"):
            if len(line) >= LONGEST_LINE:
                raise EOFError
            line += self._receive(session, 1)
        session.lines.append(bytes(line[:-2]))
        return session.lines[-1]

    def _receive(self, session: Session, size: int) -> bytes:
        """Wait for bytes of the client; raise EOFError where no more will come."""
        if session.is_over:
            raise EOFError
        data = session.sock.recv(size)
        if not data:
            raise EOFError
        return data

    def _start_tls(self, session: Session, context: ssl.SSLContext | None) -> None:
        if context is None:
            raise EOFError
        session.sock = context.wrap_socket(
            session.sock, server_side=True, do_handshake_on_connect=False
        )
        # The old socket is closed by now: close() may have missed the new one.
        if self._stopped.is_set():
            raise EOFError
        session.sock.do_handshake()
        session.secure = True

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                # Closed; or a passing fault, such as no free file descriptor.
                self._stopped.wait(0.1)
                continue
            sock.settimeout(LONGEST_WAIT)
            session = Session(sock)
            self.sessions.append(session)
            thread = self._thread(self._serve, session)
            self._served.append((thread, session))
            thread.start()

    def _serve(self, session: Session) -> None:
        self._count_in()
        try:
            self._talk(session)
        except (OSError, EOFError):
            pass  # the client has left, or is to be disconnected
        finally:
            self._count_out(session)
            session.sock.close()

    def _count_in(self) -> None:
        with self._changed:
            limit = self.settle_at
            if limit is not None:
                self._changed.wait_for(lambda: self.open_now < limit, timeout=_LONGEST_SETTLE)
            self.open_now += 1
            self.open_most = max(self.open_most, self.open_now)

    def _count_out(self, session: Session) -> None:
        with self._changed:
            if not session.quit_seen:
                session.quit_seen = True
                self.open_now -= 1
                self._changed.notify_all()

    def _thread(self, target: Callable[..., None], *arguments: Session) -> threading.Thread:
        return threading.Thread(target=target, args=arguments, name=self._name(), daemon=True)

    def _name(self) -> str:
        return f"{type(self).__name__} on port {self.port}"


def _shut_down(sock: socket.socket) -> None:
    """End the reads and writes of another thread on a socket."""
    with contextlib.suppress(OSError):
        # Not SSLSocket.shutdown(): it takes the TLS state away from the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
