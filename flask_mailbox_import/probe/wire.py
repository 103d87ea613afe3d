"""One connection to a mail server: TLS, and lines within limits. It knows no mail command."""

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

#: Bytes of one line. Postfix allows 2048 by default (line_length_limit).
MAX_LINE = 4096
#: Bytes of one reply, lines of one reply, bytes of one connection.
MAX_REPLY = 64 * 1024
MAX_REPLY_LINES = 128
MAX_CONNECTION = 256 * 1024

_CHUNK = 4096


@functools.lru_cache(maxsize=8)
def tls_context(ca_file: str | None) -> SSLContext:
    """Return the context for TLS 1.2 or newer that verifies the chain and the name; it is cached.

    Call it outside of the hub: reading the certificates takes 50 ms. The context is of gevent's
    class, because a handshake with the standard library's class blocks the hub.

    :param ca_file: the path of the CA certificates; None: the system's.
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
    # Without a free file descriptor OpenSSL loads no system certificate, and raises nothing. A
    # folder of certificates (SSL_CERT_DIR) is read only when needed, and does not count.
    paths = ssl.get_default_verify_paths()
    if not context.cert_store_stats()["x509"] and not (paths.capath and not ca_file):
        raise MailboxImportError(
            "no CA certificate was found: install the system's (Debian: ca-certificates) "
            "or set MAILBOX_IMPORT_CA_FILE"
        )
    return context


class Wire:
    """A connection to one server; :attr:`stage` tells how far the dialogue has come.

    The caller sets a deadline and closes the connection.
    """

    def __init__(self, guard: Guard, context: SSLContext, host: str, port: int) -> None:
        self.stage = Stage.RESOLVE
        #: Whether a TLS handshake has succeeded.
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
        #: Seconds of the server's quickest reply: a round trip takes at most as long.
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
        """Wait until the server has sent something.

        :raises Silent: it sends nothing within ``seconds``.
        """
        socket.wait_read(self._open_socket().fileno(), seconds, Silent())

    def start_tls(self, patience: float | None = None) -> None:
        """Make the TLS handshake; verify the chain and the name.

        :raises Silent: it takes longer than ``patience`` seconds.
        :raises NotAReply: the server sent more bytes in clear before it.
        :raises OSError: it failed; ``ssl.SSLError`` is one.
        """
        self.stage = Stage.TLS
        if self._buffer:
            # RFC 3207 section 6: an attacker may inject cleartext before the handshake.
            raise NotAReply(b"")
        sock = self._open_socket()
        # gevent would leave a socket open that turns out to be reset while it is wrapped.
        sock.getpeername()
        # Kept before the handshake, so that a deadline during it leaves no socket open.
        self._sock = secured = self._context.wrap_socket(
            sock, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            with gevent.Timeout(patience, Silent()):
                secured.do_handshake()
        except BaseException:
            # No command can be sent any more; QUIT would wait for the rest of the handshake.
            self.close()
            raise
        self.secure = True

    def upgrade(self) -> None:
        """Make the TLS handshake after STARTTLS; see :meth:`start_tls`."""
        try:
            self.start_tls()
        except ssl.SSLError as fault:
            if fault.reason != "WRONG_VERSION_NUMBER":
                raise
            # The server has sent another line in clear in place of the handshake.
            raise NotAReply(b"") from None

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._sent = time.monotonic()
        self._open_socket().sendall(data)

    def start_reply(self) -> None:
        """Begin to count the bytes and lines of a new reply."""
        self._reply = self._lines = self._chunks = 0

    def readline(self) -> bytes:
        """Return one line without its CRLF.

        :raises HungUp: the server closed the connection.
        :raises NotAReply: the server closed the connection in the middle of a line.
        :raises ReplyTooLong: the line, the reply or the connection is longer than its limit.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise ReplyTooLong("line")
            chunk = self._open_socket().recv(_CHUNK)
            if not self._chunks:
                self.trip = min(self.trip, time.monotonic() - self._sent)
            else:
                # A socket with always more to read would keep the hub from everything else.
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
        """Wait until the server has closed the connection too.

        :returns: the seconds since the last command; None where it takes longer than ``seconds``.
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
    """Encode a text in base64, as in SASL exchanges."""
    return base64.b64encode(text.encode()).decode("ascii")
