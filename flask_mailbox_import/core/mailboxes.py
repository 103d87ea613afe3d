"""A mailbox and the two servers that it logs in to, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .secret import Secret

#: The ports that a file may name unless the app sets others: 587 and 465 for submission (RFC 6409,
#: RFC 8314), 2525 (often used in place of 587), 25 for relay, 143 and 993 for IMAP.
DEFAULT_PORTS = (25, 465, 587, 2525, 143, 993)


class Security(str, Enum):
    """How a connection is encrypted (RFC 8314): TLS from the first byte, or after STARTTLS."""

    TLS = "tls"
    STARTTLS = "starttls"
    #: Only where the host allows it with ``MAILBOX_IMPORT_ALLOW_PLAINTEXT``; never from a file.
    PLAIN = "plain"


class Protocol(str, Enum):
    """What a login is for: SMTP submission sends mail (RFC 6409), IMAP reads it (RFC 3501)."""

    SMTP = "smtp"
    IMAP = "imap"

    @property
    def tls_port(self) -> int:
        """The port on which only TLS is spoken (RFC 8314 sections 7.2 and 7.3)."""
        return 465 if self is Protocol.SMTP else 993

    @property
    def starttls_port(self) -> int:
        """The usual port of a connection that begins in clear (RFC 6409, RFC 3501)."""
        return 587 if self is Protocol.SMTP else 143

    @property
    def default_port(self) -> int:
        """The port of a row that names none: the contract's default."""
        return 587 if self is Protocol.SMTP else 993

    @property
    def default_security(self) -> Security:
        """How a connection to the default port is encrypted: the contract's default."""
        return Security.STARTTLS if self is Protocol.SMTP else Security.TLS


class Stage(str, Enum):
    """The stage of a connection test; a failed test tells at which one it failed."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    #: IMAP only: a mailbox is opened after the login.
    SELECT = "select"


class MailboxStatus(str, Enum):
    """``active``: the connection test passed; ``pending``: not tested."""

    ACTIVE = "active"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One server to log in to, and as whom. ``host`` is the ASCII form (A-label, RFC 5890)."""

    protocol: Protocol
    host: str
    port: int
    security: Security
    username: str
    password: Secret

    @property
    def account(self) -> tuple[object, ...]:
        """Everything but the password. Two logins of one account differ in the password only."""
        return self.protocol, self.host, self.port, self.security, self.username


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A mailbox as one valid row of a file describes it."""

    #: The address, its domain in lower case.
    email: str
    #: Two mailboxes with the same key are the same mailbox: the address in ASCII and lower case.
    email_key: str
    display_name: str
    smtp: Login
    #: None where the file names no IMAP host.
    imap: Login | None
    #: Values of columns of the host's own, by attribute; an empty cell is not there.
    host_values: Mapping[str, str | int | bool] = field(default_factory=dict, hash=False)

    def logins(self, *, with_imap: bool) -> list[Login]:
        """Return the logins that are tested, with or without that of IMAP."""
        return [self.smtp, *([self.imap] if with_imap and self.imap is not None else [])]
