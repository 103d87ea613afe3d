"""One SMTP login, from the greeting to QUIT, in the order of RFC 5321, 3207 and 4954."""

from __future__ import annotations

from typing import Any

from ..records import Login, Security, Stage
from .faults import NotAReply, StartTLSNotOffered
from .smtp_auth import PasswordSMTP
from .sockets import Wire


class SMTPSession(PasswordSMTP):
    """smtplib's client on a :class:`Wire`: bounded replies, verified TLS, one AUTH command."""

    def __init__(self, wire: Wire, login: Login, ehlo_name: str) -> None:
        # A local_hostname keeps smtplib from a look-up that would block the hub.
        super().__init__(local_hostname=ehlo_name)
        self._wire = wire
        self._login = login

    def run(self, security: Security, *, allow_plaintext: bool) -> Security:
        """Read the greeting, secure the connection and log in once; return what secured it.

        The wire is open and, for ``Security.TLS``, encrypted already.

        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong, NoCommonMechanism,
            StartTLSNotOffered: at the wire's stage, and why.
        """
        wire = self._wire
        self.read_greeting()
        self._introduce()
        if security is Security.STARTTLS:
            if self.has_extn("starttls"):
                self._start_tls()
            elif allow_plaintext:
                security = Security.PLAIN
            else:
                wire.stage = Stage.TLS
                raise StartTLSNotOffered
        wire.stage = Stage.AUTH
        self.authenticate(self._login.username, self._login.password)
        return security

    def read_greeting(self) -> None:
        """Read what the server says first.

        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong: it is no welcome.
        """
        self._wire.stage = Stage.GREETING
        self.expect(220, *self.getreply())

    def say_goodbye(self) -> None:
        """Send QUIT and wait for nothing: the verdict is known, whatever becomes of it.

        :raises OSError, HungUp: it could not be sent.
        """
        self.putcmd("QUIT")

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply (RFC 5321 section 4.2.1) within the limits of the wire."""
        self._wire.start_reply()
        texts: list[bytes] = []
        while True:
            line = self._wire.readline()
            code, separator, text = line[:3], line[3:4], line[4:]
            if not (code.isdigit() and len(code) == 3) or separator not in (b" ", b"-", b""):
                raise NotAReply(line)
            texts.append(text.strip(b" \t"))
            if separator != b"-":
                return int(code), b"\n".join(texts)

    def send(self, s: Any) -> None:
        """Send as smtplib does, but raise no audit event: it would carry the password."""
        self._wire.send(s.encode("ascii") if isinstance(s, str) else s)

    def _introduce(self) -> None:
        self._wire.stage = Stage.EHLO
        self.expect(250, *self.ehlo())

    def _start_tls(self) -> None:
        self._wire.stage = Stage.TLS
        self.expect(220, *self.docmd("STARTTLS"))
        self._wire.upgrade()
        # RFC 3207 section 4.2: what was learnt in clear is forgotten; ehlo() begins anew.
        self._introduce()
