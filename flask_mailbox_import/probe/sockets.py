"""Cooperative TLS and bounded reading for the standard library's mail clients; no mail command."""

from __future__ import annotations

import functools
import ssl

import gevent
from gevent import socket
from gevent.ssl import SSLContext

from ..errors import MailboxImportError

#: Postfix allows 2048 bytes a line by default (line_length_limit); nobody needs more than twice it.
MAX_LINE = 4096
MAX_REPLY = 64 * 1024
MAX_SESSION = 256 * 1024

_CHUNK = 4096


class ReplyTooLong(Exception):  # noqa: N818 (the fault is the name)
    """The server sent more than any mail server does."""


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


class LineReader:
    """Reads lines from a socket within limits on line, reply and session, and yields to the hub."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._session = 0
        self._reply = 0

    @property
    def pending(self) -> bool:
        """Whether bytes were received that nobody asked for yet."""
        return bool(self._buffer)

    def start_reply(self) -> None:
        """Begin to count anew towards the limit of one reply."""
        self._reply = 0

    def readline(self, sock: socket.socket) -> bytes:
        """Return one line with its end, or what there is when the server hangs up (b"" if nothing).

        :raises ReplyTooLong: a limit was passed.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise ReplyTooLong("line")
            chunk = sock.recv(_CHUNK)
            # An always-ready socket would keep the hub, and its timers, waiting for ever.
            gevent.sleep(0)
            self._session += len(chunk)
            if self._session > MAX_SESSION:
                raise ReplyTooLong("session")
            if not chunk:
                end = len(self._buffer) - 1
                break
            self._buffer += chunk
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._reply += len(line)
        if len(line) > MAX_LINE or self._reply > MAX_REPLY:
            raise ReplyTooLong("reply")
        return line
