"""One SMTP login, from the connection to QUIT, in the order of RFC 5321, 3207 and 4954."""

from __future__ import annotations

import base64
import hmac
import smtplib
import ssl
from contextlib import suppress
from typing import Any

from gevent import socket
from gevent.ssl import SSLContext, SSLSocket

from ..records import Login, Secret, Security, Stage
from .guard import Guard
from .sockets import LineReader, ReplyTooLong

#: RFC 4954 section 4: a longer AUTH line must not carry its initial response.
MAX_COMMAND_LINE = 512
#: More lines than this are no reply of a mail server.
MAX_REPLY_LINES = 128


class ReplyRefused(Exception):  # noqa: N818 (the fault is the name)
    """The server answered, and the answer is not what goes on."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


class NotSMTP(Exception):  # noqa: N818 (the fault is the name)
    """What came is no SMTP reply; ``line`` is what did."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line


class HungUp(Exception):  # noqa: N818 (the fault is the name)
    """The server closed the connection without a word."""


class NoCommonMechanism(Exception):  # noqa: N818 (the fault is the name)
    """The server offers no way to log in with a password; ``offered`` is what it does offer."""

    def __init__(self, offered: tuple[str, ...]) -> None:
        super().__init__()
        self.offered = offered


class StartTLSNotOffered(Exception):  # noqa: N818 (the fault is the name)
    """The server does not encrypt this connection."""


class SMTPSession(smtplib.SMTP):
    """smtplib's client on a guarded gevent socket: bounded replies, verified TLS, one AUTH command.

    :attr:`stage` tells how far it came. The caller sets the deadline and closes the session.
    """

    def __init__(self, login: Login, guard: Guard, context: SSLContext, ehlo_name: str) -> None:
        # A local_hostname keeps smtplib from a look-up that would block the hub.
        super().__init__(local_hostname=ehlo_name)
        self.stage = Stage.RESOLVE
        self._login = login
        self._guard = guard
        self._context = context
        self._reader = LineReader()

    def run(self, connect_timeout: float, *, allow_plaintext: bool) -> Security:
        """Connect, greet, secure and log in once; return the security that was used.

        :raises NoAddress, OSError, ssl.SSLError, ReplyRefused, NotSMTP, HungUp, ReplyTooLong,
            NoCommonMechanism, StartTLSNotOffered: at :attr:`stage`, and why.
        """
        login = self._login
        self.timeout = connect_timeout
        self._expect(220, *self.connect(login.host, login.port))
        self.stage = Stage.EHLO
        self._expect(250, *self.ehlo())
        security = login.security
        if security is Security.STARTTLS:
            if self.has_extn("starttls"):
                self._start_tls()
            elif allow_plaintext:
                security = Security.PLAIN
            else:
                self.stage = Stage.TLS
                raise StartTLSNotOffered
        self.stage = Stage.AUTH
        self._expect(235, *self._authenticate(login.username, login.password))
        return security

    def say_goodbye(self) -> None:
        """Send QUIT and wait for nothing: the verdict is known, whatever becomes of it."""
        with suppress(OSError, HungUp):
            self.putcmd("QUIT")

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._guard.resolve(host)
        self.stage = Stage.CONNECT
        sock = self._guard.connect(host, port, timeout)
        if self._login.security is Security.TLS:
            sock = self._secure(sock)
        self.stage = Stage.GREETING
        return sock

    def _secure(self, sock: socket.socket) -> SSLSocket:
        self.stage = Stage.TLS
        # Held before the handshake, so that a deadline in the midst of it leaves nothing open.
        self.sock = secured = self._context.wrap_socket(
            sock, server_hostname=self._login.host, do_handshake_on_connect=False
        )
        secured.do_handshake()
        return secured

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply (RFC 5321 section 4.2.1) within the limits of the reader."""
        self._reader.start_reply()
        texts: list[bytes] = []
        while True:
            line = self._reader.readline(self.sock)  # type: ignore[arg-type]
            if not line.endswith(b"\n"):
                raise NotSMTP(line) if line else HungUp
            code, separator, text = line[:3], line[3:4], line[4:]
            if not code.isdigit() or separator not in (b" ", b"-", b"\r", b"\n"):
                raise NotSMTP(line)
            texts.append(text.strip(b" \t\r\n"))
            if len(texts) > MAX_REPLY_LINES:
                raise ReplyTooLong("lines")
            if separator != b"-":
                return int(code), b"\n".join(texts)

    def send(self, s: Any) -> None:
        """Send as smtplib does, but raise no audit event: it would carry the password."""
        if self.sock is None:
            raise HungUp
        self.sock.sendall(s.encode("ascii") if isinstance(s, str) else s)

    def _start_tls(self) -> None:
        self.stage = Stage.TLS
        self._expect(220, *self.docmd("STARTTLS"))
        if self._reader.pending:
            # RFC 3207 section 6: what came in clear before the handshake is not the server's word.
            raise NotSMTP(b"")
        try:
            self._secure(self.sock)  # type: ignore[arg-type]  # typeshed: a stdlib socket
        except ssl.SSLError as fault:
            if fault.reason != "WRONG_VERSION_NUMBER":
                raise
            # More of the dialogue in clear, which came late.
            raise NotSMTP(b"") from None
        # RFC 3207 section 4.2: what was learnt in clear is forgotten; ehlo() begins anew.
        self.stage = Stage.EHLO
        self._expect(250, *self.ehlo())

    def _authenticate(self, username: str, password: Secret) -> tuple[int, bytes]:
        offered = tuple(dict.fromkeys(self.esmtp_features.get("auth", "").upper().split()))
        if "PLAIN" in offered:
            return self._auth_plain(username, password)
        if "LOGIN" in offered:
            return self._auth_login(username, password)
        if "CRAM-MD5" in offered:
            return self._auth_cram_md5(username, password)
        raise NoCommonMechanism(offered)

    def _auth_plain(self, username: str, password: Secret) -> tuple[int, bytes]:
        response = _base64(f"\0{username}\0{password.reveal()}")
        if len("AUTH PLAIN \r\n") + len(response) <= MAX_COMMAND_LINE:
            return self.docmd("AUTH", f"PLAIN {response}")
        self._expect(334, *self.docmd("AUTH", "PLAIN"))
        return self.docmd(response)

    def _auth_login(self, username: str, password: Secret) -> tuple[int, bytes]:
        self._expect(334, *self.docmd("AUTH", f"LOGIN {_base64(username)}"))
        return self.docmd(_base64(password.reveal()))

    def _auth_cram_md5(self, username: str, password: Secret) -> tuple[int, bytes]:
        code, challenge = self.docmd("AUTH", "CRAM-MD5")
        self._expect(334, code, challenge)
        try:
            nonce = base64.b64decode(challenge, validate=True)
        except ValueError:
            raise NotSMTP(challenge) from None
        digest = hmac.new(password.reveal().encode(), nonce, "md5").hexdigest()
        return self.docmd(_base64(f"{username} {digest}"))

    @staticmethod
    def _expect(wanted: int, code: int, text: bytes) -> None:
        if code != wanted:
            raise ReplyRefused(code, text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
