"""The exceptions that end a connection test; diagnosis.py gives each its code."""

from __future__ import annotations

import ssl


class ReplyRefused(Exception):
    """The server's reply is not the one with which the dialogue goes on.

    ``code`` is SMTP's reply code. An IMAP response has none; its text begins with its status.
    """

    def __init__(self, code: int | None, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


class NotAReply(Exception):
    """The server sent ``line``, which is no reply of the protocol."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line


class HungUp(Exception):
    """The server closed the connection without a reply."""


class Silent(Exception):
    """The server sent nothing in the time after which the other TLS mode is tried."""


class MadeWay(Exception):
    """The test gave its silent connection up: another test's trial of TLS may need its place."""


class RefusedInClear(Exception):
    """A server that speaks TLS from the start answered in clear: it refused the connection."""


class ReplyTooLong(Exception):
    """The server's reply is longer than our limits."""


class NoCommonMechanism(Exception):
    """The server offers no login with a password; ``offered`` are the mechanisms that it offers."""

    def __init__(self, offered: tuple[str, ...]) -> None:
        super().__init__()
        self.offered = offered


class StartTLSNotOffered(Exception):
    """The server does not offer STARTTLS."""


class LoginNotEncodable(Exception):
    """The username or password has characters that the protocol cannot send to this server."""


class ClientCertificateWanted(ssl.SSLError):
    """The server ended the handshake because we sent no certificate of our own."""

    reason = "CLIENT_CERTIFICATE_WANTED"
