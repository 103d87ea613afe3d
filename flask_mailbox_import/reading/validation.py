"""Turns each record into a mailbox or a failure; then finds duplicates in the file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..config import Config
from ..core.codes import Code
from ..core.explanations import Variant
from ..core.failures import Failure, failure_for, failure_of
from ..core.host_columns import HostColumn
from ..core.mailboxes import Login, Mailbox, Protocol, Security
from ..core.password_pitfalls import pitfall_warnings
from ..core.rows import COLUMNS, CheckedRow, Record, RowStatus, RowWarning
from ..core.secret import Secret
from ..core.sentences import sentence, warning_key
from ..core.validators import (
    MAX_ADDRESS_LENGTH,
    HostRefused,
    judge_address,
    judge_host,
    judge_port,
    shown_server,
)
from .encryption_words import said_of_security
from .host_columns import endless_cells, missing_values, values_of
from .spelling import control_character, foreign_letter, odd_character

#: Returns those of the given address keys that the workspace has already.
Existing = Callable[[Sequence[str]], set[str]]

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
#: The encryption by what a cell says; where it says "either", the port decides.
_SECURED = {
    "yes": Security.TLS,
    "tls": Security.TLS,
    "no": Security.STARTTLS,
    "starttls": Security.STARTTLS,
    "none": Security.PLAIN,
}

#: What an address may hold beside letters and digits (RFC 5321 section 4.1.2).
_OF_AN_ADDRESS = ".!#$%&'*+/=?^_`{|}~-@"
#: Signs by which people mark a row or switch it off; no address of a person begins with one.
_NO_BEGINNING = "!*~?$/|"
#: What a host name may hold beside them: UTS #46 reads the other dots as dots.
_OF_A_HOST = ".-\u3002\uff0e\uff61"
#: The address of a web page, and its path.
_PAGE = re.compile(r"(?:https?://)?([^/:@\s]+)(/.+)", re.IGNORECASE)
#: How many characters of a path are shown.
_SHOWN_PATH = 40
#: Characters of the other columns: ports, and words for encryption.
_OTHER_LENGTH = 64


def mailbox_of(
    record: Record,
    config: Config,
    *,
    with_imap: bool = False,
    host_columns: Sequence[HostColumn] = (),
) -> Mailbox | Failure:
    """Return the mailbox that a record describes, or one failure that names all its faults.

    :param with_imap: the IMAP login will be tested, so that an IMAP host is needed.
    :param host_columns: the columns of the host's own that files may fill.
    """
    if record.problem is not None:
        return record.problem
    # These first: by its code, a record that is too long is not kept.
    failures = [*_check_texts(record), *endless_cells(record, host_columns)]
    email = _check_email(record.cells["email"], failures)
    password = record.secrets["smtppassword"] or record.secrets["password"]
    failures += _check_presence(record, bool(record.cells["smtphost"]), bool(password))
    if with_imap and not record.cells["imaphost"]:
        failures.append(failure_for(Code.MISSING_IMAP_HOST))
    smtp = _check_server(Protocol.SMTP, record, password, config, failures)
    imap_password = record.secrets["imappassword"] or record.secrets["password"]
    if with_imap and not imap_password and password:
        failures.append(failure_of(Variant.NO_IMAP_PASSWORD))
    imap = _check_server(Protocol.IMAP, record, imap_password, config, failures)
    host_values = values_of(record, host_columns, failures)
    if failures or email is None or smtp is None:
        return _merged(failures)
    address, key = email
    return Mailbox(
        email=address,
        email_key=key,
        display_name=record.cells["displayname"],
        smtp=smtp,
        imap=imap,
        host_values=host_values,
    )


def faults_of_servers(record: Record, config: Config) -> list[Failure]:
    """Return what is wrong with the cells of both servers of a record."""
    failures = [*_check_texts(record)]
    for protocol in Protocol:
        _check_server(protocol, record, Secret(""), config, failures)
    return failures


def _merged(failures: Sequence[Failure]) -> Failure:
    """Return the first failure; the sentences of the others are added to its hint."""
    first, *others = failures
    more = ((sentence("also"), each.what, *each.steps) for each in others)
    return first.with_last(*itertools.chain.from_iterable(more))


def _check_texts(record: Record) -> Iterator[Failure]:
    # The cells of a host's own columns are judged by their own types.
    texts = {name: text for name, text in record.cells.items() if name in COLUMNS}
    texts |= {name: each.reveal() for name, each in record.secrets.items()}
    for column, text in texts.items():
        limit = MAX_LENGTHS.get(column, _OTHER_LENGTH)
        if len(text) > limit:
            yield failure_for(Code.FIELD_TOO_LONG, column=column, limit=limit)
        elif character := control_character(text):
            yield failure_for(Code.CONTROL_CHARACTER, column=column, character=character)


def _check_email(text: str, failures: list[Failure]) -> tuple[str, str] | None:
    """Return the address and its key, see :func:`judge_address`; add a failure if it is wrong."""
    if not text:
        failures.append(failure_for(Code.MISSING_EMAIL))
        return None
    found = judge_address(text)
    local, _, domain = text.rpartition("@")
    if found is not None and local[0] not in _NO_BEGINNING:
        return found
    odd = (
        odd_character(local[:1], "".join(set(_OF_AN_ADDRESS) - set(_NO_BEGINNING)))
        or odd_character(local, _OF_AN_ADDRESS)
        or odd_character(domain, _OF_A_HOST)
        or foreign_letter(local)
    )
    if text.count("@") > 1 and not text.startswith("@") and "@@" not in text:
        failures.append(failure_of(Variant.SEVERAL_ADDRESSES))
    elif odd:
        failures.append(failure_of(Variant.ODD_ADDRESS, character=odd))
    else:
        failures.append(failure_for(Code.INVALID_EMAIL))
    return None


def _check_presence(record: Record, has_host: bool, has_password: bool) -> list[Failure]:
    if has_host and has_password:
        return []
    if not has_password and record.placeholders:
        column, placeholder = next(iter(record.placeholders.items()))
        return [failure_of(Variant.PLACEHOLDER, column=column, placeholder=placeholder)]
    if not has_host and not has_password:
        return [failure_for(Code.MISSING_CREDENTIALS)]
    return [failure_of(Variant.NO_PASSWORD if has_host else Variant.NO_SMTP_HOST)]


def _check_server(
    protocol: Protocol, record: Record, password: Secret, config: Config, failures: list[Failure]
) -> Login | None:
    """Check the cells of one server; return None where it has no host or a cell is wrong."""
    port = _check_port(protocol, record, config, failures)
    security = _check_security(protocol, record, port, config, failures)
    host = _check_host(protocol, record, config, failures)
    if port is None or security is None or host is None:
        return None
    return Login(
        protocol=protocol,
        host=host,
        port=port,
        security=security,
        username=record.cells[f"{protocol.value}username"] or record.cells["email"],
        password=password,
    )


def _check_host(
    protocol: Protocol, record: Record, config: Config, failures: list[Failure]
) -> str | None:
    column = f"{protocol.value}host"
    text = record.cells[column]
    if not text:
        return None
    try:
        return judge_host(text, config.allowed_networks)
    except HostRefused as refused:
        failures.append(_refused_host(text, protocol, refused.variant))
    return None


def _refused_host(text: str, protocol: Protocol, variant: Variant | None) -> Failure:
    values = {"column": f"{protocol.value}host", "protocol": protocol.value}
    if variant is not None:
        return failure_of(variant, **values)
    if (page := _PAGE.fullmatch(text)) and shown_server(page[1]):
        return failure_of(Variant.WEB_ADDRESS, more=page[2][:_SHOWN_PATH], **values)
    is_literal = text.startswith("[") or text.count(":") > 1
    odd = odd_character(text, f"{_OF_A_HOST}:[]" if is_literal else _OF_A_HOST)
    if odd:
        return failure_of(Variant.ODD_HOST, character=odd, **values)
    return failure_for(Code.INVALID_HOST, **values)


def _check_port(
    protocol: Protocol, record: Record, config: Config, failures: list[Failure]
) -> int | None:
    column = f"{protocol.value}port"
    text = record.cells[column]
    if not text:
        return protocol.default_port
    allowed = ", ".join(map(str, config.allowed_ports))
    try:
        port = judge_port(text, config.allowed_ports)
    except ValueError:
        values = {"column": column, "allowed": allowed, "default": str(protocol.default_port)}
        if len(re.findall(r"[0-9]{2,5}", text)) > 1:
            failures.append(failure_of(Variant.SEVERAL_PORTS, **values))
        else:
            failures.append(failure_for(Code.INVALID_PORT, **values))
        return None
    if port is None:
        failures.append(failure_for(Code.PORT_NOT_ALLOWED, column=column, allowed=allowed))
    return port


def _check_security(
    protocol: Protocol, record: Record, port: int | None, config: Config, failures: list[Failure]
) -> Security | None:
    column = f"{protocol.value}secure"
    said = said_of_security(record.cells[column])
    if said == "either":
        security: Security | None = protocol.default_security
        if port == protocol.starttls_port:
            security = Security.STARTTLS
    else:
        security = _SECURED.get(said)
    if security is None or (security is Security.PLAIN and not config.allow_plaintext):
        is_plain = security is Security.PLAIN
        failures.append(
            failure_of(Variant.NO_ENCRYPTION, column=column)
            if is_plain
            else failure_for(Code.INVALID_BOOLEAN, column=column)
        )
        return None
    if port == protocol.tls_port:
        # Whatever the file says, only TLS is spoken on this port.
        return Security.TLS
    # A row that asks for no encryption still gets it where the server offers STARTTLS.
    return Security.STARTTLS if security is Security.PLAIN else security


def check_rows(
    records: Iterable[Record],
    config: Config,
    *,
    with_imap: bool,
    updates: bool,
    existing: Existing,
    host_columns: Sequence[HostColumn] = (),
) -> tuple[CheckedRow, ...]:
    """Check the records of a file, each by itself, then against the others and the workspace.

    :param with_imap: IMAP logins are tested too.
    :param updates: a mailbox that the workspace has already is updated, not skipped.
    :param existing: is called once, with all addresses.
    :param host_columns: the columns of the host's own that files may fill.
    """
    rows = [
        check_row(each, config, with_imap=with_imap, host_columns=host_columns) for each in records
    ]
    keys = {each.record.row: key for each in rows if (key := _key_of(each)) is not None}
    known = existing(list(keys.values()))
    rows = [
        each if keys.get(each.record.row) in known else _with_missing(each, host_columns)
        for each in rows
    ]
    return tuple(mark_doubles(rows, known, with_imap=with_imap, updates=updates))


def _key_of(row: CheckedRow) -> str | None:
    """Return the key of a row's address; None where it has none, or cannot be read."""
    if row.mailbox is not None:
        return row.mailbox.email_key
    judged = judge_address(row.record.cells["email"]) if row.record.problem is None else None
    return judged[1] if judged is not None else None


def _with_missing(row: CheckedRow, host_columns: Sequence[HostColumn]) -> CheckedRow:
    """Return the row of a new mailbox: failed where cells that it needs are empty, too."""
    missing = missing_values(row.record, host_columns) if row.record.problem is None else []
    if not missing:
        return row
    before = [row.failure] if row.failure is not None else []
    failure = _merged([*before, *missing])
    return replace(row, mailbox=None, status=RowStatus.FAILED, failure=failure)


def check_row(
    record: Record,
    config: Config,
    *,
    with_imap: bool,
    host_columns: Sequence[HostColumn] = (),
) -> CheckedRow:
    """Check one record by itself: it is ready or failed."""
    if warnings := tuple(pitfall_warnings(record)):
        record = replace(record, warnings=record.warnings + warnings)
    found = mailbox_of(record, config, with_imap=with_imap, host_columns=host_columns)
    if isinstance(found, Failure):
        found = _with_lost_formulas(found, record)
        return CheckedRow(record=record, mailbox=None, status=RowStatus.FAILED, failure=found)
    return CheckedRow(record=record, mailbox=found, status=RowStatus.READY)


def _with_lost_formulas(failure: Failure, record: Record) -> Failure:
    """Add to a failure which of the row's cells are formulas without a result."""
    lost = [each for each in record.warnings if each.code == "empty_formula"]
    return failure.with_last(*(sentence(warning_key(each.code), each.said) for each in lost))


def mark_doubles(
    rows: Iterable[CheckedRow], known: set[str], *, with_imap: bool = False, updates: bool = False
) -> Iterator[CheckedRow]:
    """Skip rows with a known or repeated address; fail rows with another password for a login."""
    seen: dict[str, CheckedRow] = {}
    logins: dict[tuple[object, ...], Login] = {}
    for row in rows:
        mailbox = row.mailbox
        if mailbox is None:
            yield row
        elif mailbox.email_key in known and not updates:
            yield _marked(row, RowStatus.SKIPPED, Code.DUPLICATE)
        elif mailbox.email_key in seen:
            yield _marked(
                _compared(row, seen[mailbox.email_key]), RowStatus.SKIPPED, Code.DUPLICATE_IN_FILE
            )
        elif any(_another_password(each, logins) for each in mailbox.logins(with_imap=with_imap)):
            yield _marked(row, RowStatus.FAILED, Code.DUPLICATE_LOGIN)
        else:
            seen[mailbox.email_key] = row
            logins |= {each.account: each for each in mailbox.logins(with_imap=with_imap)}
            yield replace(row, is_update=mailbox.email_key in known)


def _compared(row: CheckedRow, first: CheckedRow) -> CheckedRow:
    """Add a warning to a row with the address of an earlier one, if its password differs."""
    if row.mailbox is None or first.mailbox is None:
        return row
    here, there = _passwords(row.mailbox), _passwords(first.mailbox)
    if len(here) == len(there) and all(a.same_as(b) for a, b in zip(here, there, strict=True)):
        return row
    record = row.record
    warning = RowWarning(
        row=record.row,
        column="password",
        code="other_password",
        values={"first": first.record.row},
    )
    return replace(row, record=replace(record, warnings=(*record.warnings, warning)))


def _passwords(mailbox: Mailbox) -> list[Secret]:
    return [each.password for each in (mailbox.smtp, mailbox.imap) if each is not None]


def _another_password(login: Login, logins: Mapping[tuple[object, ...], Login]) -> bool:
    earlier = logins.get(login.account)
    return earlier is not None and not earlier.password.same_as(login.password)


def _marked(row: CheckedRow, status: RowStatus, code: Code) -> CheckedRow:
    return replace(row, status=status, failure=failure_for(code))
