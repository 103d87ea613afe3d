"""What happened in a connection test -> the code of its cause; rules as data, no sentences."""

from __future__ import annotations

import errno
import re
import ssl
from dataclasses import dataclass

from ..codes import Code
from ..records import Stage
from .guard import NoAddress
from .smtp import HungUp, NoCommonMechanism, NotSMTP, ReplyRefused, StartTLSNotOffered
from .sockets import ReplyTooLong
from .wordings import code_of_words

_RETRIED = frozenset(
    {
        Code.TOO_MANY_CONNECTIONS,
        Code.RATE_LIMITED,
        Code.TEMPORARY_FAILURE,
        Code.GREYLISTED,
        Code.TOO_MANY_ATTEMPTS,
    }
)

#: The server looked at the login and refused it: counted against ``MAX_REFUSED_LOGINS``.
REFUSED_LOGIN = frozenset(
    {
        Code.BAD_CREDENTIALS,
        Code.APP_PASSWORD_REQUIRED,
        Code.TOO_MANY_ATTEMPTS,
        Code.WEB_LOGIN_REQUIRED,
        Code.ACCOUNT_DISABLED,
        Code.ACCOUNT_BLOCKED,
        Code.PASSWORD_EXPIRED,
    }
)

# RFC 4954 section 6 and RFC 5248, where no word decided; (reply code, enhanced code or "").
_AUTH_REPLIES: dict[tuple[int, str], Code] = {
    (432, ""): Code.MECHANISM_UNSUPPORTED,
    (500, ""): Code.AUTH_NOT_OFFERED,
    (501, ""): Code.CREDENTIALS_ENCODING,
    (502, ""): Code.AUTH_NOT_OFFERED,
    (503, ""): Code.AUTH_NOT_OFFERED,
    (504, ""): Code.MECHANISM_UNSUPPORTED,
    (523, ""): Code.STARTTLS_REQUIRED,
    (525, ""): Code.ACCOUNT_DISABLED,
    (530, ""): Code.AUTH_REQUIRED,
    (534, ""): Code.MECHANISM_UNSUPPORTED,
    (535, ""): Code.BAD_CREDENTIALS,
    (538, ""): Code.STARTTLS_REQUIRED,
    # A first digit of 4 that does not pass with time (Mandrill).
    (435, "4.7.8"): Code.BAD_CREDENTIALS,
}

# OpenSSL's X509_V_ERR_* numbers.
_CERTIFICATE_FAULTS = {
    9: Code.TLS_CERT_EXPIRED,  # not yet valid
    10: Code.TLS_CERT_EXPIRED,
    18: Code.TLS_CERT_UNTRUSTED,  # self-signed
    19: Code.TLS_CERT_UNTRUSTED,
    20: Code.TLS_CERT_UNTRUSTED,
    21: Code.TLS_CERT_UNTRUSTED,
    62: Code.TLS_CERT_HOSTNAME,
    64: Code.TLS_CERT_HOSTNAME,  # an IP address that the certificate does not name
}

_ERRNOS = {
    errno.ENETUNREACH: Code.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Code.NETWORK_UNREACHABLE,
    errno.EHOSTDOWN: Code.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Code.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: Code.NETWORK_UNREACHABLE,
    # A firewall on this machine.
    errno.EPERM: Code.NETWORK_UNREACHABLE,
    errno.EACCES: Code.NETWORK_UNREACHABLE,
    # Reset between the connection and the first look at it.
    errno.ENOTCONN: Code.CONNECTION_CLOSED,
    errno.ECONNABORTED: Code.CONNECTION_CLOSED,
}

_TLS_VERSION = re.compile(
    r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|HANDSHAKE_FAILURE|NO_PROTOCOLS|DH_KEY_TOO_SMALL"
    r"|NO_SHARED_CIPHER|INSUFFICIENT_SECURITY"
)
_OTHER_PROTOCOL = re.compile(rb"\+OK|\* (OK|BYE|PREAUTH)|HTTP/|SSH-|RFB |-ERR", re.IGNORECASE)
_TLS_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The cause of a failed test and, where the server answered, its two codes."""

    code: Code
    reply_code: int | None = None
    enhanced: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether another try soon may pass; a 535 is a refused login, whatever its words."""
        return self.code in _RETRIED and self.reply_code != 535


def diagnose(stage: Stage, fault: BaseException) -> Finding:
    """Name the cause of a fault that ended a test at ``stage``.

    The order follows the class tree: SSLCertVerificationError is an SSLError, that an OSError.
    """
    if isinstance(fault, ReplyRefused):
        return _from_reply(stage, fault.code, decode_reply(fault.text))
    if isinstance(fault, ssl.SSLError):
        return Finding(code=_from_tls(fault))
    if isinstance(fault, NotSMTP):
        return Finding(code=_from_strange_bytes(fault.line))
    if isinstance(fault, NoCommonMechanism):
        return Finding(code=_from_mechanisms(fault.offered))
    return Finding(code=_from_class(fault))


def decode_reply(text: bytes) -> str:
    """Decode a server's text: UTF-8, else GB 18030 (QQ, NetEase), else Latin-1."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return text.decode(encoding)
        except UnicodeDecodeError:
            continue
    return text.decode("latin-1")


def _from_reply(stage: Stage, code: int, text: str) -> Finding:
    lines = text.split("\n")
    match = _ENHANCED.match(lines[0])
    enhanced = match.group() if match else ""
    words = " ".join(_ENHANCED.sub("", line, count=1).strip() for line in lines)
    return Finding(
        code=code_of_words(words) or _from_numbers(stage, code, enhanced),
        reply_code=code,
        enhanced=enhanced,
    )


def _from_numbers(stage: Stage, code: int, enhanced: str) -> Code:
    if stage is Stage.AUTH:
        known = _AUTH_REPLIES.get((code, enhanced)) or _AUTH_REPLIES.get((code, ""))
        if known is not None:
            return known
    if stage is Stage.TLS and code != 421:
        refused = code in (500, 502, 503, 554)
        return Code.STARTTLS_UNSUPPORTED if refused else Code.SERVER_MISCONFIGURED
    if 400 <= code < 500:
        return Code.TEMPORARY_FAILURE
    if stage is Stage.GREETING and 500 <= code < 600:
        return Code.IP_BLOCKED
    if stage is Stage.EHLO and code in (501, 504, 550):
        return Code.HELO_REJECTED
    if stage is Stage.EHLO and code in (500, 502):
        # A server without EHLO has no AUTH either (RFC 4954 section 3).
        return Code.AUTH_NOT_OFFERED
    return Code.UNKNOWN if 500 <= code < 600 else Code.PROTOCOL_ERROR


def _from_tls(fault: ssl.SSLError) -> Code:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(fault.verify_code, Code.TLS_CERT_UNTRUSTED)
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Code.CONNECTION_CLOSED
    reason = fault.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return Code.TLS_MODE_MISMATCH
    return Code.TLS_VERSION if _TLS_VERSION.search(reason) else Code.PROTOCOL_ERROR


def _from_strange_bytes(line: bytes) -> Code:
    if _OTHER_PROTOCOL.match(line):
        return Code.WRONG_PROTOCOL
    return Code.TLS_MODE_MISMATCH if _TLS_RECORD.match(line) else Code.PROTOCOL_ERROR


def _from_mechanisms(offered: tuple[str, ...]) -> Code:
    if not offered:
        return Code.AUTH_NOT_OFFERED
    return Code.OAUTH_REQUIRED if _only_oauth(offered) else Code.MECHANISM_UNSUPPORTED


def _only_oauth(offered: tuple[str, ...]) -> bool:
    return all(name in ("XOAUTH2", "OAUTHBEARER") for name in offered)


def _from_class(fault: BaseException) -> Code:
    known: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Code], ...] = (
        (NoAddress, Code.DNS_FAILURE),
        (TimeoutError, Code.CONNECTION_TIMEOUT),
        (ConnectionRefusedError, Code.CONNECTION_REFUSED),
        ((ConnectionResetError, BrokenPipeError, HungUp), Code.CONNECTION_CLOSED),
        (StartTLSNotOffered, Code.STARTTLS_UNSUPPORTED),
        (ReplyTooLong, Code.PROTOCOL_ERROR),
    )
    for kind, code in known:
        if isinstance(fault, kind):
            return code
    if isinstance(fault, OSError):
        return _ERRNOS.get(fault.errno or 0, Code.INTERNAL)
    return Code.INTERNAL
