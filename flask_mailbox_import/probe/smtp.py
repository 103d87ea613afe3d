"""The dialogue of one SMTP login, from greeting to QUIT (RFC 5321, 3207), and AUTH (RFC 4954)."""

from __future__ import annotations

import smtplib
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

from ..core.mailboxes import Login, Protocol, Security, Stage
from .faults import NoCommonMechanism, NotAReply, ReplyRefused, StartTLSNotOffered
from .lines import Lines
from .sasl import Mechanism, log_in, mechanisms

#: Bytes. A longer AUTH command must not have an initial response (RFC 4954 section 4).
MAX_COMMAND_LINE = 512


class Connection(typing.Protocol):
    """What the dialogue needs of a connection: a :class:`Wire`, or that of a sender."""

    stage: Stage
    lines: Lines

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""

    def upgrade(self) -> None:
        """Make the TLS handshake after STARTTLS."""


class SMTPDialogue(smtplib.SMTP):
    """smtplib's client with limited replies, verified TLS and our own login.

    smtplib's own login takes only ASCII, and tries another mechanism after a refused login.
    """

    def __init__(self, connection: Connection, login: Login, ehlo_name: str) -> None:
        # Without local_hostname, smtplib would look up our name, which blocks the hub.
        super().__init__(local_hostname=ehlo_name)
        self._connection = connection
        self._login = login
        #: The code and the texts of a reply that has not come to its end.
        self._unfinished: tuple[int, list[bytes]] | None = None

    def run(
        self,
        security: Security,
        *,
        allow_plaintext: bool,
        on_tls: Callable[[Security], None] = lambda _: None,
    ) -> Security:
        """Read the greeting, secure the connection and log in once.

        The connection is open and, for ``Security.TLS``, encrypted already.

        :param on_tls: called when TLS is up after STARTTLS.
        :returns: how the connection was encrypted.
        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong, NoCommonMechanism,
            StartTLSNotOffered: why the test failed, at the connection's stage.
        """
        connection = self._connection
        self.read_greeting()
        self._introduce()
        if security is not Security.TLS:
            if self.has_extn("starttls"):
                self._start_tls()
                security = Security.STARTTLS
                on_tls(security)
            elif allow_plaintext:
                security = Security.PLAIN
            else:
                connection.stage = Stage.TLS
                raise StartTLSNotOffered
        connection.stage = Stage.AUTH
        self._authenticate()
        return security

    def read_greeting(self) -> None:
        """Read the greeting.

        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong: it is no 220.
        """
        self._connection.stage = Stage.GREETING
        _expect(220, *self.getreply())

    def say_goodbye(self) -> None:
        """Send QUIT, and do not wait for the reply.

        :raises OSError, HungUp: it could not be sent.
        """
        self.putcmd("QUIT")

    def heard(self) -> ReplyRefused | None:
        """Return the refusal that the server has begun to say, and has not ended."""
        if self._unfinished is None or self._unfinished[0] < 400:
            return None
        code, texts = self._unfinished
        return ReplyRefused(code, b"\n".join(texts))

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply (RFC 5321 section 4.2.1) within the limits of the connection."""
        lines = self._connection.lines
        lines.start_reply()
        texts: list[bytes] = []
        while True:
            line = lines.readline()
            if not line and not texts:
                continue  # an empty line before a reply decides nothing
            code, separator, text = line[:3], line[3:4], line[4:]
            if not (code.isdigit() and len(code) == 3) or separator not in (b" ", b"-", b""):
                raise NotAReply(line)
            texts.append(text.strip(b" \t"))
            self._unfinished = int(code), texts
            if separator != b"-":
                self._unfinished = None
                return int(code), b"\n".join(texts)

    def send(self, s: Any) -> None:
        """Send as smtplib does, but without its audit event, which would show the password."""
        self._connection.send(s.encode(self.command_encoding) if isinstance(s, str) else s)

    def _introduce(self) -> None:
        self._connection.stage = Stage.EHLO
        _expect(250, *self.ehlo())

    def _start_tls(self) -> None:
        self._connection.stage = Stage.TLS
        _expect(220, *self.docmd("STARTTLS"))
        self._connection.upgrade()
        # RFC 3207 section 4.2: forget what the server said in clear; ehlo() asks again.
        self._introduce()

    def _authenticate(self) -> None:
        offered = tuple(dict.fromkeys(self.esmtp_features.get("auth", "").upper().split()))
        known = mechanisms(offered, self._login.username, self._login.password)
        if not known:
            raise NoCommonMechanism(offered)
        log_in(Protocol.SMTP, [partial(self._log_in, each) for each in known])

    def _log_in(self, mechanism: Mechanism) -> None:
        _expect(235, *self._exchange(mechanism))

    def _exchange(self, mechanism: Mechanism) -> tuple[int, bytes]:
        """Run one AUTH command; return the reply that ends it."""
        command = f"AUTH {mechanism.name}"
        response: str | None = None
        if mechanism.has_initial_response:
            response = mechanism.answer(b"")
            if response and len(f"{command} {response}\r\n") <= MAX_COMMAND_LINE:
                command, response = f"{command} {response}", None
        code, text = self.docmd(command)
        while code == 334:
            response = response or mechanism.answer(text)
            if response is None:
                # RFC 4954 section 4: it cancels the exchange. The next command would be an answer.
                self.putcmd("*")
                break
            code, text = self.docmd(response)
            response = None
        return code, text


def _expect(wanted: int, code: int, text: bytes) -> None:
    """Check the code of a reply.

    :raises ReplyRefused: it is not the wanted one.
    """
    if code != wanted:
        raise ReplyRefused(code, text)
