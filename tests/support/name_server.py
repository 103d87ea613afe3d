"""A name server of ours: it answers from a zone, or with what a hook returns."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

#: Records as text by name and type: ``{("d.example", "MX"): ["10 mail.d.example."]}``. A name that
#: is not there does not exist; ``SERVFAIL`` in place of the records is that fault, None is silence.
Zone = Mapping[tuple[str, str], Sequence[str] | str | None]
#: Returns the datagrams, or for TCP the bytes, that answer a question; None: as the zone says.
Hook = Callable[[bytes, str], Iterable[bytes] | None]


class NameServer:
    """Serves UDP and TCP on one port of 127.0.0.1, a free one unless told, until it is closed."""

    def __init__(self, zone: Zone | None = None, hook: Hook | None = None, port: int = 0) -> None:
        self._zone, self._hook = zone or {}, hook
        #: Each question as ``NAME TYPE``, in the order in which they came.
        self.questions: list[str] = []
        self._udp, self._tcp = _sockets(port)
        self.address: tuple[str, int] = self._udp.getsockname()
        self._threads = [
            threading.Thread(target=each, daemon=True)
            for each in (self._serve_udp, self._serve_tcp)
        ]
        for each in self._threads:
            each.start()

    def __enter__(self) -> NameServer:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        # A datagram ends recvfrom, which closing the socket would not.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.address)
        for each in self._threads:
            each.join()
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while data_and_client := self._udp.recvfrom(4096):
            data, client = data_and_client
            if not data:
                return
            for each in self._answers(data, "udp"):
                self._udp.sendto(each, client)

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                with connection, contextlib.suppress(OSError):
                    length = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
                    data = connection.recv(length, socket.MSG_WAITALL)
                    for each in self._answers(data, "tcp"):
                        connection.sendall(each)

    def _answers(self, data: bytes, transport: str) -> Iterable[bytes]:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.questions.append(f"{name} {kind}")
        if self._hook is not None and (raw := self._hook(data, transport)) is not None:
            return raw
        records = self._zone.get((name, kind), ())
        if records is None:
            return ()
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if records == "SERVFAIL":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif records:
            for each in records:
                alias = each.startswith("CNAME ")
                text, of = (each[6:], "CNAME") if alias else (each, kind)
                owner, _, text = text.rpartition("@") if "@" in text else (name, "", text)
                reply.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", of, text))
        elif not any(each[0] == name for each in self._zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        wire = reply.to_wire()
        return (wire,) if transport == "udp" else (len(wire).to_bytes(2, "big") + wire,)


def _sockets(port: int) -> tuple[socket.socket, socket.socket]:
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", port))
        tcp = socket.socket()
        try:
            tcp.bind(udp.getsockname())
            tcp.listen(64)
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp
