"""An IMAP server that tests logins: CAPABILITY, STARTTLS, LOGIN, AUTHENTICATE and EXAMINE."""

from __future__ import annotations

import base64
import re

from .login_server import LoginServer
from .server import Session

#: What EXAMINE and SELECT tell of a mailbox, before the tagged line.
OK_EXAMINE = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 1] UIDs valid\r\n"
#: The reply to a login that is refused, after the tag.
REFUSED_NO = b"NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"

_OK_LOGIN = b"{tag} OK logged in\r\n"
_BAD = b"{tag} BAD Command not understood\r\n"
#: A quoted string, the size of a literal, or a word (RFC 9051 section 4).
_ARGUMENT = re.compile(rb'"(?:[^"\\]|\\.)*"|\{(\d{1,5})(\+?)\}$|[^\s"{]+')


class IMAPServer(LoginServer):
    """Serves IMAP on a free port of 127.0.0.1 until it is closed. Use it in a ``with``.

    It takes a login by LOGIN, with literals too, or by AUTHENTICATE with PLAIN, LOGIN or CRAM-MD5:
    a right one gets OK, a wrong one NO. A mailbox can be opened by EXAMINE or SELECT; no message is
    served.

    The options are those of :class:`LoginServer`. ``mechanisms`` is what CAPABILITY lists beside
    IMAP4rev1. ``replies`` has ``greeting``, ``CAPABILITY``, ``STARTTLS``, ``LOGIN``,
    ``AUTHENTICATE``, ``EXAMINE``, ``LOGOUT``, or any other command. ``{tag}`` in a reply stands
    for the tag of the command.
    """

    default_mechanisms = "SASL-IR AUTH=PLAIN ID"

    def _talk(self, session: Session) -> None:
        if self.implicit_tls:
            self._start_tls(session, self.context)
        self._say(session, "greeting", b"* OK IMAP4rev1 ready")
        while True:
            tag, _, command = self._line(session).partition(b" ")
            verb, _, arguments = command.partition(b" ")
            name = verb.decode("latin-1").upper()
            said = self._say(session, name, self._own_reply(session, name, arguments), tag)
            if name == "STARTTLS" and b"\r\n" + tag + b" OK" in b"\r\n" + said:
                self._start_tls(session, self.context)
            elif name == "LOGOUT":
                return

    def _own_reply(self, session: Session, name: str, arguments: bytes) -> bytes:
        if name == "CAPABILITY":
            return b"* CAPABILITY " + self._capabilities(session) + b"\r\n{tag} OK done\r\n"
        if name == "LOGIN":
            return self._login(session, arguments)
        if name == "AUTHENTICATE":
            return self._authenticate(session, arguments)
        if name == "EXAMINE":
            return OK_EXAMINE + b"{tag} OK [READ-ONLY] done\r\n"
        if name == "SELECT":
            return OK_EXAMINE + b"{tag} OK [READ-WRITE] done\r\n"
        if name == "LOGOUT":
            self._count_out(session)
            return b"* BYE bye\r\n{tag} OK bye\r\n"
        can_start_tls = self.context is not None and not session.secure
        if name in ("ID", "NOOP") or (name == "STARTTLS" and can_start_tls):
            return b"{tag} OK done\r\n"
        return _BAD

    def _capabilities(self, session: Session) -> bytes:
        if self.context and not session.secure:
            return b"IMAP4rev1 STARTTLS LOGINDISABLED"
        return b"IMAP4rev1 " + self.mechanisms.encode()

    def _login(self, session: Session, arguments: bytes) -> bytes:
        found: list[str] = []
        while arguments and len(found) < 2:
            match = _ARGUMENT.match(arguments)
            if match is None:
                return _BAD
            if match[1] is None:
                found.append(_unquoted(match[0]))
                arguments = arguments[match.end() :]
            else:
                found.append(self._literal(session, int(match[1]), waits=not match[2]))
                arguments = self._line(session)
            arguments = arguments.removeprefix(b" ")
        return self._verdict(session, *found) if len(found) == 2 and not arguments else _BAD

    def _literal(self, session: Session, size: int, *, waits: bool) -> str:
        """Take a literal (RFC 9051 section 4.3); the client waits, but for ``LITERAL+``."""
        if waits:
            session.sock.sendall(b"+ go on\r\n")
        data = b""
        while len(data) < size:
            data += self._receive(session, size - len(data))
        return data.decode("utf-8", "replace")

    def _authenticate(self, session: Session, arguments: bytes) -> bytes:
        """Run one AUTHENTICATE exchange (RFC 9051 section 6.2.2); return the reply that ends it."""
        mechanism, _, initial = arguments.partition(b" ")
        try:
            accepted = self._sasl(session, mechanism.upper(), initial)
        except ValueError:
            return _BAD
        if accepted is None:
            return b"{tag} NO Mechanism not supported\r\n"
        return _OK_LOGIN if accepted else b"{tag} " + REFUSED_NO

    def _verdict(self, session: Session, user: str, password: str) -> bytes:
        if self._is_accepted(session, user, password):
            return _OK_LOGIN
        return b"{tag} " + REFUSED_NO

    def _ask(self, session: Session, challenge: bytes) -> bytes:
        session.sock.sendall(b"+ " + base64.b64encode(challenge) + b"\r\n")
        return self._line(session)


def _unquoted(argument: bytes) -> str:
    if argument.startswith(b'"'):
        argument = re.sub(rb"\\(.)", rb"\1", argument[1:-1])
    return argument.decode("utf-8", "replace")
