"""SMTP AUTH with a password (RFC 4954): one mechanism, one try, in UTF-8; opens no connection."""

from __future__ import annotations

import base64
import hmac
import smtplib

from ..secret import Secret
from .faults import NoCommonMechanism, NotAReply, ReplyRefused

#: RFC 4954 section 4: a longer AUTH line must not carry its initial response.
MAX_COMMAND_LINE = 512


class PasswordSMTP(smtplib.SMTP):
    """smtplib's client with a login of its own: smtplib's takes ASCII only, and tries thrice."""

    def authenticate(self, username: str, password: Secret) -> None:
        """Log in by PLAIN, else LOGIN, else CRAM-MD5, of what EHLO offered.

        :raises ReplyRefused: the server's answer is not 235.
        :raises NoCommonMechanism, NotAReply: it offers none of these, or no challenge.
        """
        self.expect(235, *self._authenticate(username, password))

    def _authenticate(self, username: str, password: Secret) -> tuple[int, bytes]:
        offered = tuple(dict.fromkeys(self.esmtp_features.get("auth", "").upper().split()))
        if "PLAIN" in offered:
            return self._auth_plain(username, password)
        if "LOGIN" in offered:
            return self._auth_login(username, password)
        if "CRAM-MD5" in offered:
            return self._auth_cram_md5(username, password)
        raise NoCommonMechanism(offered)

    def _auth_plain(self, username: str, password: Secret) -> tuple[int, bytes]:
        response = as_base64(f"\0{username}\0{password.reveal()}")
        if len("AUTH PLAIN \r\n") + len(response) <= MAX_COMMAND_LINE:
            return self.docmd("AUTH", f"PLAIN {response}")
        self.expect(334, *self.docmd("AUTH", "PLAIN"))
        return self.docmd(response)

    def _auth_login(self, username: str, password: Secret) -> tuple[int, bytes]:
        self.expect(334, *self.docmd("AUTH", f"LOGIN {as_base64(username)}"))
        return self.docmd(as_base64(password.reveal()))

    def _auth_cram_md5(self, username: str, password: Secret) -> tuple[int, bytes]:
        code, challenge = self.docmd("AUTH", "CRAM-MD5")
        self.expect(334, code, challenge)
        try:
            nonce = base64.b64decode(challenge, validate=True)
        except ValueError:
            raise NotAReply(challenge) from None
        digest = hmac.new(password.reveal().encode(), nonce, "md5").hexdigest()
        return self.docmd(as_base64(f"{username} {digest}"))

    @staticmethod
    def expect(wanted: int, code: int, text: bytes) -> None:
        """Go on at this reply only.

        :raises ReplyRefused: it is another.
        """
        if code != wanted:
            raise ReplyRefused(code, text)


def as_base64(text: str) -> str:
    """Encode a text as SASL exchanges carry it."""
    return base64.b64encode(text.encode()).decode("ascii")
