"""The dialogue of one SMTP login, from greeting to QUIT (RFC 5321, 3207), and AUTH (RFC 4954)."""

from __future__ import annotations

import base64
import hmac
import smtplib
from typing import Any

from ..core.mailboxes import Login, Security, Stage
from ..core.secret import Secret
from .faults import NoCommonMechanism, NotAReply, ReplyRefused, StartTLSNotOffered
from .wire import Wire, as_base64

#: Bytes. A longer AUTH command must not have an initial response (RFC 4954 section 4).
MAX_COMMAND_LINE = 512


class PasswordSMTP(smtplib.SMTP):
    """smtplib's client with our own login: smtplib's takes only ASCII and tries every mechanism."""

    def authenticate(self, username: str, password: Secret) -> None:
        """Log in once: by PLAIN, else LOGIN, else CRAM-MD5, as EHLO offers them.

        :raises ReplyRefused: the server's answer is not 235.
        :raises NoCommonMechanism: the server offers none of these.
        :raises NotAReply: the server's challenge cannot be read.
        """
        self.expect(235, *self._authenticate(username, password))

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
        response = as_base64(f"\0{username}\0{password.reveal()}")
        if len("AUTH PLAIN \r\n") + len(response) <= MAX_COMMAND_LINE:
            return self.docmd("AUTH", f"PLAIN {response}")
        self.expect(334, *self.docmd("AUTH", "PLAIN"))
        return self.docmd(response)

    def _auth_login(self, username: str, password: Secret) -> tuple[int, bytes]:
        self.expect(334, *self.docmd("AUTH", f"LOGIN {as_base64(username)}"))
        return self.docmd(as_base64(password.reveal()))

    def _auth_cram_md5(self, username: str, password: Secret) -> tuple[int, bytes]:
        code, challenge = self.docmd("AUTH", "CRAM-MD5")
        self.expect(334, code, challenge)
        try:
            nonce = base64.b64decode(challenge, validate=True)
        except ValueError:
            raise NotAReply(challenge) from None
        digest = hmac.new(password.reveal().encode(), nonce, "md5").hexdigest()
        return self.docmd(as_base64(f"{username} {digest}"))

    @staticmethod
    def expect(wanted: int, code: int, text: bytes) -> None:
        """Check the code of a reply.

        :raises ReplyRefused: it is not the wanted one.
        """
        if code != wanted:
            raise ReplyRefused(code, text)


class SMTPDialogue(PasswordSMTP):
    """smtplib's client on a :class:`Wire`: limited replies, verified TLS, one AUTH command."""

    def __init__(self, wire: Wire, login: Login, ehlo_name: str) -> None:
        # Without local_hostname, smtplib would look up our name, which blocks the hub.
        super().__init__(local_hostname=ehlo_name)
        self._wire = wire
        self._login = login

    def run(self, security: Security, *, allow_plaintext: bool) -> Security:
        """Read the greeting, secure the connection and log in once.

        The wire is open and, for ``Security.TLS``, encrypted already.

        :returns: how the connection was encrypted.
        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong, NoCommonMechanism,
            StartTLSNotOffered: why the test failed, at the wire's stage.
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
        """Read the greeting.

        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong: it is no 220.
        """
        self._wire.stage = Stage.GREETING
        self.expect(220, *self.getreply())

    def say_goodbye(self) -> None:
        """Send QUIT, and do not wait for the reply.

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
        """Send as smtplib does, but without its audit event, which would show the password."""
        self._wire.send(s.encode("ascii") if isinstance(s, str) else s)

    def _introduce(self) -> None:
        self._wire.stage = Stage.EHLO
        self.expect(250, *self.ehlo())

    def _start_tls(self) -> None:
        self._wire.stage = Stage.TLS
        self.expect(220, *self.docmd("STARTTLS"))
        self._wire.upgrade()
        # RFC 3207 section 4.2: forget what the server said in clear; ehlo() asks again.
        self._introduce()
