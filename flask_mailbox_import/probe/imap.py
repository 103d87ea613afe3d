"""The dialogue of one IMAP login, from greeting to LOGOUT (RFC 3501), by a client of our own.

imaplib is not used: it lets a username inject commands, accepts literals of any size, and does not
limit the number of lines.
"""

from __future__ import annotations

import re
from contextlib import suppress

from ..core.mailboxes import Login, Security, Stage
from .faults import (
    LoginNotEncodable,
    NoCommonMechanism,
    NotAReply,
    ReplyRefused,
    StartTLSNotOffered,
)
from .wire import Wire, as_base64

# A literal of the server (RFC 3501 section 4.3); no server needs one in a login.
_LITERAL = re.compile(rb"\{\d*\+?\}$")
_CAPABILITIES = re.compile(rb"(?:\* |\[)CAPABILITY ([^\]]*)", re.IGNORECASE)
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?= |$)", re.IGNORECASE)
# Untagged responses that may tell why a command failed.
_TELLING = re.compile(rb"\* (NO|BAD|BYE)\b|\* OK \[ALERT\]", re.IGNORECASE)
# RFC 3501 section 9: the characters of a quoted string that need no backslash.
_QUOTABLE = re.compile(r"[\x20-\x7e]*", re.ASCII)

#: RFC 2971. Some providers open no mailbox until the client has sent its name.
_ID = b'ID ("name" "flask_mailbox_import")'


class IMAPDialogue:
    """A minimal client on a :class:`Wire`: one login, INBOX opened read-only, nothing fetched."""

    def __init__(self, wire: Wire, login: Login) -> None:
        self._wire = wire
        self._login = login
        self._tag = 0
        self._capabilities: frozenset[str] = frozenset()

    def run(self, security: Security, *, allow_plaintext: bool) -> Security:
        """Read the greeting, secure the connection, log in once and open INBOX.

        The wire is open and, for ``Security.TLS``, encrypted already.

        :returns: how the connection was encrypted.
        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong, NoCommonMechanism,
            StartTLSNotOffered, LoginNotEncodable: why the test failed, at the wire's stage.
        """
        wire = self._wire
        self.read_greeting()
        wire.stage = Stage.EHLO
        self._ask_capabilities()
        if security is Security.STARTTLS:
            if "STARTTLS" in self._capabilities:
                self._start_tls()
            elif allow_plaintext:
                security = Security.PLAIN
            else:
                wire.stage = Stage.TLS
                raise StartTLSNotOffered
        wire.stage = Stage.AUTH
        self._authenticate()
        wire.stage = Stage.SELECT
        self._open_inbox()
        return security

    def say_goodbye(self) -> None:
        """Send LOGOUT, and do not wait for the reply.

        :raises OSError, HungUp: it could not be sent.
        """
        self._send(b"LOGOUT")

    def read_greeting(self) -> None:
        """Read the greeting.

        :raises OSError, ReplyRefused, NotAReply, HungUp, ReplyTooLong: it is no ``OK``.
        """
        self._wire.stage = Stage.GREETING
        self._wire.start_reply()
        line = self._line()
        status = _STATUS.match(line, 2) if line.startswith(b"* ") else None
        if status is None:
            raise NotAReply(line)
        if status[1].upper() == b"BYE":
            raise ReplyRefused(None, line[2:])
        if status[1].upper() != b"OK":
            # PREAUTH: the connection is logged in before TLS, so not as this user.
            raise NotAReply(b"")

    def _ask_capabilities(self) -> None:
        self._capabilities = frozenset()
        self._command(b"CAPABILITY")

    def _start_tls(self) -> None:
        self._wire.stage = Stage.TLS
        self._command(b"STARTTLS")
        self._wire.upgrade()
        # RFC 3501 section 6.2.1: forget the capabilities that were sent in clear.
        self._wire.stage = Stage.EHLO
        self._ask_capabilities()

    def _authenticate(self) -> None:
        offered = self._capabilities
        if "AUTH=PLAIN" in offered:
            self._authenticate_plain()
        elif "LOGINDISABLED" in offered:
            raise NoCommonMechanism(
                tuple(sorted(each[5:] for each in offered if each.startswith("AUTH=")))
            )
        else:
            self._log_in()

    def _authenticate_plain(self) -> None:
        """Log in by PLAIN (RFC 4616), with the initial response where SASL-IR is offered."""
        login = self._login
        response = as_base64(f"\0{login.username}\0{login.password.reveal()}").encode()
        if "SASL-IR" in self._capabilities:
            self._command(b"AUTHENTICATE PLAIN " + response)
        else:
            self._command(b"AUTHENTICATE PLAIN", response)

    def _log_in(self) -> None:
        """Log in by LOGIN (RFC 3501 section 6.2.3) with quoted strings, which are ASCII."""
        username, password = self._login.username, self._login.password.reveal()
        if not _QUOTABLE.fullmatch(username) or not _QUOTABLE.fullmatch(password):
            raise LoginNotEncodable
        self._command(b"LOGIN " + _quoted(username) + b" " + _quoted(password))

    def _open_inbox(self) -> None:
        """Open INBOX read-only: some servers accept every login and refuse only here."""
        if "ID" not in self._capabilities:
            # Many servers list ID, or all capabilities, only after the login.
            self._ask_capabilities()
        if "ID" in self._capabilities:
            with suppress(ReplyRefused):
                self._command(_ID)
        self._command(b"EXAMINE INBOX")

    def _command(self, command: bytes, continuation: bytes | None = None) -> None:
        """Send a command and read up to its tagged response.

        :raises ReplyRefused: it is not OK. The text also has the untagged responses that tell why.
        """
        tag = self._send(command)
        self._wire.start_reply()
        told: list[bytes] = []
        while True:
            line = self._line()
            if line.startswith(b"* "):
                if _TELLING.match(line):
                    told.append(line[2:])
                if line[2:5].upper() == b"BYE":
                    raise ReplyRefused(None, b"\n".join(told))
            elif line.startswith(b"+") and continuation is not None:
                self._wire.send(continuation + b"\r\n")
                continuation = None
            elif (status := _STATUS.match(line, len(tag))) and line.startswith(tag):
                if status[1].upper() != b"OK":
                    raise ReplyRefused(None, b"\n".join([line[len(tag) :], *told]))
                return
            else:
                raise NotAReply(line)

    def _send(self, command: bytes) -> bytes:
        self._tag += 1
        tag = b"A%d " % self._tag
        self._wire.send(tag + command + b"\r\n")
        return tag

    def _line(self) -> bytes:
        """Read one line; add the capabilities that it lists."""
        line = self._wire.readline()
        if _LITERAL.search(line):
            raise NotAReply(b"")
        found = _CAPABILITIES.search(line)
        if found:
            names = found[1].decode("ascii", "replace").upper().split()
            self._capabilities |= frozenset(names)
        return line


def _quoted(text: str) -> bytes:
    return b'"' + re.sub(r'(["\\])', r"\\\1", text).encode("ascii") + b'"'
