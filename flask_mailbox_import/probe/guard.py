"""Looks up names, refuses private and special IP addresses by our own table, and connects."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import gevent
from gevent import socket
from gevent.resolver.ares import Resolver

from ..core.validators import HostRefused, IPAddress, IPNetwork, judge_host

#: How many addresses of a name are tried: many dead ones must not use up the whole TIMEOUT.
MAX_ADDRESSES = 4

# The IANA IPv4 special-purpose registry, multicast, the reserved 240/4, and Azure's internal
# address, which has a public number. ipaddress.is_global is not used: it differs between versions
# of Python, and several of these count as global there.
_DENIED_IPV4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",
    )
)
# An IPv6 address must be in IANA's global unicast space, but not in a special block inside it. So
# mapped, translated, local and multicast addresses are refused.
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_DENIED_IPV6 = tuple(
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class NoAddress(Exception):
    """The name does not exist or may not be contacted; callers are not told which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The networks that a host app allows beside public addresses, and those that it denies."""

    allowed_networks: tuple[IPNetwork, ...] = ()
    denied_networks: tuple[IPNetwork, ...] = ()

    def allows(self, address: IPAddress, *, internal_only: bool = False) -> bool:
        """Tell whether an address may be contacted; ``internal_only``: allowed networks only."""
        if any(address in network for network in self.denied_networks):
            return False
        if any(address in network for network in self.allowed_networks):
            return True
        return not internal_only and _is_public(address)

    def allows_all(self, host: str, addresses: Iterable[IPAddress]) -> bool:
        """Tell whether a name may be contacted: all its addresses must be allowed.

        A name without a dot is internal: its addresses must be in ``allowed_networks``.
        """
        internal_only = "." not in host and ":" not in host
        return all(self.allows(each, internal_only=internal_only) for each in addresses)


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _DENIED_IPV4)
    if address.scope_id or address not in _GLOBAL_IPV6:
        return False
    # ISATAP (RFC 5214): an IPv4 address stands behind this interface identifier.
    isatap = (int(address) >> 32) & 0xFCFFFFFF == 0x00005EFE
    return not isatap and not any(address in network for network in _DENIED_IPV6)


def by_turns(addresses: tuple[IPAddress, ...]) -> list[IPAddress]:
    """Order addresses IPv4, IPv6, IPv4, ...: neither family can use up all tries."""
    families = [[each for each in addresses if each.version == version] for version in (4, 6)]
    turns = itertools.zip_longest(*families)
    return [each for turn in turns for each in turn if each is not None]


S = TypeVar("S")


def connect_in_turn(
    addresses: Iterable[IPAddress], seconds: float, connect_to: Callable[[IPAddress, float], S]
) -> S:
    """Return the connection to the first address that answers, within so many seconds in all.

    A silent address leaves each of the next ones its share of the time; a refusal takes no time.

    :param connect_to: connects to an address within so many seconds.
    :raises OSError: the fault of the last address that was tried.
    """
    deadline = time.monotonic() + seconds
    fault: OSError = TimeoutError("no time left to connect")
    order = list(addresses)
    tries = MAX_ADDRESSES
    for number, address in enumerate(order):
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not tries:
            break
        try:
            return connect_to(address, remaining / min(tries, len(order) - number))
        except OSError as refused:
            fault = refused
            if refused.errno not in _NO_ROUTE:
                tries -= 1
    raise fault


# c-ares: no search list, which would complete "metadata" to a name of this network.
_ARES_FLAG_NOSEARCH = 1 << 5

# What connect() raises at once on a machine without IPv6. It does not count as a try.
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class _Resolver(Resolver):
    """c-ares for every name but localhost, which is in /etc/hosts.

    gevent's own class also asks the C library for ip6-localhost. That would block the hub, without
    a deadline, and use the search list.
    """

    _LOCAL_HOSTNAMES = (b"localhost",)


class Guard:
    """Looks up each name once in an import, and connects only to addresses that may be contacted.

    It is a context manager in one hub: the resolver belongs to the event loop that made it.
    """

    def __init__(self, policy: Policy, dns_timeout: float) -> None:
        self._policy = policy
        self._dns_timeout = dns_timeout
        #: How many names may not be contacted. The log tells the number; rows get DNS_FAILURE.
        self.refused = 0
        self._look_ups: dict[str, gevent.Greenlet[..., tuple[IPAddress, ...]]] = {}
        #: The address of each server that has answered.
        self._answered: dict[tuple[str, int], IPAddress] = {}
        self._resolver = _Resolver(
            use_environ=False,
            flags=_ARES_FLAG_NOSEARCH,
            timeout=dns_timeout / 2,
            # c-ares waits less for a DNS server that was quick before; two tries may take only 2 s.
            # With more tries, our own deadline ends the look-up.
            tries=math.ceil(dns_timeout) + 1,
        )

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *exception: object) -> None:
        gevent.killall(list(self._look_ups.values()))
        self._resolver.close()

    def resolve(self, host: str) -> tuple[IPAddress, ...]:
        """Return the addresses of a host if they may be contacted. A name is looked up once.

        :raises NoAddress: there is no such name, no answer in time, or an address is not allowed.
        :raises OSError: this process has no free file descriptor for the look-up.
        """
        look_up = self._look_ups.get(host)
        if look_up is None:
            # In a greenlet of its own, because others may wait for it beyond the caller's deadline.
            look_up = self._look_ups[host] = gevent.spawn(self._judged, host)
        addresses = look_up.get()
        if not addresses:
            # Without a free file descriptor no look-up works: then this raises OSError.
            socket.socket().close()
            raise NoAddress(host)
        return addresses

    def _judged(self, host: str) -> tuple[IPAddress, ...]:
        """Return the addresses of a host; none where one of them may not be contacted."""
        try:
            judge_host(host, self._policy.allowed_networks)
        except HostRefused:
            self.refused += 1
            return ()
        addresses = self._look_up(host)
        if self._policy.allows_all(host, addresses):
            return addresses
        self.refused += 1
        return ()

    def _look_up(self, host: str) -> tuple[IPAddress, ...]:
        try:
            return (ipaddress.ip_address(host),)
        except ValueError:
            pass
        deadline = gevent.Timeout(self._dns_timeout)
        deadline.start()
        try:
            answers = self._resolver.getaddrinfo(host, 0, 0, socket.SOCK_STREAM)
        except (OSError, gevent.Timeout):
            return ()
        finally:
            deadline.close()
        return tuple(dict.fromkeys(ipaddress.ip_address(answer[4][0]) for answer in answers))

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Open a TCP connection to an allowed address of ``host``, within ``timeout`` seconds.

        The address that answered last is tried first.

        :raises NoAddress: see :meth:`resolve`.
        :raises OSError: it failed or timed out, or there is no free file descriptor.
        """
        addresses = by_turns(self.resolve(host))
        known = self._answered.get((host, port))
        # The sort is stable: the others keep their order.
        addresses.sort(key=lambda each: each != known)
        sock = connect_in_turn(
            addresses, timeout, lambda address, seconds: self._connect_to(address, port, seconds)
        )
        self._answered[host, port] = ipaddress.ip_address(sock.getpeername()[0])
        return sock

    def _connect_to(self, address: IPAddress, port: int, timeout: float) -> socket.socket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect((str(address), port))
            if ipaddress.ip_address(sock.getpeername()[0]) != address:
                raise ConnectionRefusedError("connected to another address than was judged")
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        return sock
