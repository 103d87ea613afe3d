"""A mailbox and the two servers that it logs in to, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .secret import Secret

#: The ports that a file may name where a host does not say: submission (RFC 6409, RFC 8314) and its
#: unofficial twin, relay, and IMAP.
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
        """The port on which nothing but TLS is spoken (RFC 8314 section 7.3)."""
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
    """How far a connection test came."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A mailbox as one valid row of a file describes it."""

    #: The address, its domain in lower case.
    email: str
    #: The address by which two mailboxes are the same: ASCII, all in lower case.
    email_key: str
    display_name: str
    smtp: Login
    #: None where the file names no IMAP host.
    imap: Login | None
