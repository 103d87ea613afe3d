"""A scripted IMAP server on port 0, speaking bytes, for the demo and the tests; keeps count."""

from __future__ import annotations

import base64
import re

from .mailserver import MailServer, Session

OK_EXAMINE = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 1] UIDs valid\r\n"
REFUSED_NO = b"NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')


class IMAPServer(MailServer):
    """Serves until closed, as its base does, in IMAP; ``mechanisms`` are its capabilities.

    ``replies`` overrides what is said to a command (``greeting``, ``CAPABILITY``, ``STARTTLS``,
    ``LOGIN``, ``AUTHENTICATE``, ``ID``, ``EXAMINE``, ``LOGOUT``), with ``{tag}`` for the tag; an
    empty reply closes the connection.
    """

    def _talk(self, session: Session) -> None:
        if self.implicit_tls:
            self._secure(session)
        self._say(session, "greeting", b"* OK IMAP4rev1 ready\r\n")
        while True:
            tag, _, command = self._line(session).partition(b" ")
            verb, _, arguments = command.partition(b" ")
            name = verb.decode("latin-1").upper()
            if name == "LOGOUT":
                self._left(session)
                self._answer(session, name, tag, b"* BYE bye\r\n{tag} OK bye\r\n")
                return
            self._answer(session, name, tag, self._default(session, name, arguments))
            if name == "STARTTLS":
                self._secure(session)

    def _default(self, session: Session, name: str, arguments: bytes) -> bytes:
        if name == "CAPABILITY":
            return b"* CAPABILITY " + self._capabilities(session) + b"\r\n{tag} OK done\r\n"
        if name == "LOGIN":
            user, password = (
                re.sub(rb"\\(.)", rb"\1", each) for each in _QUOTED.findall(arguments)
            )
            return self._judge(session, user, password)
        if name == "AUTHENTICATE":
            response = arguments.partition(b" ")[2] or self._ask(session, b"")
            _, user, password = base64.b64decode(response).split(b"\0")
            return self._judge(session, user, password)
        if name in ("EXAMINE", "SELECT"):
            return OK_EXAMINE + b"{tag} OK [READ-ONLY] done\r\n"
        if name in ("STARTTLS", "ID", "NOOP"):
            return b"{tag} OK done\r\n"
        return b"{tag} BAD what?\r\n"

    def _capabilities(self, session: Session) -> bytes:
        if self.context and not session.secure:
            return b"IMAP4rev1 STARTTLS LOGINDISABLED"
        return b"IMAP4rev1 " + self.mechanisms.encode()

    def _judge(self, session: Session, user: bytes, password: bytes) -> bytes:
        known = self._known(session, user.decode(), password.decode())
        return b"{tag} OK logged in\r\n" if known else b"{tag} " + REFUSED_NO

    def _ask(self, session: Session, challenge: bytes) -> bytes:
        session.sock.sendall(b"+ " + challenge + b"\r\n")
        return self._line(session)

    def _answer(self, session: Session, name: str, tag: bytes, default: bytes) -> None:
        self._say(session, name, default, tag)
