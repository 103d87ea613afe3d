"""Finds the servers of mail domains: in the provider table, and else by DNS, in the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from gevent.event import Event

from ..config import Config
from ..core.found_servers import DomainServers, servers_of_table, with_records
from ..core.mail_records import MailRecords
from .dns_client import mail_records, name_servers
from .hub import HubRun, off_hub

#: For how many seconds, and how many domains of one file, DNS is asked.
MAX_SECONDS, MAX_DOMAINS = 10.0, 200
#: A domain of more labels, or characters, is not asked for: the names of its records, which are
#: longer, could not be written (RFC 1035 section 2.3.4).
MAX_LABELS, MAX_LENGTH = 8, 253 - len("_submissions._tcp.")
#: In seconds: how often the caller looks whether the answers are there.
_GLANCE = 0.05
_NOTHING = MailRecords(is_whole=False)


def find_servers(
    domains: Iterable[str], config: Config, servers: Sequence[tuple[str, int]] = ()
) -> Mapping[str, DomainServers]:
    """Return what is known of the servers of domains.

    Only a domain that the provider table does not know, or not wholly, is asked for in DNS: once,
    within ``DNS_TIMEOUT``, and all of them within 10 seconds.

    :param domains: each in ASCII and lower case.
    :param servers: address and port of each name server to ask; none: those of the machine.
    :raises InternalFault: the look-up broke down, a fault of ours.
    """
    ports = config.allowed_ports
    found = {each: servers_of_table(each, ports) for each in domains}
    unknown = [each for each, servers in found.items() if not servers.is_complete]
    asked = [each for each in unknown if _may_be_asked(each)][:MAX_DOMAINS]
    records = _asked(asked, config.dns_timeout, servers or off_hub(name_servers)) if asked else {}
    for domain in unknown:
        answered = records.get(domain, _NOTHING)
        named = with_records(found[domain], domain, answered, ports)
        found[domain] = replace(
            named, is_unanswered=not answered.is_whole, is_too_long=not _may_be_asked(domain)
        )
    return found


def _may_be_asked(domain: str) -> bool:
    return domain.count(".") < MAX_LABELS and len(domain) <= MAX_LENGTH


def _asked(
    domains: Sequence[str], dns_timeout: float, servers: Sequence[tuple[str, int]]
) -> Mapping[str, MailRecords]:
    def work(emit: Callable[[Mapping[str, MailRecords]], None], _draining: Event) -> None:
        emit(
            mail_records(
                domains, dns_timeout=dns_timeout, seconds=MAX_SECONDS, name_servers=servers
            )
        )

    with closing(HubRun(work)) as run:
        return next((each for each in run.results(_GLANCE) if each is not None), {})
