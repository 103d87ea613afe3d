"""An SMTP server that tests logins: EHLO, STARTTLS, AUTH, NOOP, RSET and QUIT; it takes no mail."""

from __future__ import annotations

import base64

from .login_server import LoginServer
from .server import Session

#: The replies to a login that is accepted, and to one that is refused.
OK_235 = b"235 2.7.0 ok\r\n"
REFUSED_535 = b"535 5.7.8 no\r\n"


class SMTPServer(LoginServer):
    """Serves SMTP on a free port of 127.0.0.1 until it is closed. Use it in a ``with``.

    It takes a login by PLAIN, LOGIN or CRAM-MD5: a right one gets 235, a wrong one 535. Every
    command that takes mail gets 502.

    The options are those of :class:`LoginServer`. ``mechanisms`` is what EHLO offers for AUTH.
    ``replies`` has ``greeting``, ``EHLO``, ``STARTTLS``, ``AUTH``, ``QUIT``, or any other command.
    """

    default_mechanisms = "PLAIN LOGIN"

    def _talk(self, session: Session) -> None:
        if self.implicit_tls:
            self._start_tls(session, self.context)
        self._say(session, "greeting", b"220 mail.test ESMTP")
        while True:
            line = self._line(session)
            verb = line.split(b" ")[0].upper().decode("latin-1")
            said = self._say(session, verb, self._own_reply(session, verb, line))
            if verb == "STARTTLS" and said.startswith(b"220"):
                self._start_tls(session, self.context)
            elif verb == "QUIT":
                return

    def _own_reply(self, session: Session, verb: str, line: bytes) -> bytes:
        if verb == "EHLO":
            return self._features(session)
        if verb == "STARTTLS" and self.context and not session.secure:
            return b"220 2.0.0 Ready to start TLS"
        if verb == "AUTH":
            return self._auth(session, line)
        if verb in ("NOOP", "RSET"):
            return b"250 2.0.0 ok"
        if verb == "QUIT":
            self._count_out(session)
            return b"221 2.0.0 Bye"
        return b"502 5.5.1 Command not implemented"

    def _features(self, session: Session) -> bytes:
        features = [b"mail.test"]
        if self.context and not session.secure:
            features.append(b"STARTTLS")
        elif self.mechanisms:
            features.append(b"AUTH " + self.mechanisms.encode())
        dashed = b"".join(b"250-" + each + b"\r\n" for each in features[:-1])
        return dashed + b"250 " + features[-1]

    def _auth(self, session: Session, line: bytes) -> bytes:
        """Run one AUTH exchange (RFC 4954) and return the reply that ends it."""
        _, mechanism, initial, *_ = [*line.split(b" "), b"", b""]
        try:
            accepted = self._sasl(session, mechanism.upper(), initial)
        except ValueError:
            return b"501 5.5.2 Cannot decode the response"
        if accepted is None:
            return b"504 5.5.4 Mechanism not supported"
        return OK_235 if accepted else REFUSED_535

    def _ask(self, session: Session, challenge: bytes) -> bytes:
        session.sock.sendall(b"334 " + base64.b64encode(challenge) + b"\r\n")
        return self._line(session)
