"""What failed rows of one cause have in common, what it is called, and what mends it at once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum

from .codes import OF_THE_FILE, Code
from .explanations import Variant
from .failures import Failure
from .rows import RowResult
from .words import Part, Words, say


class Remedy(str, Enum):
    """What a person can do for all rows of a cause at once."""

    #: Another server or port.
    SERVER = "server"
    #: Another port or encryption.
    PORT = "port"
    #: A new password for each.
    PASSWORD = "password"  # noqa: S105 (a remedy)
    #: Another test, when the server or somebody at the provider has mended it.
    AGAIN = "again"
    #: A correction of each row by itself.
    ROWS = "rows"
    NONE = "none"


_REMEDIES: dict[Remedy, frozenset[Code]] = {
    Remedy.SERVER: frozenset(
        {
            *(Code.INVALID_HOST, Code.MISSING_IMAP_HOST, Code.DNS_FAILURE),
            *(Code.CONNECTION_REFUSED, Code.CONNECTION_TIMEOUT, Code.PROTOCOL_ERROR),
            *(Code.TLS_CERT_HOSTNAME, Code.TLS_CERT_UNTRUSTED, Code.MECHANISM_UNSUPPORTED),
        }
    ),
    Remedy.PORT: frozenset(
        {
            *(Code.INVALID_PORT, Code.PORT_NOT_ALLOWED, Code.INVALID_BOOLEAN),
            *(Code.WRONG_PROTOCOL, Code.TLS_MODE_MISMATCH, Code.STARTTLS_REQUIRED),
            *(Code.STARTTLS_UNSUPPORTED, Code.AUTH_NOT_OFFERED, Code.AUTH_REQUIRED),
        }
    ),
    Remedy.PASSWORD: frozenset(
        {
            *(Code.BAD_CREDENTIALS, Code.APP_PASSWORD_REQUIRED, Code.PASSWORD_EXPIRED),
            *(Code.PASSWORD_TOO_WEAK, Code.CREDENTIALS_ENCODING, Code.DUPLICATE_LOGIN),
        }
    ),
    Remedy.ROWS: frozenset(
        {
            *(Code.MISSING_EMAIL, Code.INVALID_EMAIL, Code.INVALID_VALUE, Code.CONTROL_CHARACTER),
            *(Code.FIELD_TOO_LONG, Code.WRONG_COLUMN_COUNT, Code.MISSING_CREDENTIALS),
        }
    ),
    Remedy.NONE: frozenset({Code.OAUTH_REQUIRED}),
}
_OF_VARIANTS = {
    Variant.NO_SMTP_HOST: Remedy.SERVER,
    Variant.NO_PASSWORD: Remedy.PASSWORD,
    Variant.PLACEHOLDER: Remedy.PASSWORD,
    Variant.NO_IMAP_PASSWORD: Remedy.PASSWORD,
}

#: Rows with these codes have a cause in common whatever their server is.
OF_ANY_SERVER = OF_THE_FILE - {Code.INVALID_PORT, Code.PORT_NOT_ALLOWED, Code.INVALID_BOOLEAN}
#: Rows with these codes have a cause in common only if they name the same port, too.
OF_A_PORT = _REMEDIES[Remedy.PORT] | {
    *(Code.CONNECTION_REFUSED, Code.CONNECTION_TIMEOUT, Code.PROTOCOL_ERROR),
}


#: How many rows of a cause are listed at once.
ROWS_A_CAUSE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseKey:
    """What the failed rows of one cause have in common."""

    code: Code
    #: The key of their sentence: that of the code, or of a variant of it.
    said: str
    #: "" where the server has nothing to do with it, or only reading (IMAP) failed.
    smtp_host: str = ""
    #: None where the port has nothing to do with it.
    smtp_port: int | None = None
    #: Sending works, and only reading (IMAP) failed.
    is_imap: bool = False

    @property
    def id(self) -> str:
        """A name for it in forms and addresses of pages."""
        parts = (self.code.value, self.said, self.smtp_host, self.smtp_port, self.is_imap)
        return "c" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    @property
    def remedy(self) -> Remedy:
        """What mends it."""
        if self.said in _OF_VARIANTS:
            return _OF_VARIANTS[Variant(self.said)]
        found = (remedy for remedy, codes in _REMEDIES.items() if self.code in codes)
        return next(found, Remedy.AGAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCause:
    """Failed rows of one cause, of which the first ones are listed."""

    key: CauseKey
    #: How many rows have it, and how many of these can be tested again without a password.
    count: int
    kept: int
    #: The failure of most of the listed rows.
    failure: Failure
    rows: tuple[RowResult, ...]
    #: The row after which the next list begins; None where these are the last ones.
    next_after: int | None = None
    #: The port that all of them name; None where they name several, or none.
    port: int | None = None
    #: The server that was surely meant; "" where that is not known.
    meant: str = ""

    @property
    def title(self) -> Words:
        """What is wrong, with the server's name."""
        provider = next((each.provider for each in self.failure.steps if each.provider), "")
        key = self.key
        if key.code is Code.OAUTH_REQUIRED and provider:
            return say("%(provider)s takes no passwords", provider=provider)
        is_lockout = key.code is not Code.TOO_MANY_ATTEMPTS or self.is_lockout
        if key.is_imap or not key.smtp_host or key.code not in TITLES or not is_lockout:
            return self.failure.error
        values = {"server": key.smtp_host, "port": key.smtp_port or self.port or ""}
        return Words([Part(TITLES[key.code], "", values)])

    @property
    def is_lockout(self) -> bool:
        """Whether the server refused every connection after some refused logins."""
        return any(each.key == "locked_out" for each in self.failure.steps)


#: The column that is wrong, where its failure names none.
_COLUMNS = {
    Code.MISSING_EMAIL: "email",
    Code.INVALID_EMAIL: "email",
    Code.MISSING_IMAP_HOST: "imaphost",
    Variant.NO_IMAP_PASSWORD: "imappassword",
}
_OF_REMEDIES = {Remedy.SERVER: "host", Remedy.PORT: "port", Remedy.PASSWORD: "password"}


def column_of(failure: Failure, *, is_imap: bool = False) -> str:
    """Return our name of the column that is probably wrong.

    :param is_imap: only reading (IMAP) failed.
    """
    said = failure.what.key
    named = failure.what.values.get("column")
    if named or said in _COLUMNS:
        return str(named or _COLUMNS[Variant(said) if said in _OF_VARIANTS else Code(said)])
    end = _OF_REMEDIES.get(CauseKey(code=failure.code, said=said).remedy, "password")
    if end == "password" and not is_imap:
        return end
    return f"imap{end}" if is_imap else f"smtp{end}"


#: What a cause at a server is called.
TITLES: dict[Code, str] = {
    Code.DNS_FAILURE: "no server is called %(server)s",
    Code.CONNECTION_REFUSED: "nothing answers at %(server)s, port %(port)s",
    Code.CONNECTION_TIMEOUT: "%(server)s did not answer on port %(port)s",
    Code.CONNECTION_CLOSED: "%(server)s ended the connection",
    Code.NETWORK_UNREACHABLE: "there is no network path to %(server)s",
    Code.WRONG_PROTOCOL: "another kind of server answers at %(server)s, port %(port)s",
    Code.PROTOCOL_ERROR: "%(server)s, port %(port)s, does not behave like a mail server",
    Code.TLS_MODE_MISMATCH: "the encryption does not fit port %(port)s of %(server)s",
    Code.TLS_VERSION: "%(server)s offers only outdated encryption",
    Code.TLS_CERT_EXPIRED: "the certificate of %(server)s has expired",
    Code.TLS_CERT_UNTRUSTED: "the certificate of %(server)s is not trusted",
    Code.TLS_CERT_HOSTNAME: "the certificate of %(server)s is for another name",
    Code.STARTTLS_REQUIRED: "%(server)s wants encryption on port %(port)s",
    Code.STARTTLS_UNSUPPORTED: "%(server)s offers no encryption on port %(port)s",
    Code.BAD_CREDENTIALS: "%(server)s refused the password",
    Code.APP_PASSWORD_REQUIRED: "%(server)s refused the password",
    Code.PASSWORD_EXPIRED: "%(server)s refused the password: it has expired",
    Code.PASSWORD_TOO_WEAK: "%(server)s refused the password: it is too simple",
    Code.CREDENTIALS_ENCODING: "%(server)s cannot read the user name or the password",
    Code.OAUTH_REQUIRED: "%(server)s takes no passwords",
    Code.SMTP_AUTH_DISABLED: "sending by login is switched off at %(server)s",
    Code.PROTOCOL_DISABLED: "access by mail programs is switched off at %(server)s",
    Code.POLICY_BLOCKED: "a security policy at %(server)s blocked the login",
    Code.PLAN_REQUIRED: "%(server)s wants another plan for access by mail programs",
    Code.WEB_LOGIN_REQUIRED: "%(server)s wants the owner to sign in with a web browser first",
    Code.ACCOUNT_DISABLED: "switched off at %(server)s, or not active yet",
    Code.ACCOUNT_BLOCKED: "blocked at %(server)s",
    Code.AUTH_NOT_OFFERED: "%(server)s offers no login on port %(port)s",
    Code.MECHANISM_UNSUPPORTED: "%(server)s offers no login with a password",
    Code.TOO_MANY_ATTEMPTS: "%(server)s has locked us out",
    Code.TOO_MANY_CONNECTIONS: "%(server)s was busy",
    Code.RATE_LIMITED: "%(server)s was busy",
    Code.TEMPORARY_FAILURE: "%(server)s was busy",
    Code.GREYLISTED: "%(server)s was busy",
    Code.SERVER_MISCONFIGURED: "%(server)s has a fault of its own",
    Code.IP_BLOCKED: "%(server)s refuses connections from this app",
    Code.NOT_TESTED: "not tested at %(server)s",
    Code.PORT_NOT_ALLOWED: "port %(port)s is not allowed",
}
