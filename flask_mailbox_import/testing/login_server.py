"""The base of the SMTP and the IMAP server: accounts, login mechanisms, and replies by command."""

from __future__ import annotations

import base64
import hmac
import socket
import ssl
from collections.abc import Callable, Mapping

from .server import Server, Session

#: The reply that closes the connection.
CLOSE = b""

_CHALLENGE = b"<1@mail.test>"

#: What a server says to a command: bytes, or a function that gets the session and returns them.
#: Where the function returns None, the server gives its own reply.
Reply = bytes | Callable[[Session], "bytes | None"]


class LoginServer(Server):
    """Lets accounts log in, over TLS or not; a subclass speaks the protocol.

    :param context: the server's side of TLS, such as ``server_context()``. None: the server
        offers no TLS.
    :param implicit_tls: a connection starts with TLS. False: TLS starts with STARTTLS.
    :param accounts: the password of each user name. None: every login is accepted.
    :param mechanisms: what the server offers once TLS is up, as its protocol writes it; the
        default is ``default_mechanisms`` of the class.
    :param replies: what the server says to a command, in place of its own reply. The key is the
        command in capitals, or ``greeting`` for what the server says first. A missing CRLF is
        added. ``CLOSE`` closes the connection. A function runs in the thread of the connection,
        after the server has read the login, which is ``session.logins[-1]``.
    :param pause: seconds that the server waits before it answers a login.
    :param settle_at: see :class:`Server`.
    :param listener: see :class:`Server`.
    """

    default_mechanisms = ""

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        *,
        implicit_tls: bool = False,
        accounts: Mapping[str, str] | None = None,
        mechanisms: str | None = None,
        replies: Mapping[str, Reply] | None = None,
        pause: float = 0,
        settle_at: int | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        self.context = context
        self.implicit_tls = implicit_tls
        self.accounts = accounts
        self.mechanisms = self.default_mechanisms if mechanisms is None else mechanisms
        self.replies = dict(replies or {})
        self.pause = pause
        # Last, as connections are accepted from there on.
        super().__init__(settle_at=settle_at, listener=listener)

    @property
    def logins(self) -> list[tuple[str, str]]:
        """Every login that was tried, as user name and password, in the order of connections."""
        return [login for session in self.sessions for login in session.logins]

    def commands(self, verb: bytes) -> list[bytes]:
        """Return every line that began with these letters, in any case, over all connections."""
        return [
            line
            for session in self.sessions
            for line in session.lines
            if line.upper().startswith(verb)
        ]

    def _is_accepted(self, session: Session, user: str, password: str) -> bool:
        """Keep a login that was tried, and tell whether its password is right."""
        self._keep_login(session, user, password)
        return self.accounts is None or self.accounts.get(user) == password

    def _sasl(self, session: Session, mechanism: bytes, initial: bytes) -> bool | None:
        """Run one exchange of a mechanism; tell whether the login is right, None: unknown to us.

        ValueError: a response is not base64.

        :param initial: the initial response, or nothing.
        """
        if mechanism == b"PLAIN":
            _, user, password = _decoded(initial or self._ask(session, b"")).split("\0")
        elif mechanism == b"LOGIN":
            user = _decoded(initial or self._ask(session, b"Username:"))
            password = _decoded(self._ask(session, b"Password:"))
        elif mechanism == b"CRAM-MD5":
            return self._cram_md5(session)
        else:
            return None
        return self._is_accepted(session, user, password)

    def _cram_md5(self, session: Session) -> bool:
        """Check a digest (RFC 2195). It is kept as the password of the login: no other is sent."""
        user, digest = _decoded(self._ask(session, _CHALLENGE)).split(" ")
        self._keep_login(session, user, digest)
        if self.accounts is None:
            return True
        password = self.accounts.get(user)
        return (
            password is not None
            and digest == hmac.digest(password.encode(), _CHALLENGE, "md5").hex()
        )

    def _ask(self, session: Session, challenge: bytes) -> bytes:
        """Send a challenge of SASL, and return the client's response."""
        raise NotImplementedError

    def _keep_login(self, session: Session, user: str, password: str) -> None:
        session.logins.append((user, password))
        self._stopped.wait(self.pause)

    def _say(self, session: Session, command: str, own: bytes, tag: bytes = b"") -> bytes:
        """Send the reply to a command, and return what was sent.

        :param own: the reply where ``replies`` has none.
        :param tag: what ``{tag}`` in the reply stands for.
        """
        reply = self.replies.get(command, own)
        chosen = reply(session) if callable(reply) else reply
        if chosen is None:
            chosen = own
        if chosen == CLOSE:
            raise EOFError
        data = chosen.replace(b"{tag}", tag)
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
        session.sock.sendall(data)
        return data


def _decoded(response: bytes) -> str:
    """Return the text of a response in base64; ValueError where it is none."""
    return base64.b64decode(response, validate=True).decode()
