"""The ways to log in with a password that SMTP and IMAP share (SASL, RFC 4422), as answers."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Collection, Iterable

from ..core.mailboxes import Protocol
from ..core.secret import Secret
from .diagnosis import refuses_mechanism
from .faults import HungUp, LoginNotEncodable, ReplyRefused

# What a prompt of LOGIN asks for. Neither word, or both: its place tells.
_ASKS_NAME = re.compile(r"user|log ?in|name|account|mail", re.IGNORECASE)
_ASKS_PASSWORD = re.compile(r"pass|pwd|secret|kennwort|парол", re.IGNORECASE)
# A server that lost the name may ask for it once more.
_MOST_NAMES = 2


class Mechanism:
    """One exchange of challenges and answers. All answers are in base64."""

    name = ""
    #: Whether its answer may come with the command, before a challenge.
    has_initial_response = False

    def __init__(self, username: str, password: Secret) -> None:
        self._username = username
        self._password = password

    def answer(self, challenge: bytes) -> str | None:
        """Return the answer to a challenge as the server wrote it; None where there is none."""
        raise NotImplementedError


class Plain(Mechanism):
    """PLAIN (RFC 4616): the name and the password in one answer."""

    name = "PLAIN"
    has_initial_response = True
    _answered = False

    def answer(self, challenge: bytes) -> str | None:  # noqa: ARG002 (it is empty)
        """Return the one answer, whatever the challenge is."""
        if self._answered:
            return None
        self._answered = True
        return _as_base64(f"\0{self._username}\0{self._password.reveal()}")


class LoginPrompts(Mechanism):
    """LOGIN (draft-murchison-sasl-login): the server asks for the name, then for the password.

    A password never answers a prompt for a name.
    """

    name = "LOGIN"
    _names = 0
    _gave_password = False

    def answer(self, challenge: bytes) -> str | None:
        """Return what the prompt asks for; a prompt that cannot be read is told by its place."""
        if self._wants_password(_prompt(challenge)):
            if self._gave_password:
                return None
            self._gave_password = True
            return _as_base64(self._password.reveal())
        if self._names == _MOST_NAMES:
            return None
        self._names += 1
        return _as_base64(self._username)

    def _wants_password(self, prompt: str) -> bool:
        for_name = _ASKS_NAME.search(prompt) is not None
        for_password = _ASKS_PASSWORD.search(prompt) is not None
        return for_password if for_name != for_password else self._names > 0


class CramMD5(Mechanism):
    """CRAM-MD5 (RFC 2195): a digest of the server's challenge; the password is not sent.

    A challenge that is not base64 has no answer.
    """

    name = "CRAM-MD5"
    _answered = False

    def answer(self, challenge: bytes) -> str | None:
        """Return the name and the digest of the challenge."""
        if self._answered:
            return None
        self._answered = True
        try:
            nonce = base64.b64decode(challenge, validate=True)
        except ValueError:
            return None
        digest = hmac.new(self._password.reveal().encode(), nonce, "md5").hexdigest()
        return _as_base64(f"{self._username} {digest}")


def mechanisms(offered: Collection[str], username: str, password: Secret) -> list[Mechanism]:
    """Return the mechanisms that a server offers and we have, in the order of our choice."""
    return [
        each(username, password) for each in (Plain, LoginPrompts, CramMD5) if each.name in offered
    ]


def log_in(protocol: Protocol, ways: Iterable[Callable[[], None]]) -> None:
    """Log in once: go on to the next way only where the server refuses the way, not the login.

    :param ways: each logs in, or raises.
    :raises ReplyRefused, LoginNotEncodable: the last way's refusal.
    :raises OSError, HungUp: the connection broke at the first way.
    :raises NotAReply, ReplyTooLong: it broke at any.
    """
    refusal: Exception | None = None
    for way in ways:
        try:
            way()
        except LoginNotEncodable as unsent:
            refusal = unsent
        except ReplyRefused as refused:
            if not refuses_mechanism(protocol, refused):
                raise
            refusal = refused
        except (HungUp, OSError):
            if refusal is None:
                raise
            # The server left after it had refused a way: that tells more.
            break
        else:
            return
    if refusal is not None:
        raise refusal


def _prompt(challenge: bytes) -> str:
    try:
        return base64.b64decode(challenge, validate=True).decode("utf-8", "replace")
    except ValueError:
        # Some servers do not encode their prompts.
        return challenge.decode("utf-8", "replace")


def _as_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
