"""Which row code a failed connection test gets: by reply, TLS fault or socket error."""

from __future__ import annotations

import errno
import re
import ssl
from dataclasses import dataclass

from ..core.codes import RETRIED, Code
from ..core.explanations import VARIANTS, Variant
from ..core.mailboxes import Login, Protocol, Security, Stage
from ..core.providers import Provider
from .faults import (
    ClientCertificateWanted,
    HungUp,
    LoginNotEncodable,
    NoCommonMechanism,
    NotAReply,
    RefusedInClear,
    ReplyRefused,
    ReplyTooLong,
    Silent,
    StartTLSNotOffered,
)
from .guard import NoAddress
from .replies import EXPLICIT, LATER, REFUSED, Reply, Wording, code_of_words, parse_reply, shown

#: The stages from the login on.
FROM_LOGIN = frozenset({Stage.AUTH, Stage.SELECT})

# OpenSSL's X509_V_ERR_* numbers.
_CERTIFICATE_FAULTS: dict[int, Code | Variant] = {
    9: Code.TLS_CERT_EXPIRED,  # not yet valid
    10: Code.TLS_CERT_EXPIRED,
    62: Code.TLS_CERT_HOSTNAME,
    64: Code.TLS_CERT_HOSTNAME,  # an IP address that the certificate does not name
    20: Variant.NO_ISSUER,
    21: Variant.NO_ISSUER,
    66: Variant.WEAK_CERTIFICATE,  # the key of the certificate
    67: Variant.WEAK_CERTIFICATE,  # the key of an issuer
    68: Variant.WEAK_CERTIFICATE,  # the digest of a signature
}

# OpenSSL's names of faults in a handshake.
_TLS_FAULTS: tuple[tuple[re.Pattern[str], Code | Variant], ...] = (
    (re.compile(r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS"), Code.TLS_VERSION),
    (
        re.compile(r"DH_KEY_TOO_SMALL|BAD_DH_VALUE|WRONG_CURVE|WRONG_SIGNATURE_TYPE"),
        Variant.WEAK_KEY_EXCHANGE,
    ),
    (re.compile(r"EE_KEY_TOO_SMALL|CA_KEY_TOO_SMALL|MD_TOO_WEAK"), Variant.WEAK_CERTIFICATE),
    # We send no certificate, so an alert about one is about its absence.
    (re.compile(r"ALERT_(\w{1,20}_)?CERTIFICATE|ALERT_UNKNOWN_CA"), Variant.CLIENT_CERTIFICATE),
    (
        re.compile(r"HANDSHAKE_FAILURE|NO_SHARED_CIPHER|INSUFFICIENT_SECURITY|NO_CIPHERS"),
        Variant.NO_COMMON_CIPHER,
    ),
)

# RFC 4954 section 6 and RFC 5248; for replies whose words do not decide.
_AUTH_REPLIES: dict[tuple[int, str], Code] = {
    (432, ""): Code.MECHANISM_UNSUPPORTED,
    # RFC 3463 section 3.4: the system takes no more just now.
    (432, "4.3.2"): Code.TOO_MANY_CONNECTIONS,
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
    # Mandrill sends this for a wrong password, though 4yz means a temporary error (RFC 5321).
    (435, "4.7.8"): Code.BAD_CREDENTIALS,
}

# Servers use these numbers for many causes: the words decide first.
_SAY_LITTLE = frozenset({500, 502, 503})

# RFC 5530 section 3; RFC 5259 for TEMPFAIL. They count where the words of a reply do not decide.
_RESPONSE_CODES = {
    "AUTHORIZATIONFAILED": Code.BAD_CREDENTIALS,
    "EXPIRED": Code.PASSWORD_EXPIRED,
    "PRIVACYREQUIRED": Code.STARTTLS_REQUIRED,
    "CONTACTADMIN": Code.ACCOUNT_DISABLED,
    "TEMPFAIL": Code.TEMPORARY_FAILURE,
    "UNAVAILABLE": Code.TEMPORARY_FAILURE,
    "INUSE": Code.TEMPORARY_FAILURE,
    "SERVERBUG": Code.TEMPORARY_FAILURE,
    "CORRUPTION": Code.TEMPORARY_FAILURE,
    "LIMIT": Code.TOO_MANY_CONNECTIONS,
    "OVERQUOTA": Code.MAILBOX_FULL,
    "NONEXISTENT": Code.MAILBOX_UNAVAILABLE,
    "NOPERM": Code.POLICY_BLOCKED,
}

_ERRNOS = {
    errno.ENETUNREACH: Code.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Code.NETWORK_UNREACHABLE,
    errno.EHOSTDOWN: Code.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Code.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: Code.NETWORK_UNREACHABLE,
    errno.EPERM: Code.NETWORK_UNREACHABLE,  # a firewall on this machine
    errno.EACCES: Code.NETWORK_UNREACHABLE,
    # The connection was reset right after it was made.
    errno.ENOTCONN: Code.CONNECTION_CLOSED,
    errno.ECONNABORTED: Code.CONNECTION_CLOSED,
}

_CLASSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Code], ...] = (
    (NoAddress, Code.DNS_FAILURE),
    ((TimeoutError, Silent), Code.CONNECTION_TIMEOUT),
    (ConnectionRefusedError, Code.CONNECTION_REFUSED),
    ((ConnectionResetError, BrokenPipeError, HungUp), Code.CONNECTION_CLOSED),
    (StartTLSNotOffered, Code.STARTTLS_UNSUPPORTED),
    (ReplyTooLong, Code.PROTOCOL_ERROR),
    # Exim refuses one connection too many like this.
    (RefusedInClear, Code.TOO_MANY_CONNECTIONS),
)

# Causes of a refusal that says nothing of the login.
_OF_THE_MECHANISM = frozenset(
    {
        Code.MECHANISM_UNSUPPORTED,
        Code.AUTH_NOT_OFFERED,
        Code.STARTTLS_REQUIRED,
        Code.CREDENTIALS_ENCODING,
        Code.PROTOCOL_ERROR,
        Code.SERVER_MISCONFIGURED,
        Code.TEMPORARY_FAILURE,
    }
)
# A refusal with these words may be one of the login, whatever else it says.
_OF_THE_LOGIN = re.compile(
    r"\b(auth|log ?[io]n|passw|credential|user)\w{0,20}\b.{0,30}\b(fail|incorrect|denied|reject)"
    r"|\b(passw|credential|user)\w{0,20}\b.{0,30}\b(not (accept|found|valid|correct)|mismatch)"
    r"|\b(incorrect|invalid|wrong|bad|unknown|no such) (\w{1,20} )?"
    r"(credential|user|account|passw|log ?[io]n(?! (mech|method|type|command)))",
    re.IGNORECASE,
)

_OTHER_PROTOCOL = {
    Protocol.SMTP: re.compile(rb"\+OK|\* (OK|BYE|PREAUTH)|HTTP/|SSH-|RFB |-ERR", re.IGNORECASE),
    Protocol.IMAP: re.compile(rb"\+OK|\d{3}[ -]|HTTP/|SSH-|RFB |-ERR", re.IGNORECASE),
}
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_TLS_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The cause of a failed test and, where the server answered, what it said."""

    code: Code
    stage: Stage
    #: The cause within the code, where it has words of its own.
    variant: Variant | None = None
    #: For a person: the numbers of the reply and, of a reply to the login, its words.
    reply: str = ""
    #: Seconds that the server said to wait.
    wait: float | None = None
    #: The reply's code says that the login is wrong, whatever its words say.
    login_refused: bool = False
    #: How many refused logins led to it, where the login itself was not tried.
    refusals: int = 0
    #: The server replied; it is False for silence and faults of the network.
    answered: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether another try may pass soon. A login that was refused is never tried again."""
        return self.code in RETRIED and not self.login_refused

    @property
    def reached(self) -> bool:
        """Whether the server's network answered, if only with a refusal."""
        lost = (Code.CONNECTION_TIMEOUT, Code.NETWORK_UNREACHABLE)
        return not (self.stage is Stage.CONNECT and self.code in lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one try found; ``finding`` is None where the login worked."""

    finding: Finding | None
    stage: Stage
    #: How the connection was encrypted or, after a fault, was to be.
    security: Security
    #: Since its last connection was begun.
    seconds: float
    #: It gave its connection up for the trial of another test, and is to be tried again.
    made_way: bool = False


def diagnose(
    login: Login, stage: Stage, fault: BaseException, provider: Provider | None = None
) -> Finding:
    """Return the cause of a fault that ended a test of ``login`` at ``stage``."""
    if isinstance(fault, ReplyRefused):
        return _from_reply(login, stage, fault, provider)
    if isinstance(fault, ClientCertificateWanted):
        cause: Code | Variant = Variant.CLIENT_CERTIFICATE
    elif isinstance(fault, ssl.SSLError):
        cause = cause_of_tls_fault(fault)
    elif isinstance(fault, NotAReply):
        cause = _from_strange_bytes(login.protocol, stage, fault.line)
    elif isinstance(fault, NoCommonMechanism):
        cause = _from_mechanisms(fault.offered)
    elif isinstance(fault, LoginNotEncodable):
        cause = Variant.NOT_SENT
    else:
        cause = _from_class(fault)
    if isinstance(cause, Variant):
        return Finding(code=VARIANTS[cause][0], variant=cause, stage=stage)
    return Finding(code=cause, stage=stage)


def overheard(login: Login, stage: Stage, heard: ReplyRefused) -> Finding | None:
    """Return the cause that a server has told before it fell silent or left; None where none.

    A reply that has begun has its code, and counts as one. Beside a reply only words count.
    """
    reply = parse_reply(heard.code, heard.text)
    if heard.code is None and code_of_words(reply.words, stage) is None:
        return None
    return _from_reply(login, stage, heard, None)


def _from_reply(
    login: Login, stage: Stage, fault: ReplyRefused, provider: Provider | None
) -> Finding:
    reply = parse_reply(fault.code, fault.text)
    # The words of a banner are not shown: they tell what runs inside a network.
    text = f"{reply.code or ''} {reply.enhanced}".strip()
    if stage in FROM_LOGIN:
        text = shown(reply, login)
    return Finding(
        code=code_of_reply(login.protocol, stage, reply, provider),
        stage=stage,
        reply=text,
        wait=reply.wait,
        login_refused=reply.code == 535 or reply.response_code == "AUTHENTICATIONFAILED",
        answered=True,
    )


def code_of_reply(
    protocol: Protocol, stage: Stage, reply: Reply, provider: Provider | None = None
) -> Code:
    """Return the cause of a refusal: by its words, or else by its numbers.

    In place of ``BAD_CREDENTIALS``, the provider may have a code that says more.
    """
    code = (
        code_of_words(reply.words, stage)
        or _from_response_code(stage, reply)
        or _from_numbers(stage, reply)
    )
    if code is Code.BAD_CREDENTIALS and provider is not None:
        return provider.refused.get(protocol, code)
    return code


def refuses_mechanism(protocol: Protocol, refused: ReplyRefused) -> bool:
    """Tell whether a server refused the way to log in, and not the login.

    Another mechanism is tried only then. A reply that may mean the login never counts as one of
    the mechanism: Exchange answers ``NO AUTHENTICATE failed.`` to a wrong password.
    """
    reply = parse_reply(refused.code, refused.text)
    code = code_of_reply(protocol, Stage.AUTH, reply)
    if reply.response_code == "AUTHENTICATIONFAILED" or _OF_THE_LOGIN.search(reply.words):
        return False
    if protocol is Protocol.SMTP:
        return reply.code in (500, 502, 504) and code in _OF_THE_MECHANISM
    if reply.status == "NO":
        said = code in (Code.MECHANISM_UNSUPPORTED, Code.AUTH_NOT_OFFERED, Code.STARTTLS_REQUIRED)
        return said and "fail" not in reply.words.lower()
    return reply.status == "BAD" and code in _OF_THE_MECHANISM


def _from_response_code(stage: Stage, reply: Reply) -> Code | None:
    """Return the cause of an IMAP refusal: by response code, by plain words, or by status."""
    if reply.code is not None:
        return None
    known = _RESPONSE_CODES.get(reply.response_code)
    if known is not None:
        return known
    refused = code_of_words(reply.words, stage, (*EXPLICIT, *REFUSED))
    if refused is not None and stage is Stage.AUTH:
        return refused
    later = code_of_words(reply.words, stage, LATER)
    if later is not None:
        return later
    if reply.status in ("BYE", "BAD"):
        return Code.CONNECTION_CLOSED if reply.status == "BYE" else Code.PROTOCOL_ERROR
    if stage in (Stage.EHLO, Stage.TLS):
        return Code.SERVER_MISCONFIGURED
    return Code.MAILBOX_UNAVAILABLE if stage is Stage.SELECT else Code.BAD_CREDENTIALS


def _from_auth_numbers(reply: Reply) -> Code | None:
    code = reply.code or 0
    if code == 504 and _OF_THE_LOGIN.search(reply.words):
        return Code.BAD_CREDENTIALS
    known = None
    if reply.enhanced or code not in _SAY_LITTLE:
        known = _AUTH_REPLIES.get((code, reply.enhanced))
    if known is None:
        known = code_of_words(reply.words, Stage.AUTH, _rules_for(code))
    return known or _AUTH_REPLIES.get((code, ""))


def _from_numbers(stage: Stage, reply: Reply) -> Code:
    code = reply.code or 0
    known = _from_auth_numbers(reply) if stage is Stage.AUTH else None
    if known is not None:
        return known
    if stage is Stage.TLS and code != 421:
        refused = code in (500, 502, 503)
        return Code.STARTTLS_UNSUPPORTED if refused else Code.SERVER_MISCONFIGURED
    if 400 <= code < 500:
        return Code.TEMPORARY_FAILURE
    if stage is Stage.GREETING and 500 <= code < 600:
        return Code.IP_BLOCKED
    if stage is Stage.EHLO and code in (501, 504, 550):
        return Code.HELO_REJECTED
    if stage is Stage.EHLO and code in (500, 502):
        # Without EHLO there is no AUTH (RFC 4954 section 3).
        return Code.AUTH_NOT_OFFERED
    return Code.UNKNOWN if 500 <= code < 600 else Code.PROTOCOL_ERROR


def _rules_for(code: int) -> tuple[Wording, ...]:
    """Return the wordings that count in a reply with this code to a login."""
    if code < 500:
        return EXPLICIT
    if code in (504, 523, 525, 538):
        return ()
    return (*EXPLICIT, *REFUSED, *LATER)


def is_harmless(protocol: Protocol, line: bytes) -> bool:
    """Tell whether a line that is no reply is plain text of no other protocol."""
    return not (_OTHER_PROTOCOL[protocol].match(line) or _CONTROLS.search(line))


def _from_strange_bytes(protocol: Protocol, stage: Stage, line: bytes) -> Code:
    if _OTHER_PROTOCOL[protocol].match(line):
        return Code.WRONG_PROTOCOL
    if _TLS_RECORD.match(line):
        return Code.TLS_MODE_MISMATCH
    if _CONTROLS.search(line):
        return Code.PROTOCOL_ERROR
    # Some servers refuse in plain words, without the form of a reply.
    return code_of_words(parse_reply(None, line).words, stage) or Code.PROTOCOL_ERROR


def _from_mechanisms(offered: tuple[str, ...]) -> Code:
    if not offered:
        return Code.AUTH_NOT_OFFERED
    only_oauth = all(name in ("XOAUTH2", "OAUTHBEARER") for name in offered)
    return Code.OAUTH_REQUIRED if only_oauth else Code.MECHANISM_UNSUPPORTED


def _from_class(fault: BaseException) -> Code:
    for kind, code in _CLASSES:
        if isinstance(fault, kind):
            return code
    if isinstance(fault, OSError):
        return _ERRNOS.get(fault.errno or 0, Code.INTERNAL)
    return Code.INTERNAL


def cause_of_tls_fault(fault: ssl.SSLError) -> Code | Variant:
    """Return the cause of a fault in a TLS handshake."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(fault.verify_code, Code.TLS_CERT_UNTRUSTED)
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Code.CONNECTION_CLOSED
    if is_not_tls(fault):
        return Code.TLS_MODE_MISMATCH
    reason = fault.reason or ""
    known = (cause for pattern, cause in _TLS_FAULTS if pattern.search(reason))
    return next(known, Code.PROTOCOL_ERROR)


def is_not_tls(fault: BaseException) -> bool:
    """Tell whether this is the OpenSSL error that a server without TLS causes."""
    reason = fault.reason if isinstance(fault, ssl.SSLError) else None
    return reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
