"""The faults that end a connection test, by name; diagnosis.py gives each its code."""

from __future__ import annotations


class ReplyRefused(Exception):
    """The server answered, and the answer is not what goes on.

    ``code`` is SMTP's reply code; an IMAP response has none, and its text begins with its status.
    """

    def __init__(self, code: int | None, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


class NotAReply(Exception):
    """What came is no reply of the protocol; ``line`` is what did."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line


class HungUp(Exception):
    """The server closed the connection without a word."""


class Silent(Exception):
    """The server said nothing in the time after which the other way to begin is tried."""


class ReplyTooLong(Exception):
    """The server sent more than any mail server does."""


class NoCommonMechanism(Exception):
    """The server offers no way to log in with a password; ``offered`` is what it does offer."""

    def __init__(self, offered: tuple[str, ...]) -> None:
        super().__init__()
        self.offered = offered


class StartTLSNotOffered(Exception):
    """The server does not encrypt this connection."""


class LoginNotEncodable(Exception):
    """The protocol cannot carry this username or password to this server."""
