"""Fills empty servers: with those that a mailbox has, or that are known of its domain; says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..core.found_servers import DomainServers, FoundServer, servers_of_table
from ..core.mailboxes import Protocol, Security
from ..core.providers import PasswordKind, Server, Username, provider_of
from ..core.rows import Record, RowWarning
from ..core.secret import Secret
from ..core.validators import judge_address
from ..core.words import say

#: Returns what is known of the servers of the given domains, each in ASCII and lower case.
FindServers = Callable[[Sequence[str]], Mapping[str, DomainServers]]
#: Returns by address key the cells for the servers of a workspace's mailboxes, of those of the
#: given keys that it has.
KeptServers = Callable[[Sequence[str]], Mapping[str, Mapping[str, str]]]

#: The codes of warnings that a server was filled in, and that none was.
_FILLED = frozenset({"server_found", "server_kept"})
_NOT_FILLED = frozenset({"server_suggested", "not_looked_up"})
_KINDS = ("host", "port", "secure")
#: What is to be done about a domain that was not looked up; the second where it never will be.
_LATER = say("fill it in, or import the row again later")
_NEVER = say("fill it in")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSearch:
    """Where the servers that rows do not name are looked for."""

    find: FindServers
    kept: KeptServers
    #: The ports that may be used.
    ports: Collection[int]
    #: A mailbox that the workspace has is updated; else its row is skipped.
    updates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Address:
    """The address of a row: its key, and its domain in ASCII and as it is shown."""

    key: str
    domain: str
    shown_domain: str


def with_found_servers(records: Sequence[Record], search: ServerSearch) -> list[Record]:
    """Return the records; a server that a row does not name is that of its mailbox or its domain.

    A mailbox that the workspace has keeps its servers. What is found, and what is only suggested or
    was not looked up, is a warning of the row.
    """
    addresses = {each.row: one for each in records if (one := _address_of(each)) is not None}
    known = search.kept([each.key for each in addresses.values()])
    rows = [
        (_with_kept(_said_anew(each), known.get(own.key, {})), own)
        for each in records
        if (own := addresses.get(each.row)) is not None
    ]
    asked = dict.fromkeys(
        address.domain
        for each, address in rows
        if any(_is_wanted(protocol, each.cells, each) for protocol in Protocol)
        # Without a password a row fails, and that of a known mailbox is updated or skipped.
        and _password_for(Protocol.SMTP, each)
        and (search.updates or address.key not in known)
    )
    found = search.find(tuple(asked)) if asked else {}
    filled = {each.row: _filled(each, address, found, search.ports) for each, address in rows}
    return [filled.get(each.row, each) for each in records]


def without_outdated_servers(record: Record, corrected: Mapping[str, object]) -> Record:
    """Return a record without those filled-in servers that a correction makes outdated.

    They were for the old address, or the correction names another server.

    :param corrected: the new cells.
    """
    email = record.cells["email"]
    is_other = corrected.get("email", email) != email
    outdated = [
        each
        for each in record.warnings
        if each.code in _FILLED
        and (is_other or corrected.get(each.column, each.values["host"]) != each.values["host"])
    ]
    cells = dict(record.cells)
    for each in outdated:
        kinds = (*_KINDS, "username") if each.values.get("username", 1) else _KINDS
        cells |= {f"{each.column.removesuffix('host')}{kind}": "" for kind in kinds}
    left = tuple(each for each in record.warnings if each not in outdated)
    return replace(record, cells=cells, warnings=left)


def _address_of(record: Record) -> _Address | None:
    """Return the address of a row; None where it has none, or cannot be read."""
    judged = judge_address(record.cells["email"]) if record.problem is None else None
    if judged is None:
        return None
    shown, key = judged
    domain, shown_domain = (each.rpartition("@")[2] for each in (key, shown))
    return _Address(key=key, domain=domain, shown_domain=shown_domain)


def _said_anew(record: Record) -> Record:
    """Return a record without what an earlier search has said of servers that it did not find."""
    left = tuple(each for each in record.warnings if each.code not in _NOT_FILLED)
    return replace(record, warnings=left)


def _is_wanted(protocol: Protocol, cells: Mapping[str, str], record: Record) -> bool:
    """Tell whether a server for a protocol is to be filled in.

    :param cells: those of the record so far.
    """
    if cells[f"{protocol.value}host"]:
        return False
    provider = provider_of(cells["smtphost"], "")
    if protocol is Protocol.SMTP or provider is None or provider.password is not PasswordKind.KEY:
        return True
    # A key that was made for sending is no password for reading, and goes to no other server.
    password = _password_for(Protocol.IMAP, record)
    return bool(password) and not password.same_as(_password_for(Protocol.SMTP, record))


def _password_for(protocol: Protocol, record: Record) -> Secret:
    return record.secrets[f"{protocol.value}password"] or record.secrets["password"]


def _with_kept(record: Record, kept: Mapping[str, str]) -> Record:
    """Return a record with the servers that its mailbox has, where it names none.

    :param kept: cells; none where the workspace has no such mailbox.
    """
    cells, warnings = dict(record.cells), list(record.warnings)
    for protocol in Protocol:
        side = protocol.value
        if kept.get(f"{side}host") and _is_wanted(protocol, cells, record):
            username = f"{side}username"
            values = _values(record, protocol, kept[f"{side}host"], kept[f"{side}port"])
            cells |= {f"{side}{kind}": kept[f"{side}{kind}"] for kind in _KINDS}
            cells[username] = cells[username] or kept[username]
            warnings.append(_warning(record, protocol, "server_kept", values))
    return replace(record, cells=cells, warnings=tuple(warnings))


def _filled(
    record: Record, address: _Address, found: Mapping[str, DomainServers], ports: Collection[int]
) -> Record:
    """Return a record with the servers of its domain, where it names none.

    :param found: what the search has found; of other domains only the provider table is asked.
    """
    servers = found.get(address.domain) or servers_of_table(address.domain, ports)
    cells, warnings = dict(record.cells), list(record.warnings)
    unanswered = []
    for protocol in Protocol:
        if not _is_wanted(protocol, cells, record):
            continue
        server, named = servers.of(protocol), servers.suggested(protocol)
        if server is not None:
            cells |= _cells(record, protocol, server)
            values = _values(record, protocol, server.server.host, server.server.port)
            values |= {"domain": address.shown_domain}
            warnings.append(_warning(record, protocol, "server_found", values))
        if named is not None:
            warnings.append(_suggestion(record, protocol, address, named))
        if server is None and named is None:
            unanswered.append(protocol)
    if unanswered and servers.is_unanswered:
        advice = str(_NEVER if servers.is_too_long else _LATER)
        about = {"domain": address.shown_domain, "advice": advice}
        warnings.append(_warning(record, unanswered[0], "not_looked_up", about))
    return replace(record, cells=cells, warnings=tuple(warnings))


def _cells(record: Record, protocol: Protocol, found: FoundServer) -> dict[str, str]:
    """Return the cells of a half of a row; only a user name of its own stays."""
    prefix, server = protocol.value, found.server
    return {
        f"{prefix}host": server.host,
        f"{prefix}port": str(server.port),
        f"{prefix}secure": _secure(server),
        f"{prefix}username": record.cells[f"{prefix}username"] or _username(record, found),
    }


def _secure(server: Server) -> str:
    return "true" if server.security is Security.TLS else "false"


def _username(record: Record, found: FoundServer) -> str:
    """Return the user name that a server takes; "" where it is the address."""
    if found.username is Username.LOCAL_PART:
        return record.cells["email"].rpartition("@")[0]
    return found.username_word if found.username is Username.KEY else ""


def _values(record: Record, protocol: Protocol, host: str, port: str | int) -> dict[str, str | int]:
    """Return what is said of a server that was filled in, and whether its user name was, too."""
    has_username = bool(record.cells[f"{protocol.value}username"])
    return {"host": host, "port": port, "username": int(not has_username)}


def _suggestion(
    record: Record, protocol: Protocol, address: _Address, server: Server
) -> RowWarning:
    settings = zip(_KINDS, (server.host, server.port, _secure(server)), strict=True)
    values: dict[str, str | int] = {
        "domain": address.shown_domain,
        "host": server.host,
        "port": server.port,
        "settings": ", ".join(f"{protocol.value}{kind}={value}" for kind, value in settings),
    }
    return _warning(record, protocol, "server_suggested", values)


def _warning(
    record: Record, protocol: Protocol, code: str, values: Mapping[str, str | int]
) -> RowWarning:
    return RowWarning(row=record.row, column=f"{protocol.value}host", code=code, values=values)
