"""Fills empty servers with those that are known of an address's domain, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..core.found_servers import DomainServers, FoundServer
from ..core.mailboxes import Protocol, Security
from ..core.providers import Username
from ..core.rows import Record, RowWarning
from ..core.validators import judge_address

#: Returns what is known of the servers of the given domains, each in ASCII and lower case.
FindServers = Callable[[Sequence[str]], Mapping[str, DomainServers]]


def with_found_servers(records: Sequence[Record], find: FindServers) -> list[Record]:
    """Return the records; a server that a row does not name is that of its address's domain.

    What is found, and what is only suggested or was not looked up, is a warning of the row.
    """
    domains = {each.row: _domain_of(each) for each in records if _wanted(each)}
    names = tuple(dict.fromkeys(each for each in domains.values() if each))
    found = find(names) if names else {}
    return [_filled(each, domains.get(each.row, ""), found) for each in records]


def _wanted(record: Record) -> list[Protocol]:
    """Return for which protocols a row names no server."""
    if record.problem is not None:
        return []
    return [each for each in Protocol if not record.cells[f"{each.value}host"]]


def _domain_of(record: Record) -> str:
    """Return the domain of a row's address; "" where it is no address."""
    judged = judge_address(record.cells["email"])
    return judged[1].rpartition("@")[2] if judged is not None else ""


def _filled(record: Record, domain: str, found: Mapping[str, DomainServers]) -> Record:
    if domain not in found:
        return record
    servers = found[domain]
    cells, warnings = dict(record.cells), list(record.warnings)
    for protocol in _wanted(record):
        server = servers.of(protocol)
        if server is not None:
            cells |= _cells(record, protocol, server)
            warnings.append(_said(record, protocol, "server_found", domain, server))
        elif (named := servers.suggested(protocol)) is not None:
            suggestion = FoundServer(server=named)
            warnings.append(_said(record, protocol, "server_suggested", domain, suggestion))
        elif servers.is_unanswered and protocol is Protocol.SMTP:
            values: dict[str, str | int] = {"domain": domain}
            warning = RowWarning(
                row=record.row, column="smtphost", code="not_looked_up", values=values
            )
            warnings.append(warning)
    return replace(record, cells=cells, warnings=tuple(warnings))


def _cells(record: Record, protocol: Protocol, found: FoundServer) -> dict[str, str]:
    """Return the cells of a half of a row; only a user name of its own stays."""
    prefix, server = protocol.value, found.server
    return {
        f"{prefix}host": server.host,
        f"{prefix}port": str(server.port),
        f"{prefix}secure": "true" if server.security is Security.TLS else "false",
        f"{prefix}username": record.cells[f"{prefix}username"] or _username(record, found),
    }


def _username(record: Record, found: FoundServer) -> str:
    """Return the user name that a server takes; "" where it is the address."""
    if found.username is Username.LOCAL_PART:
        return record.cells["email"].rpartition("@")[0]
    return found.username_word if found.username is Username.KEY else ""


def _said(
    record: Record, protocol: Protocol, code: str, domain: str, found: FoundServer
) -> RowWarning:
    server = found.server
    values: dict[str, str | int] = {"domain": domain, "host": server.host, "port": server.port}
    values["secure"] = "true" if server.security is Security.TLS else "false"
    return RowWarning(row=record.row, column=f"{protocol.value}host", code=code, values=values)
