"""What ends a connection test before its login: the faults by name; what they mean is elsewhere."""

from __future__ import annotations


class ReplyRefused(Exception):  # noqa: N818 (here as below: the fault is the name)
    """The server answered, and the answer is not what goes on.

    ``code`` is SMTP's reply code; an IMAP response has none, and its text begins with its status.
    """

    def __init__(self, code: int | None, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


class NotAReply(Exception):  # noqa: N818
    """What came is no reply of the protocol; ``line`` is what did."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line


class HungUp(Exception):  # noqa: N818
    """The server closed the connection without a word."""


class Silent(Exception):  # noqa: N818
    """The server said nothing in the time after which the other way to begin is tried."""


class ReplyTooLong(Exception):  # noqa: N818
    """The server sent more than any mail server does."""


class NoCommonMechanism(Exception):  # noqa: N818
    """The server offers no way to log in with a password; ``offered`` is what it does offer."""

    def __init__(self, offered: tuple[str, ...]) -> None:
        super().__init__()
        self.offered = offered


class StartTLSNotOffered(Exception):  # noqa: N818
    """The server does not encrypt this connection."""


class LoginNotEncodable(Exception):  # noqa: N818
    """The protocol cannot carry this username or password to this server."""
