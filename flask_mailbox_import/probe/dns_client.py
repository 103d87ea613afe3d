"""Asks name servers for the mail records of domains: over gevent's sockets, each within a time."""

from __future__ import annotations

import io
import ipaddress
import secrets
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import gevent
from gevent import socket
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool

from ..core.mail_records import MailRecords
from .dns_answers import MAX_BYTES, Answer, BadAnswer, Kind, Question, read_answer

Address = tuple[str, int]

#: The services of a domain, by our names for their records (RFC 6186, RFC 8314).
_SERVICES = ("submissions", "submission", "imaps", "imap")
#: So many domains are asked at the same time; each has one or two sockets open.
_AT_ONCE = 200
#: At most this many datagrams are read for a question; a forger may send many.
_MAX_DATAGRAMS = 64
#: In seconds: a name server that is silent for so long is joined by the next one.
_PATIENCE = 1.0
_PORT = 53
#: As the C library's resolver (resolv.conf(5)).
_MAX_SERVERS = 3


def name_servers(path: str = "/etc/resolv.conf") -> tuple[Address, ...]:
    """Return the name servers of this machine, at most three; 127.0.0.1 where none is set."""
    # Imported here: it adds 30 ms to the start of an app that never looks up a server.
    from dns.resolver import NoResolverConfiguration, Resolver

    resolver = Resolver(configure=False)
    with suppress(NoResolverConfiguration, OSError):
        lines = Path(path).read_text("utf-8", "replace").splitlines()
        # One wrong address, or another option, must not make it refuse the others.
        known = [line for line in lines if _is_name_server(line)]
        resolver.read_resolv_conf(io.StringIO("\n".join(known[:_MAX_SERVERS])))
    return tuple((str(each), _PORT) for each in resolver.nameservers) or (("127.0.0.1", _PORT),)


def _is_name_server(line: str) -> bool:
    words = line.split()[:2]
    if len(words) < 2 or words[0] != "nameserver":
        return False
    with suppress(ValueError):
        return "%" not in words[1] and bool(ipaddress.ip_address(words[1]))
    return False


def mail_records(
    domains: Iterable[str],
    *,
    dns_timeout: float,
    seconds: float,
    name_servers: Sequence[Address],
) -> dict[str, MailRecords]:
    """Return the mail records of domains, as far as they are answered in time.

    A domain without an answer is left out, and so is one that is no name in DNS (RFC 1035
    section 2.3.4).

    It runs on the hub of the caller's thread, and lets its other greenlets run.

    :param dns_timeout: seconds for each domain.
    :param seconds: for all of them.
    :param name_servers: to ask, the first one first.
    """
    from dns.exception import DNSException

    found: dict[str, MailRecords] = {}
    servers = _Servers(name_servers)
    pool, turn = Pool(_AT_ONCE), BoundedSemaphore()

    def ask(domain: str) -> None:
        # Not of a name: gevent would print the domain with the traceback.
        with suppress(DNSException):
            records = _Domain(domain.lower(), servers, turn, dns_timeout).ask()
            if records is not None:
                found[domain] = records

    try:
        for each in domains:
            pool.spawn(ask, each)
        pool.join(timeout=seconds)
    finally:
        pool.kill(block=False)
    return found


class _Servers:
    """The name servers, those that were silent last."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._silent = dict.fromkeys(addresses, 0)

    def in_order(self) -> list[Address]:
        return sorted(self._silent, key=lambda each: self._silent[each])

    def heard(self, address: Address) -> None:
        self._silent[address] = 0

    def was_silent(self, address: Address) -> None:
        self._silent[address] += 1


class _Domain:
    """The five questions about one domain, all asked at the same time."""

    def __init__(
        self, domain: str, servers: _Servers, turn: BoundedSemaphore, seconds: float
    ) -> None:
        self._domain = domain
        self._servers = servers
        #: Held while a message is written or read, and until the hub has gone round: many at once,
        #: or a flood, must not hold it.
        self._turn = turn
        self._deadline = time.monotonic() + seconds
        self._patience = min(_PATIENCE, seconds / 2)
        names = {f"_{each}._tcp.{domain}": Kind.SRV for each in _SERVICES} | {domain: Kind.MX}
        ids = secrets.SystemRandom().sample(range(1 << 16), len(names))
        #: What is not answered yet, by its id.
        self._open = {
            number: Question(id=number, name=name, kind=kind)
            for number, (name, kind) in zip(ids, names.items(), strict=True)
        }
        self._answers: dict[str, Answer] = {}
        #: How many datagrams may still be read.
        self._budget = _MAX_DATAGRAMS * len(names)

    def ask(self) -> MailRecords | None:
        """Return the records, as far as they are answered in time; None where none is."""
        servers = deque(self._servers.in_order())
        while self._open and servers and self._budget and self._left() > 0:
            server = servers.popleft()
            try:
                with _connected(server, socket.SOCK_DGRAM) as sock:
                    may_know = self._ask_server(server, sock)
            except OSError:
                # Refused, or no route: another server may know, and this one a little later.
                may_know = True
                self._servers.was_silent(server)
                gevent.sleep(self._patience / 10)
            if may_know:
                servers.append(server)
        if not self._answers:
            return None
        none = Answer()
        found = {
            each: self._answers.get(f"_{each}._tcp.{self._domain}", none).services
            for each in _SERVICES
        }
        mx = self._answers.get(self._domain, none).mx
        return MailRecords(**found, mx=mx, is_whole=not self._open)

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _ask_server(self, server: Address, sock: socket.socket) -> bool:
        """Ask one server what is still open; return whether it may know more if asked again."""
        asked, cut = dict(self._open), list[Question]()
        for each in asked.values():
            with self._turn:
                sock.send(_written(each))
                gevent.sleep(0)
        until = time.monotonic() + min(self._patience, self._left())
        while (
            len(asked) > len(cut) and self._budget and (remaining := until - time.monotonic()) > 0
        ):
            self._budget -= 1
            sock.settimeout(remaining)
            try:
                data = sock.recv(MAX_BYTES + 1)
            except TimeoutError:
                break
            question = asked.get(int.from_bytes(data[:2], "big"))
            if question is None or question in cut:
                gevent.sleep(0)
            elif self._read(server, data, question, asked):
                cut.append(question)
        self._ask_over_tcp(server, cut, asked)
        if asked:
            self._servers.was_silent(server)
        return bool(asked)

    def _read(
        self, server: Address, data: bytes, question: Question, asked: dict[int, Question]
    ) -> bool:
        """Note what a message answers to a question, if it is an answer to it.

        :returns: whether it is one of which the rest did not fit.
        """
        try:
            answer = self._decoded(data, question)
        except BadAnswer:
            return False
        if answer.is_truncated:
            return True
        self._servers.heard(server)
        del asked[question.id]
        if answer.is_valid:
            del self._open[question.id]
            self._answers[question.name] = answer
        return False

    def _decoded(self, data: bytes, question: Question) -> Answer:
        with self._turn:
            gevent.sleep(0)
            return read_answer(data, question)

    def _ask_over_tcp(
        self, server: Address, cut: list[Question], asked: dict[int, Question]
    ) -> None:
        """Ask again what did not fit, once all else is read: many networks drop TCP.

        One by one, as each needs a file descriptor; a silent one leaves the others their share.
        """
        until = time.monotonic() + min(self._patience, self._left())
        for number, each in enumerate(cut):
            share = max(0.0, until - time.monotonic()) / (len(cut) - number)
            with self._turn:
                # Many domains ask again at the same time, each with a new connection.
                gevent.sleep(0)
            with suppress(OSError):
                self._read(server, _over_tcp(server, each, share), each, asked)


def _over_tcp(server: Address, question: Question, seconds: float) -> bytes:
    """Return the answer to a question over TCP (RFC 7766).

    :raises OSError: none came within so many seconds, or it is too long.
    """
    late = gevent.Timeout(seconds, TimeoutError("no answer in time"))
    with late, _connected(server, socket.SOCK_STREAM) as sock:
        written = _written(question)
        sock.sendall(len(written).to_bytes(2, "big") + written)
        length = int.from_bytes(_received(sock, 2), "big")
        if length > MAX_BYTES:
            raise ConnectionError("the answer is too long")
        return _received(sock, length)


def _received(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise ConnectionError("the name server closed the connection")
        data += more
        # Single bytes, always one more to read, would hold the hub, and the deadline with it.
        gevent.sleep(0)
    return data


def _connected(server: Address, kind: int) -> socket.socket:
    """Return a socket that only this server reaches, from a random port of our own.

    ``create_connection`` would ask gevent's resolver for the address, and that a thread.
    """
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    sock = socket.socket(family, kind)
    try:
        sock.connect(server)
    except BaseException:
        sock.close()
        raise
    return sock


def _written(question: Question) -> bytes:
    import dns.flags
    import dns.message

    query = dns.message.make_query(question.name, question.kind.name, id=question.id)
    query.flags = dns.flags.RD
    return query.to_wire()
