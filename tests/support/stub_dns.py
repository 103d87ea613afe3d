"""A name server that answers what it is told to, and keeps every question."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Mapping, Sequence

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

#: What one look-up of a name is answered: addresses, behind ``CNAME target`` if that comes first;
#: an empty one is "no such name", None is silence.
Step = Sequence[str] | None
#: Steps by name, one a look-up; the last is repeated.
Zone = Mapping[str, Sequence[Step]]


class StubDNS:
    """Serves UDP on ``address`` as long as the process lives. Its answers may be kept for 0 s."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(address)
        self.begin({}, 0)
        threading.Thread(target=self._serve, daemon=True).start()

    def begin(self, zone: Zone, latency: float) -> None:
        """Answer from ``zone`` from now on, ``latency`` seconds late; forget the questions."""
        self._zone = zone
        self._latency = latency
        self._ids: dict[tuple[str, str], list[int]] = {}

    def questions(self) -> list[tuple[str, str]]:
        """Return name and type of each look-up; a question sent again is still the same one."""
        return [question for question, ids in list(self._ids.items()) for _ in ids]

    def _serve(self) -> None:
        while True:
            data, client = self._sock.recvfrom(4096)
            reply = self._answer(dns.message.from_wire(data))
            if reply is not None:
                send = threading.Timer(self._latency, self._sock.sendto, (reply.to_wire(), client))
                send.daemon = True
                send.start()

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        ids = self._ids.setdefault((name, kind), [])
        if query.id not in ids:
            ids.append(query.id)
        steps = self._zone.get(name, [[]])
        step = steps[min(ids.index(query.id), len(steps) - 1)]
        return None if step is None else _reply(query, question.name, kind, step)


def _reply(
    query: dns.message.Message, name: dns.name.Name, kind: str, step: Sequence[str]
) -> dns.message.Message:
    reply = dns.message.make_response(query)
    if not step:
        reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
    first, *others = step
    if first.startswith("CNAME "):
        target = dns.name.from_text(first.removeprefix("CNAME "))
        reply.answer.append(dns.rrset.from_text(name, 0, "IN", "CNAME", target.to_text()))
        name = target
    else:
        others = [first, *others]
    version = {"A": 4, "AAAA": 6}.get(kind)
    for text in others:
        if ipaddress.ip_address(text).version == version:
            # A set of its own each: dnspython shuffles the records of one.
            reply.answer.append(dns.rrset.from_text(name, 0, "IN", kind, text))
    return reply
