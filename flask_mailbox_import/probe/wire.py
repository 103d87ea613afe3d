"""One guarded connection: TLS, lines within limits; knows no mail command."""

from __future__ import annotations

import base64
import functools
import math
import ssl
import time

import gevent
from gevent import socket
from gevent.ssl import SSLContext

from ..core.errors import MailboxImportError
from ..core.mailboxes import Stage
from .faults import HungUp, NotAReply, ReplyTooLong, Silent
from .guard import Guard

#: Postfix allows 2048 bytes a line by default (line_length_limit); nobody needs more than twice it.
MAX_LINE = 4096
#: Bytes and lines of one reply, and bytes of one connection.
MAX_REPLY = 64 * 1024
MAX_REPLY_LINES = 128
MAX_CONNECTION = 256 * 1024

_CHUNK = 4096


@functools.lru_cache(maxsize=8)
def tls_context(ca_file: str | None) -> SSLContext:
    """Return the context that verifies chain and name, TLS 1.2 or newer; one a CA file and process.

    Call it outside the hub: reading the certificates takes some 50 ms. It is gevent's class, since
    the standard library's blocks the hub during each handshake.

    :raises MailboxImportError: no CA certificate could be loaded.
    """
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca_file:
            context.load_verify_locations(cafile=ca_file)
        else:
            context.load_default_certs()
    except (OSError, ssl.SSLError) as fault:
        raise MailboxImportError(f"the CA certificates cannot be read: {fault}") from None
    # Without a free file descriptor the system's certificates load as none, without an error.
    # A directory of certificates (SSL_CERT_DIR) is read as needed and never counted.
    paths = ssl.get_default_verify_paths()
    if not context.cert_store_stats()["x509"] and not (paths.capath and not ca_file):
        raise MailboxImportError(
            "no CA certificate was found: install the system's (Debian: ca-certificates) "
            "or set MAILBOX_IMPORT_CA_FILE"
        )
    return context


class Wire:
    """A connection to one server; :attr:`stage` tells how far the dialogue on it came.

    The caller sets the deadline for all of it, and closes it.
    """

    def __init__(self, guard: Guard, context: SSLContext, host: str, port: int) -> None:
        self.stage = Stage.RESOLVE
        #: Whether the server spoke TLS on it.
        self.secure = False
        self._guard = guard
        self._context = context
        self._host = host
        self._port = port
        self._sock: socket.socket | None = None
        self._buffer = bytearray()
        self._received = 0
        self._reply = 0
        self._lines = 0
        self._chunks = 0
        self._sent = 0.0
        #: Seconds of the quickest answer of the server: a round trip, at most.
        self.trip = math.inf

    def open(self, timeout: float) -> None:
        """Connect within ``timeout`` seconds.

        :raises NoAddress, OSError: see ``Guard.connect``.
        """
        self._guard.resolve(self._host)
        self.stage = Stage.CONNECT
        self._sock = self._guard.connect(self._host, self._port, timeout)
        self._sent = time.monotonic()
        self.stage = Stage.GREETING

    def wait_for_bytes(self, seconds: float) -> None:
        """Return as soon as the server says anything.

        :raises Silent: it does not within ``seconds``.
        """
        socket.wait_read(self._open_socket().fileno(), seconds, Silent())

    def start_tls(self, patience: float | None = None) -> None:
        """Make the TLS handshake and verify chain and name.

        :raises Silent: it took longer than ``patience`` seconds.
        :raises NotAReply: bytes in clear were sent ahead of it.
        :raises OSError: of it ``ssl.SSLError``.
        """
        self.stage = Stage.TLS
        if self._buffer:
            # RFC 3207 section 6: what came in clear before the handshake is not the server's word.
            raise NotAReply(b"")
        sock = self._open_socket()
        # gevent loses, and leaves open, a socket that turns out to be reset while it is wrapped.
        sock.getpeername()
        # Held before the handshake, so that a deadline in the midst of it leaves nothing open.
        self._sock = secured = self._context.wrap_socket(
            sock, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            with gevent.Timeout(patience, Silent()):
                secured.do_handshake()
        except BaseException:
            # It takes no command any more, and QUIT would wait for the rest of the handshake.
            self.close()
            raise
        self.secure = True

    def upgrade(self) -> None:
        """Make the handshake in the midst of a dialogue, after STARTTLS; see :meth:`start_tls`."""
        try:
            self.start_tls()
        except ssl.SSLError as fault:
            if fault.reason != "WRONG_VERSION_NUMBER":
                raise
            # More of the dialogue in clear, which came late.
            raise NotAReply(b"") from None

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._sent = time.monotonic()
        self._open_socket().sendall(data)

    def start_reply(self) -> None:
        """Begin to count anew towards the limits of one reply."""
        self._reply = self._lines = self._chunks = 0

    def readline(self) -> bytes:
        """Return one line without its end.

        :raises HungUp: the server closed the connection.
        :raises NotAReply: it did so in the middle of a line.
        :raises ReplyTooLong: a limit on the line, the reply or the connection was passed.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise ReplyTooLong("line")
            chunk = self._open_socket().recv(_CHUNK)
            if not self._chunks:
                self.trip = min(self.trip, time.monotonic() - self._sent)
            else:
                # An always-ready socket would keep the hub, and its timers, waiting for ever.
                gevent.sleep(0)
            self._chunks += 1
            self._received += len(chunk)
            if self._received > MAX_CONNECTION:
                raise ReplyTooLong("connection")
            if not chunk:
                raise NotAReply(bytes(self._buffer)) if self._buffer else HungUp
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._reply += end + 1
        self._lines += 1
        if end >= MAX_LINE or self._reply > MAX_REPLY or self._lines > MAX_REPLY_LINES:
            raise ReplyTooLong("reply")
        return line.rstrip(b"\r")

    def linger(self, seconds: float) -> float | None:
        """Wait until the server has closed the connection too, ``seconds`` at most.

        :returns: the seconds since the last command, None where it has not closed it in time.
        """
        try:
            with gevent.Timeout(seconds, Silent()):
                for _ in range(MAX_CONNECTION // _CHUNK):
                    if self._sock is None or not self._sock.recv(_CHUNK):
                        break
                    gevent.sleep(0)
                else:
                    return None
        except Silent:
            return None
        except OSError:
            pass
        return time.monotonic() - self._sent

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _open_socket(self) -> socket.socket:
        if self._sock is None:
            raise HungUp
        return self._sock


def as_base64(text: str) -> str:
    """Encode a text as SASL exchanges carry it."""
    return base64.b64encode(text.encode()).decode("ascii")
