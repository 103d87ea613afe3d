"""One record -> a valid mailbox, or everything that is wrong with it; opens no connection."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from .addresses import MAX_ADDRESS_LENGTH, judge_address
from .codes import Code
from .config import Config
from .hostnames import HostRefused, judge_host, judge_port
from .names import said_of_security
from .records import Login, Mailbox, Protocol, Reason, Record, Security
from .secret import Secret
from .words import MISSING_CREDENTIALS

#: Characters of each column, counted as Python does (RFC 5321 section 4.5.3.1.3, RFC 1035).
MAX_LENGTHS = {
    "email": MAX_ADDRESS_LENGTH,
    "smtphost": 253,
    "imaphost": 253,
    "displayname": 128,
    "smtpusername": 254,
    "imapusername": 254,
    "password": 1024,
    "smtppassword": 1024,
    "imappassword": 1024,
}
#: What a cell says of how a connection is secured; "either" is for the port to tell.
_SECURED = {
    "yes": Security.TLS,
    "tls": Security.TLS,
    "no": Security.STARTTLS,
    "starttls": Security.STARTTLS,
    "none": Security.PLAIN,
}
_PORT_OF_TLS = {"smtp": 465, "imap": 993}
_DEFAULT_PORTS = {"smtp": 587, "imap": 993}
_DEFAULT_SECURITY = {"smtp": Security.STARTTLS, "imap": Security.TLS}
_IMAP_PORT_OF_STARTTLS = 143

# Control characters, and the two separators that some programs take for the end of a line.
_REFUSED_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})


def check_record(
    record: Record, config: Config, *, test_imap: bool = False
) -> tuple[Mailbox | None, tuple[Reason, ...]]:
    """Return the mailbox that a record describes, or None and all that is wrong, gravest first.

    With ``test_imap`` a record without an IMAP host is wrong, too.
    """
    if record.fault is not None:
        return None, (record.fault,)
    reasons = [*_check_texts(record)]
    email = _check_email(record.cells["email"], reasons)
    password = record.secrets["smtppassword"] or record.secrets["password"]
    if not record.cells["smtphost"] or not password:
        missing = [
            name
            for name, value in (("smtphost", record.cells["smtphost"]), ("password", password))
            if not value
        ]
        columns = f"column{'s' if len(missing) > 1 else ''} {' and '.join(missing)}"
        reasons.append(_missing_credentials(f"Fill in the {columns}."))
    if test_imap and not record.cells["imaphost"]:
        reasons.append(_missing_imap_host())
    smtp = _check_server("smtp", record, password, config, reasons)
    imap_password = record.secrets["imappassword"] or record.secrets["password"]
    if test_imap and not imap_password and password:
        reasons.append(_missing_credentials("Fill in the column password or imappassword."))
    imap = _check_server("imap", record, imap_password, config, reasons)
    if reasons or email is None or smtp is None:
        return None, tuple(reasons)
    address, key = email
    return (
        Mailbox(
            email=address,
            email_key=key,
            display_name=record.cells["displayname"],
            smtp=smtp,
            imap=imap,
        ),
        (),
    )


def merge(reasons: tuple[Reason, ...]) -> Reason:
    """Return the gravest reason, its hint followed by the sentences of the others."""
    first, *others = reasons
    hint = " ".join([first.hint, *(f"Also: {other.text}" for other in others)])
    return Reason(code=first.code, error=first.error, hint=hint.strip())


def _check_texts(record: Record) -> Iterator[Reason]:
    texts = {**record.cells, **{name: each.reveal() for name, each in record.secrets.items()}}
    for column, text in texts.items():
        limit = MAX_LENGTHS.get(column, 16)
        if len(text) > limit:
            yield Reason(
                code=Code.FIELD_TOO_LONG,
                error=f"The column {column} is longer than {limit} characters.",
                hint="Check whether two cells ran together.",
            )
        elif not text.isprintable() and not _REFUSED_CATEGORIES.isdisjoint(
            map(unicodedata.category, text)
        ):
            yield Reason(
                code=Code.CONTROL_CHARACTER,
                error=f"The column {column} holds a line break, a tab or another control "
                "character.",
                hint="Type the value anew in place of pasting it.",
            )


def _check_email(text: str, reasons: list[Reason]) -> tuple[str, str] | None:
    """Return the address and the key by which two addresses are the same mailbox."""
    if not text:
        reasons.append(
            Reason(code=Code.MISSING_EMAIL, error="The email address is missing.", hint="Add it.")
        )
        return None
    found = judge_address(text)
    if found is not None:
        return found
    reasons.append(
        Reason(
            code=Code.INVALID_EMAIL,
            error="This is not a valid email address.",
            hint="An address looks like name@example.com.",
        )
    )
    return None


def _missing_credentials(hint: str) -> Reason:
    return Reason(code=Code.MISSING_CREDENTIALS, error=MISSING_CREDENTIALS, hint=hint)


def _missing_imap_host() -> Reason:
    return Reason(
        code=Code.MISSING_IMAP_HOST,
        error="The IMAP host is missing, and reading was to be tested too.",
        hint="Fill in the column imaphost, or import without the IMAP test.",
    )


def _check_server(
    side: str, record: Record, password: Secret, config: Config, reasons: list[Reason]
) -> Login | None:
    """Check the cells of one server; None where the row names none or the cells are wrong."""
    port = _check_port(side, record, config, reasons)
    security = _check_security(side, record, port, config, reasons)
    host = _check_host(side, record, config, reasons)
    if port is None or security is None or host is None:
        return None
    return Login(
        protocol=Protocol(side),
        host=host,
        port=port,
        security=security,
        username=record.cells[f"{side}username"] or record.cells["email"],
        password=password,
    )


def _check_host(side: str, record: Record, config: Config, reasons: list[Reason]) -> str | None:
    column = f"{side}host"
    text = record.cells[column]
    if not text:
        return None
    try:
        return judge_host(text, config.allowed_networks)
    except HostRefused as refused:
        reasons.append(
            Reason(
                code=Code.INVALID_HOST,
                error=f"The column {column} {refused}.",
                hint="Give the server's full name as the provider does, such as "
                f"{side}.example.com.",
            )
        )
    return None


def _check_port(side: str, record: Record, config: Config, reasons: list[Reason]) -> int | None:
    column = f"{side}port"
    text = record.cells[column]
    if not text:
        return _DEFAULT_PORTS[side]
    allowed = ", ".join(map(str, config.allowed_ports))
    try:
        port = judge_port(text, config.allowed_ports)
    except ValueError:
        reasons.append(
            Reason(
                code=Code.INVALID_PORT,
                error=f"The column {column} is not a port number.",
                hint=f"Use one of {allowed}, or leave it empty for {_DEFAULT_PORTS[side]}.",
            )
        )
        return None
    if port is None:
        reasons.append(
            Reason(
                code=Code.PORT_NOT_ALLOWED,
                error=f"The port in the column {column} is not allowed.",
                hint=f"Use one of {allowed}.",
            )
        )
    return port


def _check_security(
    side: str, record: Record, port: int | None, config: Config, reasons: list[Reason]
) -> Security | None:
    column = f"{side}secure"
    said = said_of_security(record.cells[column])
    if said == "either":
        security: Security | None = _DEFAULT_SECURITY[side]
        if side == "imap" and port == _IMAP_PORT_OF_STARTTLS:
            security = Security.STARTTLS
    else:
        security = _SECURED.get(said)
    if security is None or (security is Security.PLAIN and not config.allow_plaintext):
        reasons.append(_wrong_security(column, security))
        return None
    # Nothing but TLS is spoken on these ports (RFC 8314 section 7.3, IANA), whatever a file says.
    if port == _PORT_OF_TLS[side]:
        return Security.TLS
    # In clear only where a server offers nothing else: that is how a mode is repaired.
    return Security.STARTTLS if security is Security.PLAIN else security


def _wrong_security(column: str, security: Security | None) -> Reason:
    error = f"The column {column} is neither true nor false."
    if security is Security.PLAIN:
        error = f"The column {column} asks for no encryption, and passwords are not sent in clear."
    return Reason(
        code=Code.INVALID_BOOLEAN,
        error=error,
        hint="true: encrypted from the start (ports 465 and 993); false: STARTTLS (587).",
    )
