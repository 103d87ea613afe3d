"""Which addresses may be reached: resolve once, judge every address, connect to what was judged."""

from __future__ import annotations

import errno
import ipaddress
import math
import time

import gevent
from gevent import socket
from gevent.resolver.ares import Resolver

from ..hostnames import HostRefused, IPAddress, judge_host
from ..policy import MAX_ADDRESSES, NoAddress, Policy, by_turns

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
