"""One connection to a mail server, in the hub, and its TLS. It knows no mail command."""

from __future__ import annotations

import functools
import math
import ssl
import time

import gevent
from gevent import socket
from gevent.ssl import SSLContext

from ..core.errors import MailboxImportError
from ..core.mailboxes import Stage
from .faults import ClientCertificateWanted, HungUp, NotAReply, Silent
from .guard import Guard
from .lines import CHUNK, MAX_CONNECTION, Lines


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
        #: What the server sends.
        self.lines = Lines(self._receive)
        self._sent = 0.0
        #: Whether the server has sent nothing since we did.
        self._awaits = True
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

    def wait_for_bytes(self, seconds: float | None = None) -> None:
        """Wait until the server has sent something, or has closed the connection.

        :raises Silent: it did neither within ``seconds``.
        """
        socket.wait_read(self._open_socket().fileno(), seconds, Silent())

    def peek(self) -> bytes:
        """Return the first bytes that the server has sent, and leave them; b"": it has hung up.

        Call it once :meth:`wait_for_bytes` has returned.
        """
        try:
            return self._open_socket().recv(4, socket.MSG_PEEK)
        except OSError:
            return b""

    def start_tls(self) -> None:
        """Make the TLS handshake; verify the chain and the name.

        :raises NotAReply: the server sent more bytes in clear before it.
        :raises OSError: it failed; ``ssl.SSLError`` is one.
        """
        self.stage = Stage.TLS
        if self.lines.pending:
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
            secured.do_handshake()
        except ssl.SSLError as fault:
            # Once a cipher is agreed on, this alert of TLS 1.2 (RFC 5246 section 7.4.6) is about
            # the certificate that we did not send.
            wanted = fault.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE" and secured.cipher()
            self.close()
            if wanted:
                raise ClientCertificateWanted from None
            raise
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
        """Send all of ``data``.

        A server that has left may have said why: what it sent is read, if there is anything.

        :raises OSError: the connection broke, and the server had sent nothing.
        """
        self._sent = time.monotonic()
        self._awaits = True
        try:
            self._open_socket().sendall(data)
        except OSError:
            self.lines.read_ahead()
            if not self.lines.pending:
                raise

    def linger(self, seconds: float) -> float | None:
        """Wait until the server has closed the connection too.

        :returns: the seconds since the last command; None where it takes longer than ``seconds``.
        """
        try:
            with gevent.Timeout(seconds, Silent()):
                for _ in range(MAX_CONNECTION // CHUNK):
                    if self._sock is None or not self._sock.recv(CHUNK):
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

    def _receive(self, size: int) -> bytes:
        if self._awaits:
            chunk = self._open_socket().recv(size)
            self.trip = min(self.trip, time.monotonic() - self._sent)
            self._awaits = False
            return chunk
        # A socket with always more to read would keep the hub from everything else.
        gevent.sleep(0)
        return self._open_socket().recv(size)

    def _open_socket(self) -> socket.socket:
        if self._sock is None:
            raise HungUp
        return self._sock
