"""Which addresses may be contacted, by our own table; nothing is looked up or connected here."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from .hostnames import IPAddress, IPNetwork

#: A name with many dead addresses must not use up the whole try.
MAX_ADDRESSES = 2

# IANA IPv4 special-purpose registry, multicast, the reserved 240/4, and Azure's internal address,
# which is public by its number. ipaddress.is_global differs between Python versions and lets
# several of these through, so it is no policy.
_DENIED_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        [
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
            *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",
        ],
    )
)
# IPv6 is refused unless it is in the global unicast space that IANA hands out, less the special
# blocks inside it. That drops mapped, translated, local and multicast space without naming it.
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_DENIED_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"],
    )
)


class NoAddress(Exception):  # noqa: N818 (the fault is the name)
    """The name does not exist, or an address of it may not be reached: callers cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a host app allows beside, and denies of, public addresses."""

    allowed_networks: tuple[IPNetwork, ...] = ()
    denied_networks: tuple[IPNetwork, ...] = ()

    def allows(self, address: IPAddress, *, internal_only: bool = False) -> bool:
        """Judge one address; ``internal_only`` accepts only what ``allowed_networks`` holds."""
        if any(address in network for network in self.denied_networks):
            return False
        if any(address in network for network in self.allowed_networks):
            return True
        return not internal_only and _is_public(address)

    def allows_all(self, host: str, addresses: Iterable[IPAddress]) -> bool:
        """Judge what a name resolves to: one address that is refused refuses the name.

        A name without a dot is one of the own network: it must lead into ``allowed_networks``.
        """
        internal_only = "." not in host and ":" not in host
        return all(self.allows(each, internal_only=internal_only) for each in addresses)


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _DENIED_IPV4)
    if address.scope_id or address not in _GLOBAL_IPV6:
        return False
    # ISATAP (RFC 5214) embeds an IPv4 address behind this interface identifier.
    isatap = (int(address) >> 32) & 0xFCFFFFFF == 0x00005EFE
    return not isatap and not any(address in network for network in _DENIED_IPV6)


def by_turns(addresses: tuple[IPAddress, ...]) -> list[IPAddress]:
    """Order addresses by families in turn, IPv4 first: no family can use up all the tries."""
    families = [[each for each in addresses if each.version == version] for version in (4, 6)]
    turns = itertools.zip_longest(*families)
    return [each for turn in turns for each in turn if each is not None]
