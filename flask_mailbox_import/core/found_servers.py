"""The servers of an address's domain, and what names them: our provider table, or its DNS."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from .mail_records import MailRecords, ServiceTarget
from .mailboxes import Protocol, Security
from .providers import (
    PasswordKind,
    Provider,
    Server,
    Username,
    provider_of,
    provider_of_address,
    receiver_of,
)
from .validators import HostRefused, judge_host


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundServer:
    """One server for the addresses of a domain."""

    server: Server
    #: What it takes as user name; None: the address, as nearly all do.
    username: Username | None = None
    #: The user name itself, where it is the same word for everybody; else "".
    username_word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainServers:
    """What is known of the servers of one domain; None where nothing is."""

    smtp: FoundServer | None = None
    imap: FoundServer | None = None
    #: What its SRV records name outside the domain. No password goes there by itself: DNS is not
    #: signed, and a certificate proves only the name that DNS gave.
    suggested_smtp: Server | None = None
    suggested_imap: Server | None = None
    #: Some of its DNS records were not asked for, or not answered in time.
    is_unanswered: bool = False
    #: Its name is too long to be asked for, now or later.
    is_too_long: bool = False

    def of(self, protocol: Protocol) -> FoundServer | None:
        """Return the server for a protocol."""
        return self.smtp if protocol is Protocol.SMTP else self.imap

    def suggested(self, protocol: Protocol) -> Server | None:
        """Return the server that is only named for a protocol."""
        return self.suggested_smtp if protocol is Protocol.SMTP else self.suggested_imap

    @property
    def is_complete(self) -> bool:
        """Whether both servers are known, so that DNS need not be asked."""
        return self.smtp is not None and self.imap is not None


def servers_of_table(domain: str, ports: Collection[int]) -> DomainServers:
    """Return what the provider table knows of a domain.

    :param domain: in ASCII and lower case.
    :param ports: those that may be used.
    """
    provider = provider_of_address(f"@{domain}")
    if provider is None:
        return DomainServers()
    return DomainServers(
        smtp=_of_provider(provider, Protocol.SMTP, ports),
        imap=_of_provider(provider, Protocol.IMAP, ports),
    )


def with_records(
    known: DomainServers, domain: str, records: MailRecords, ports: Collection[int]
) -> DomainServers:
    """Return what is known of a domain after its DNS was asked: SRV records first, then MX.

    An SRV record counts inside the domain, or where it names a server of the provider table
    (RFC 6186 section 6); any other is suggested. An MX record counts where it leads to a provider
    of the table. A name such as ``mail.DOMAIN`` is never guessed.
    """
    receiver = _receiver(records)
    found, suggested = {}, {}
    for protocol in Protocol:
        targets = list(_targets(records, protocol))
        named = [each for each in targets if each.port in ports and _is_host(each.host)]
        server = known.of(protocol) or _first_own(named, protocol, domain)
        suggested[protocol] = named[0] if named and server is None else None
        if server is None and receiver is not None and not _is_denied(records, protocol):
            server = _of_provider(receiver, protocol, ports)
        found[protocol] = server
    return replace(
        known,
        smtp=found[Protocol.SMTP],
        imap=found[Protocol.IMAP],
        suggested_smtp=suggested[Protocol.SMTP],
        suggested_imap=suggested[Protocol.IMAP],
    )


def _kinds(
    records: MailRecords, protocol: Protocol
) -> tuple[tuple[Security, tuple[ServiceTarget, ...]], ...]:
    """Return the SRV records for a protocol: with TLS from the start first (RFC 8314)."""
    if protocol is Protocol.SMTP:
        return (Security.TLS, records.submissions), (Security.STARTTLS, records.submission)
    return (Security.TLS, records.imaps), (Security.STARTTLS, records.imap)


def _targets(records: MailRecords, protocol: Protocol) -> Iterator[Server]:
    for security, targets in _kinds(records, protocol):
        for each in targets:
            if each.host:
                yield Server(each.host, each.port, security)


def _is_denied(records: MailRecords, protocol: Protocol) -> bool:
    """Tell whether the domain says that it has no such server: the target "." (RFC 6186)."""
    hosts = [each.host for _, targets in _kinds(records, protocol) for each in targets]
    return bool(hosts) and not any(hosts)


def _is_host(text: str) -> bool:
    try:
        return judge_host(text) == text
    except HostRefused:
        return False


def _first_own(servers: Iterable[Server], protocol: Protocol, domain: str) -> FoundServer | None:
    """Return the first server inside the domain, or of a provider of mailboxes in the table."""
    for each in servers:
        provider = provider_of(each.host, "")
        if provider is not None and _has_mailboxes(provider):
            return _found(each, provider, protocol)
        if provider is None and f".{each.host}".endswith(f".{domain}"):
            return FoundServer(server=each)
    return None


def _receiver(records: MailRecords) -> Provider | None:
    """Return the provider that receives the domain's mail; None where the table has none."""
    if not records.mx:
        return None
    provider = receiver_of(records.mx[0]) or provider_of(records.mx[0], "")
    return provider if provider is not None and _has_mailboxes(provider) else None


def _has_mailboxes(provider: Provider) -> bool:
    """Tell whether a provider has mailboxes: one that only takes keys made for sending has none."""
    return provider.password is not PasswordKind.KEY


def _of_provider(
    provider: Provider, protocol: Protocol, ports: Collection[int]
) -> FoundServer | None:
    server = provider.smtp if protocol is Protocol.SMTP else provider.imap
    if server is None or server.port not in ports:
        return None
    return _found(server, provider, protocol)


def _found(server: Server, provider: Provider, protocol: Protocol) -> FoundServer:
    is_smtp = protocol is Protocol.SMTP
    return FoundServer(
        server=server,
        username=provider.username if is_smtp else provider.imap_username,
        username_word=provider.username_word if is_smtp else "",
    )
