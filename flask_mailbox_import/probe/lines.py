"""Lines that a mail server sends, within limits on line, reply and connection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from .faults import HungUp, NotAReply, ReplyTooLong

#: Bytes of one line. Postfix allows 2048 by default (line_length_limit).
MAX_LINE = 4096
#: Bytes of one reply, lines of one reply, bytes of one connection.
MAX_REPLY = 64 * 1024
MAX_REPLY_LINES = 128
MAX_CONNECTION = 256 * 1024
#: Bytes of one read.
CHUNK = 4096


class Lines:
    """The lines of one connection. A server that breaks a limit costs no more memory than that.

    :param receive: waits for bytes of the server, at most so many; b"" where no more will come.
    """

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self._received = 0
        self._reply = 0
        self._count = 0
        #: Bytes that the server may send in all; None: as many as it likes, reply by reply.
        self.most: int | None = MAX_CONNECTION

    @property
    def pending(self) -> bool:
        """Whether the server has sent more than was read."""
        return bool(self._buffer)

    def read_ahead(self) -> None:
        """Take in what the server has sent, before it is asked for.

        :raises ssl.SSLError: it was an alert of TLS.
        """
        with contextlib.suppress(HungUp, NotAReply, ConnectionError):
            self._read_on()

    def start_reply(self) -> None:
        """Begin to count the bytes and lines of a new reply."""
        self._reply = self._count = 0

    def readline(self) -> bytes:
        """Return one line without its CRLF.

        :raises HungUp: the server closed the connection.
        :raises NotAReply: the server closed the connection in the middle of a line.
        :raises ReplyTooLong: the line, the reply or the connection is longer than its limit.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise ReplyTooLong("line")
            self._read_on()
        if end >= MAX_LINE:
            raise ReplyTooLong("line")
        self._count += 1
        if self._count > MAX_REPLY_LINES:
            raise ReplyTooLong("reply")
        return self._taken(end + 1).rstrip(b"\r\n")

    def read(self, size: int) -> bytes:
        """Return so many bytes, as a literal of IMAP has them; see :meth:`readline`."""
        if size > MAX_REPLY:
            raise ReplyTooLong("reply")
        while len(self._buffer) < size:
            self._read_on()
        return self._taken(size)

    def _read_on(self) -> None:
        chunk = self._receive(CHUNK)
        self._received += len(chunk)
        if self.most is not None and self._received > self.most:
            raise ReplyTooLong("connection")
        if not chunk:
            raise NotAReply(bytes(self._buffer)) if self._buffer else HungUp
        self._buffer += chunk

    def _taken(self, size: int) -> bytes:
        self._reply += size
        if self._reply > MAX_REPLY:
            raise ReplyTooLong("reply")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
