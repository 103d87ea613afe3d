"""Questions to name servers: answered, silent, hostile; and nothing else of the hub waits."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import ExitStack, closing

import gevent
import pytest
from name_server import NameServer

from flask_mailbox_import.core.mail_records import ServiceTarget
from flask_mailbox_import.probe.dns_client import mail_records, name_servers
from flask_mailbox_import.probe.hub import HubRun

D = "d.example"
ZONE = {
    (D, "MX"): ["20 b.d.example.", "10 a.d.example."],
    (f"_submissions._tcp.{D}", "SRV"): ["0 1 465 smtp.d.example."],
    (f"_imap._tcp.{D}", "SRV"): ["0 0 0 ."],
}


def names_of(domain):
    services = ("submissions", "submission", "imaps", "imap")
    return [(domain, "MX"), *((f"_{each}._tcp.{domain}", "SRV") for each in services)]


def in_hub(work):
    """Return what a function returns in the hub of connection tests."""
    with closing(HubRun(lambda emit, _draining: emit(work()))) as run:
        return next(each for each in run.results(0.01) if each is not None)


def ask(*servers, domains=(D,), dns_timeout=5.0, seconds=10.0):
    addresses = [getattr(each, "address", each) for each in servers]
    return in_hub(
        lambda: mail_records(
            domains, dns_timeout=dns_timeout, seconds=seconds, name_servers=addresses
        )
    )


def test_five_questions_tell_the_records_of_a_domain():
    with NameServer(ZONE) as server:
        found = ask(server)[D]
    assert found.mx == ("a.d.example", "b.d.example")
    assert found.submissions == (
        ServiceTarget(host="smtp.d.example", port=465, priority=0, weight=1),
    )
    assert found.imap == (ServiceTarget(host="", port=0, priority=0, weight=0),)
    assert found.imaps == found.submission == ()
    assert sorted(server.questions) == [
        "_imap._tcp.d.example SRV",
        "_imaps._tcp.d.example SRV",
        "_submission._tcp.d.example SRV",
        "_submissions._tcp.d.example SRV",
        "d.example MX",
    ]


def test_a_long_answer_comes_over_tcp():
    many = [f"10 host-{number:03}.some-long-domain.example." for number in range(40)]

    def hook(data, transport):
        cut = data[:2] + b"\x83\x80" + data[4:]
        return [cut] if transport == "udp" else None

    with NameServer({(D, "MX"): many}, hook) as server:
        assert len(ask(server)[D].mx) == 40


def test_an_answer_over_tcp_that_never_comes_costs_no_other_answer():
    is_over = threading.Event()

    def hook(data, transport):
        if transport == "tcp":
            is_over.wait()
            return []
        # The question that is asked first.
        return [data[:2] + b"\x83\x80" + data[4:]] if b"_submissions" in data else None

    with NameServer(ZONE, hook) as server:
        found = ask(server, dns_timeout=1)
        is_over.set()
    assert found[D].mx == ("a.d.example", "b.d.example")
    assert not found[D].is_whole


def test_a_domain_in_capitals_is_the_same_domain():
    with NameServer(ZONE) as server:
        assert ask(server, domains=["D.Example"])["D.Example"].mx == ("a.d.example", "b.d.example")


@pytest.mark.parametrize("domain", ["a..b", "x" * 64, ".".join(["x" * 60] * 4)])
def test_what_is_no_name_is_left_out_without_a_word(domain, capfd):
    with NameServer(ZONE) as server:
        assert set(ask(server, domains=[domain, D], dns_timeout=0.5)) == {D}
    assert capfd.readouterr().err == ""


def test_a_fault_and_silence_are_answered_by_the_next_server():
    with NameServer(dict.fromkeys(names_of(D), "SERVFAIL")) as broken, NameServer(ZONE) as good:
        assert ask(broken, good)[D].mx
    with NameServer(hook=lambda *_: ()) as silent, NameServer(ZONE) as good:
        assert ask(silent, good)[D].mx
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as nobody:
        nobody.bind(("127.0.0.1", 0))
        free = nobody.getsockname()
    with NameServer(ZONE) as good:
        assert ask(free, good)[D].mx


def test_what_no_server_answers_is_left_out():
    with NameServer(dict.fromkeys(names_of(D), "SERVFAIL")) as broken:
        assert ask(broken) == {}
        assert len(broken.questions) == 5
    with NameServer(dict.fromkeys(names_of(D))) as silent:
        assert ask(silent, dns_timeout=0.5) == {}
    with NameServer(dict.fromkeys(names_of(D))) as silent:
        assert ask(silent, dns_timeout=60, seconds=0.3) == {}


@pytest.mark.parametrize("fault", ["SERVFAIL", None])
def test_what_is_answered_counts_where_another_question_is_not(fault):
    with NameServer({**ZONE, (f"_imaps._tcp.{D}", "SRV"): fault}) as server:
        found = ask(server, dns_timeout=0.5)[D]
    assert not found.is_whole
    assert found.mx == ("a.d.example", "b.d.example")
    with NameServer(ZONE) as server:
        assert ask(server)[D].is_whole


def test_a_silent_first_server_costs_little():
    domains = [f"d{number}.example" for number in range(200)]
    zone = {(each, "MX"): [f"10 mx.{each}."] for each in domains}
    with NameServer(hook=lambda *_: ()) as silent, NameServer(zone) as good:
        found = ask(silent, good, domains=domains)
    assert len(found) == 200
    assert all(found[each].mx == (f"mx.{each}",) for each in domains)


def forged(data: bytes, count: int) -> list[bytes]:
    """Return answers that name an evil host: by other ids, to other questions."""
    answer = data[12:] + b"\xc0\x0c" + struct.pack("!HHIH", 15, 1, 60, 8) + b"\x00\x01\x04evil\x00"
    header = struct.pack("!5H", 0x8180, 1, 1, 0, 0)
    own = int.from_bytes(data[:2], "big")
    others = [((own + each) % 65536).to_bytes(2, "big") for each in range(1, count + 1)]
    return [each + header + answer for each in others]


def test_forged_answers_are_ignored():
    def hook(data, _transport):
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 15, 1, 60, 5) + b"\x00\x01\x01a\x00"
        genuine = data[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + data[12:] + answer
        return [*forged(data, 10), genuine]

    with NameServer(hook=hook) as server:
        assert ask(server)[D].mx == ("a",)


def slowly(data: bytes):
    """Yield some bytes, and then single ones until the client has gone."""
    yield data
    pace = threading.Event()
    while not pace.wait(0.01):
        yield b"x"


def hostile(kind: str):
    def hook(data, transport):
        other = data[:2] + b"\x81\x80" + data[4:12] + b"\x04evil" + data[12:]
        if kind == "flood":
            return forged(data, 300)
        if kind == "another question":
            return [other] * 70
        if kind == "no message":
            return [b"\x00" * 20, b"x" * 5000, data[:2]]
        cut = data[:2] + b"\x83\x80" + data[4:]
        if transport == "udp":
            return [cut]
        return {
            "cut without end": [len(cut).to_bytes(2, "big") + cut],
            "65,535 bytes": [b"\xff\xff", b"x" * 65535],
            "closed": [],
            "a part": [b"\x10\x00", b"x"],
            "byte by byte": slowly(b"\x10\x00"),
        }[kind]

    return hook


KINDS = ["flood", "another question", "no message", "cut without end", "65,535 bytes", "closed"]


@pytest.mark.parametrize("kind", [*KINDS, "a part", "byte by byte"])
def test_a_hostile_server_has_no_answer(kind):
    with NameServer(hook=hostile(kind)) as server:
        assert ask(server, dns_timeout=0.6) == {}


def longest_stall(work) -> float:
    """Return for how many seconds the hub let nothing else run during some work."""

    def measured():
        longest, is_over = [0.0], []

        def tick():
            before = time.perf_counter()
            while not is_over:
                gevent.sleep(0)
                now = time.perf_counter()
                longest[0], before = max(longest[0], now - before), now

        ticking = gevent.spawn(tick)
        work()
        is_over.append(True)
        ticking.join()
        return longest[0]

    return in_hub(measured)


def test_a_hostile_server_holds_the_hub_no_longer_than_a_good_one():
    domains = [f"d{number}.example" for number in range(30)]
    zone = {(each, "MX"): [f"10 mx.{each}."] for each in domains}

    def stall(server):
        return longest_stall(
            lambda: mail_records(domains, dns_timeout=0.5, seconds=2, name_servers=[server.address])
        )

    with ExitStack() as stack:
        good = stack.enter_context(NameServer(zone))
        usual = max(stall(good) for _ in range(3))
        servers = [stack.enter_context(NameServer(hook=hostile(each))) for each in KINDS]
        stalls = [stall(each) for each in servers]
    # The servers' threads take the interpreter's lock now and then, whoever asks.
    assert max(stalls) < 10 * usual, (usual, stalls)


def test_the_machines_name_servers(tmp_path):
    path = tmp_path / "resolv.conf"
    text = "search x\nnameserver 192.0.2.1\noptions rotate\nnameserver 2001:db8::1\n"
    path.write_text(f"{text}nameserver nonsense\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n")
    assert name_servers(str(path)) == tuple(
        (each, 53) for each in ("192.0.2.1", "2001:db8::1", "192.0.2.3")
    )
    path.write_text("# none\n")
    assert name_servers(str(path)) == (("127.0.0.1", 53),)
    assert name_servers(str(tmp_path / "none")) == (("127.0.0.1", 53),)
