"""The guarded connection for whoever uses a saved mailbox later; ordinary sockets, no gevent."""

from __future__ import annotations

import ipaddress
import socket

from .config import Config
from .hostnames import HostRefused, IPAddress, judge_host
from .policy import MAX_ADDRESSES, Policy, by_turns


def open_connection(host: str, port: int, timeout: float, config: Config) -> socket.socket:
    """Connect to a mail server as the import's own test does: every address is judged first.

    A mailbox whose test was skipped was judged by its text alone, and a name may lead elsewhere
    today than it did at the test.

    :param timeout: seconds for each address that is tried, and for each read afterwards.
    :raises OSError: of it ``socket.gaierror`` for a name that does not exist or may not be
        contacted, and ``TimeoutError``.
    """
    policy = Policy(
        allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
    )
    refused = socket.gaierror(socket.EAI_NONAME, "no mail server of this name can be reached")
    try:
        name = judge_host(host, policy.allowed_networks)
    except HostRefused:
        raise refused from None
    if port not in config.allowed_ports:
        raise PermissionError(f"port {port} is not in MAILBOX_IMPORT_ALLOWED_PORTS")
    try:
        answers = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        raise refused from None
    addresses = tuple(dict.fromkeys(ipaddress.ip_address(each[4][0]) for each in answers))
    if not policy.allows_all(name, addresses):
        raise refused
    fault: OSError = refused
    for address in by_turns(addresses)[:MAX_ADDRESSES]:
        try:
            return _connected(address, port, timeout)
        except OSError as failed:
            fault = failed
    raise fault


def _connected(address: IPAddress, port: int, timeout: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock
