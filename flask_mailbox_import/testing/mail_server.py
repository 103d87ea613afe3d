"""The mail server of a host's test: SMTP and IMAP with the same accounts, and rows for a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .certificates import server_context
from .imap import IMAPServer
from .login_server import Reply
from .server import Session
from .smtp import SMTPServer

if TYPE_CHECKING:
    from typing_extensions import Self


class MailServer:
    """Serves SMTP with STARTTLS and IMAP with TLS until it is closed. Use it in a ``with``.

    Both servers listen on free ports of 127.0.0.1, with a certificate for ``localhost`` and
    ``127.0.0.1`` that an app with ``settings()`` trusts.

    :param accounts: the password of each address. An account's login is accepted, any other is
        refused. None: every login is accepted.
    :param replies: what SMTP says to a login of an address, in place of 235 or 535, such as
        ``b"534 5.7.9 Application-specific password required"``. ``CLOSE`` closes the connection.
        A function gets the :class:`Session` and returns the reply.
    :param imap_replies: the same for IMAP, such as ``b"{tag} NO [EXPIRED] Password expired"``.
    :raises ImportError: trustme is not installed.
    """

    def __init__(
        self,
        accounts: Mapping[str, str] | None = None,
        *,
        replies: Mapping[str, Reply] | None = None,
        imap_replies: Mapping[str, Reply] | None = None,
    ) -> None:
        #: Both may be changed while the server runs; they are read at each login.
        self.replies = dict(replies or {})
        self.imap_replies = dict(imap_replies or {})
        context = server_context()
        #: The two servers, with ``sessions``, ``logins`` and ``commands()`` of each.
        self.smtp = SMTPServer(context, accounts=accounts, replies={"AUTH": self._smtp_reply})
        self.imap = IMAPServer(
            context,
            implicit_tls=True,
            accounts=accounts,
            replies={"LOGIN": self._imap_reply, "AUTHENTICATE": self._imap_reply},
        )
        #: Where to connect.
        self.host = self.smtp.host
        self.smtp_port = self.smtp.port
        self.imap_port = self.imap.port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that an app under test must be allowed to contact."""
        return self.smtp_port, self.imap_port

    @property
    def logins(self) -> list[tuple[str, str]]:
        """Every login that was tried, as address and password: those by SMTP, then by IMAP."""
        return [*self.smtp.logins, *self.imap.logins]

    def close(self) -> None:
        """Close every connection and wait until all threads of both servers have ended.

        :raises RuntimeError: a thread still runs after 10 seconds. A reply function has not
            returned.
        """
        try:
            self.smtp.close()
        finally:
            self.imap.close()

    def row(self, email: str, password: str, **cells: str | int) -> dict[str, str | int]:
        """Return a row for :func:`csv_file`: a mailbox on this server.

        :param cells: cells of other columns, such as ``displayname="Ann"``, or in place of those
            that name this server.
        """
        own: dict[str, str | int] = {
            "email": email,
            "password": password,
            "smtphost": self.host,
            "smtpport": self.smtp_port,
            "smtpsecure": "false",
            "imaphost": self.host,
            "imapport": self.imap_port,
            "imapsecure": "true",
        }
        return own | cells

    def _smtp_reply(self, session: Session) -> bytes | None:
        return _reply_to(self.replies, session)

    def _imap_reply(self, session: Session) -> bytes | None:
        return _reply_to(self.imap_replies, session)


def csv_file(*rows: Mapping[str, str | int]) -> bytes:
    """Return a CSV file with a header and these rows, in UTF-8.

    :param rows: each has the cells by the names of their columns, as ``MailServer.row()`` returns
        them. A column that a row does not name is empty in it.
    """
    header = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _reply_to(replies: Mapping[str, Reply], session: Session) -> bytes | None:
    """Return the reply to the session's last login; None where no address has one."""
    if not session.logins:
        return None
    reply = replies.get(session.logins[-1][0])
    return reply(session) if callable(reply) else reply
