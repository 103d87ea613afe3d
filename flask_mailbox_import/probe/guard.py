"""Refuses private and special IP addresses by our own table; looks a name up once; connects."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import gevent
from gevent import socket
from gevent.resolver.ares import Resolver

from ..core.validators import HostRefused, IPAddress, IPNetwork, judge_host

#: A name with many dead addresses must not use up the whole try.
MAX_ADDRESSES = 2

# IANA IPv4 special-purpose registry, multicast, the reserved 240/4, and Azure's internal address,
# which is public by its number. ipaddress.is_global differs between Python versions and lets
# several of these through, so it is no policy.
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
# IPv6 is refused unless it is in the global unicast space that IANA hands out, less the special
# blocks inside it. That drops mapped, translated, local and multicast space without naming it.
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_DENIED_IPV6 = tuple(
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class NoAddress(Exception):
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


# c-ares: no search list, so that "metadata" is never completed to a name of this network.
_ARES_FLAG_NOSEARCH = 1 << 5

# What a machine without IPv6 says at once to an IPv6 address: no try was made.
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class _Resolver(Resolver):
    """c-ares for every name but localhost, which /etc/hosts has.

    gevent asks the C library for ip6-localhost too, and that blocks the hub, heeds no deadline and
    completes the name from the search list where no file has it.
    """

    _LOCAL_HOSTNAMES = (b"localhost",)


class Guard:
    """Resolves each name once in an import and connects only to addresses that were judged.

    Lives in one hub, as a context manager: the resolver belongs to the loop that made it.
    """

    def __init__(self, policy: Policy, dns_timeout: float) -> None:
        self._policy = policy
        self._dns_timeout = dns_timeout
        #: How many names lead where nothing may be contacted; rows are not told them apart.
        self.refused = 0
        self._look_ups: dict[str, gevent.Greenlet[..., tuple[IPAddress, ...]]] = {}
        self._resolver = _Resolver(
            use_environ=False,
            flags=_ARES_FLAG_NOSEARCH,
            timeout=dns_timeout / 2,
            # c-ares shortens a try to what it has seen of the server, so two tries of a quick one
            # may be over in 2 s: our own deadline is what ends a look-up.
            tries=math.ceil(dns_timeout) + 1,
        )

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *exception: object) -> None:
        gevent.killall(list(self._look_ups.values()))
        self._resolver.close()

    def resolve(self, host: str) -> tuple[IPAddress, ...]:
        """Return the judged addresses of a host; look-ups of one name share one answer.

        :raises NoAddress: no such name, no answer in time, or an address that is not allowed.
        :raises OSError: this process has no free file descriptor to ask with.
        """
        look_up = self._look_ups.get(host)
        if look_up is None:
            # A greenlet of its own: the caller's deadline must not take the answer from the others.
            look_up = self._look_ups[host] = gevent.spawn(self._judged, host)
        addresses = look_up.get()
        if not addresses:
            # Who cannot open anything finds no name; that must not be held against the name.
            socket.socket().close()
            raise NoAddress(host)
        return addresses

    def _judged(self, host: str) -> tuple[IPAddress, ...]:
        """Return the addresses, or none where there is none or one of them may not be reached."""
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
        """Open a TCP connection to a judged address of ``host``, within ``timeout`` seconds.

        :raises NoAddress: see :meth:`resolve`.
        :raises OSError: refused, unreachable, no free file descriptor, or TimeoutError.
        """
        deadline = time.monotonic() + timeout
        fault: OSError = TimeoutError("no time left to connect")
        tries = MAX_ADDRESSES
        for address in by_turns(self.resolve(host)):
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not tries:
                break
            try:
                # An address that is silent leaves a share of the time to the next.
                return self._connect_to(address, port, remaining / tries)
            except OSError as refused:
                fault = refused
                if refused.errno not in _NO_ROUTE:
                    tries -= 1
        raise fault

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
