"""The dialogue of one IMAP login, from greeting to LOGOUT (RFC 3501), by a client of our own.

imaplib is not used: it lets a username inject commands, accepts literals of any size, and does not
limit the number of lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from ..core.mailboxes import Login, Protocol, Security, Stage
from .diagnosis import is_harmless, refuses_mechanism
from .faults import (
    LoginNotEncodable,
    NoCommonMechanism,
    NotAReply,
    ReplyRefused,
    StartTLSNotOffered,
)
from .sasl import Mechanism, log_in, mechanisms
from .wire import Wire

# A literal of the server (RFC 3501 section 4.3): so many bytes follow the line.
_LITERAL = re.compile(rb"\{(\d{1,20})\+?\}$")
_CAPABILITIES = re.compile(rb"(?:\* |\[)CAPABILITY ([^\]]*)", re.IGNORECASE)
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?= |$)", re.IGNORECASE)
# A reply that comes late, to a command before.
_STALE = re.compile(rb"A\d{1,9} (OK|NO|BAD)\b", re.IGNORECASE)
# Untagged responses that may tell why a command failed.
_TELLING = re.compile(rb"\* (NO|BAD|BYE)\b|\* OK \[ALERT\]", re.IGNORECASE)
# RFC 3501 section 9: the characters of a quoted string that need no backslash.
_QUOTABLE = re.compile(r"[\x20-\x7e]*", re.ASCII)

#: RFC 2971. Some providers open no mailbox until the client has sent its name.
_ID = b'ID ("name" "flask_mailbox_import")'

#: Returns what to send when the server says to go on; None where there is nothing more.
_Answer = Callable[[bytes], "bytes | None"]


class IMAPDialogue:
    """A minimal client on a :class:`Wire`: one login, INBOX opened read-only, nothing fetched."""

    def __init__(self, wire: Wire, login: Login) -> None:
        self._wire = wire
        self._login = login
        self._tag = 0
        self._capabilities: frozenset[str] = frozenset()
        #: Whether the server has said that it ends the connection.
        self._said_bye = False
        #: What it has said beside its replies.
        self._aside: list[bytes] = []
        self._stray: NotAReply | None = None

    def run(
        self,
        security: Security,
        *,
        allow_plaintext: bool,
        on_tls: Callable[[Security], None] = lambda _: None,
    ) -> Security:
        """Read the greeting, secure the connection, log in once and open INBOX.

        The wire is open and, for ``Security.TLS``, encrypted already.

        :param on_tls: called when TLS is up after STARTTLS.
        :returns: how the connection was encrypted.
        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong, NoCommonMechanism,
            StartTLSNotOffered, LoginNotEncodable: why the test failed, at the wire's stage.
        """
        wire = self._wire
        self.read_greeting()
        wire.stage = Stage.EHLO
        told = self._ask_capabilities()
        if security is Security.STARTTLS:
            if "STARTTLS" in self._capabilities or not told:
                self._start_tls()
                on_tls(security)
            elif allow_plaintext:
                security = Security.PLAIN
            else:
                wire.stage = Stage.TLS
                raise StartTLSNotOffered
        wire.stage = Stage.AUTH
        log_in(Protocol.IMAP, self._ways())
        wire.stage = Stage.SELECT
        self._open_inbox()
        return security

    def say_goodbye(self) -> None:
        """Send LOGOUT, and do not wait for the reply.

        :raises OSError, HungUp: it could not be sent.
        """
        self._send(b"LOGOUT")

    def heard(self) -> ReplyRefused | NotAReply | None:
        """Return what the server has said beside its replies; None where it was nothing."""
        if self._aside:
            return ReplyRefused(None, b"\n".join(self._aside))
        return self._stray

    def read_greeting(self) -> None:
        """Read the greeting.

        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong: it is no ``OK``.
        """
        self._wire.stage = Stage.GREETING
        self._wire.lines.start_reply()
        line = self._line()
        while not line:
            line = self._line()
        status = _STATUS.match(line, 2) if line.startswith(b"* ") else None
        if status is None:
            raise NotAReply(line)
        if status[1].upper() == b"BYE":
            raise ReplyRefused(None, line[2:])
        if status[1].upper() != b"OK":
            # PREAUTH: the connection is logged in before TLS, so not as this user.
            raise NotAReply(b"")

    def _ask_capabilities(self) -> bool:
        """Ask for the capabilities; return whether the server told them."""
        self._capabilities = frozenset()
        try:
            self._command(b"CAPABILITY")
        except ReplyRefused as refused:
            if not refused.text.upper().startswith(b"BAD"):
                raise
            return False
        return True

    def _start_tls(self) -> None:
        self._wire.stage = Stage.TLS
        self._command(b"STARTTLS")
        self._wire.upgrade()
        # RFC 3501 section 6.2.1: forget the capabilities that were sent in clear.
        self._wire.stage = Stage.EHLO
        self._ask_capabilities()

    def _ways(self) -> list[Callable[[], None]]:
        """Return the ways to log in: by PLAIN, by LOGIN, by CRAM-MD5, as the server has them."""
        login = self._login
        offered = sorted(each[5:] for each in self._capabilities if each.startswith("AUTH="))
        known = mechanisms(offered, login.username, login.password)
        ways = [partial(self._exchange, each) for each in known]
        if "LOGINDISABLED" not in self._capabilities:
            # After PLAIN, if that is offered.
            place = 1 if "PLAIN" in offered else 0
            return [*ways[:place], self._log_in, *ways[place:]]
        if not ways:
            raise NoCommonMechanism(tuple(offered))
        return [*ways]

    def _exchange(self, mechanism: Mechanism) -> None:
        """Log in by AUTHENTICATE; an initial response needs SASL-IR (RFC 4959)."""
        command = b"AUTHENTICATE " + mechanism.name.encode()
        if mechanism.has_initial_response and "SASL-IR" in self._capabilities:
            command += b" " + (mechanism.answer(b"") or "").encode()

        def answer(challenge: bytes) -> bytes:
            # RFC 3501 section 6.2.2: an asterisk cancels the exchange.
            return (mechanism.answer(challenge) or "*").encode()

        self._command(command, answer)

    def _log_in(self) -> None:
        """Log in by LOGIN (RFC 3501 section 6.2.3); what is not ASCII goes as a literal."""
        command, *literals = _astrings(
            b"LOGIN ", self._login.username, self._login.password.reveal()
        )
        unsent = literals.copy()
        try:
            self._command(command, lambda _: unsent.pop(0) if unsent else None)
        except ReplyRefused as refused:
            if literals and refuses_mechanism(Protocol.IMAP, refused):
                raise LoginNotEncodable from None
            raise

    def _open_inbox(self) -> None:
        """Open INBOX read-only: some servers accept every login and refuse only here."""
        if "ID" not in self._capabilities:
            # Many servers list ID, or all capabilities, only after the login.
            self._try(b"CAPABILITY")
        if "ID" in self._capabilities:
            self._try(_ID)
        self._command(b"EXAMINE INBOX")

    def _try(self, command: bytes) -> None:
        """Send a command that a server may refuse."""
        try:
            self._command(command)
        except ReplyRefused:
            if self._said_bye:
                raise

    def _command(self, command: bytes, answer: _Answer | None = None) -> None:
        """Send a command and read up to its tagged response; other lines decide nothing.

        :raises ReplyRefused: it is not OK. The text also has the untagged responses that tell why.
        """
        tag = self._send(command)
        self._wire.lines.start_reply()
        told: list[bytes] = []
        while True:
            line = self._line()
            status = _STATUS.match(line, len(tag)) if line.startswith(tag) else None
            if status is not None:
                if status[1].upper() != b"OK":
                    raise ReplyRefused(None, b"\n".join([line[len(tag) :], *told]))
                # What was said beside it was no reason to refuse.
                self._aside, self._stray = [], None
                return
            if line.startswith(b"+") and answer is not None:
                more = answer(line[1:].strip())
                if more is not None:
                    self._wire.send(more + b"\r\n")
            elif _TELLING.match(line):
                told.append(line[2:])
                self._aside.append(line[2:])
                if line[2:5].upper() == b"BYE":
                    self._said_bye = True
                    raise ReplyRefused(None, b"\n".join(told))
            elif line and not line.startswith((b"* ", b"+")) and not _STALE.match(line):
                self._stray = NotAReply(line)
                if not is_harmless(Protocol.IMAP, line):
                    raise self._stray

    def _send(self, command: bytes) -> bytes:
        self._tag += 1
        tag = b"A%d " % self._tag
        self._wire.send(tag + command + b"\r\n")
        return tag

    def _line(self) -> bytes:
        """Read one line with its literals; add the capabilities that it lists."""
        lines = self._wire.lines
        line = lines.readline()
        # The text of a status response may end like a literal, and has none.
        if line.startswith(b"* ") and not _STATUS.match(line, 2):
            while literal := _LITERAL.search(line):
                line += lines.read(int(literal[1])) + lines.readline()
        found = _CAPABILITIES.search(line)
        if found:
            names = found[1].decode("ascii", "replace").upper().split()
            self._capabilities |= frozenset(names)
        return line


def _astrings(command: bytes, *texts: str) -> list[bytes]:
    """Return a command with texts as arguments, parted where the server says to go on.

    A text that cannot be quoted is a literal (RFC 3501 section 4.3), in UTF-8.
    """
    parts = [command]
    for number, text in enumerate(texts):
        space = b" " if number else b""
        if _QUOTABLE.fullmatch(text):
            parts[-1] += space + _quoted(text)
        else:
            data = text.encode()
            parts[-1] += space + b"{%d}" % len(data)
            parts.append(data)
    return parts


def _quoted(text: str) -> bytes:
    return b'"' + re.sub(r'(["\\])', r"\\\1", text).encode("ascii") + b'"'
