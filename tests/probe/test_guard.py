"""No connection and no look-up that the guard did not allow."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import ExitStack, closing, suppress

import pytest
from mailbox_files import Header, row

from flask_mailbox_import.probe.guard import Guard, NoAddress, Policy, by_turns
from flask_mailbox_import.probe.hub import HubRun

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
PUBLIC = ["8.8.8.8", "1.1.1.1", "185.199.108.153", "2a00:1450:4001:800::200e", "2606:4700::1111"]
DENIED = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1"),
    *("192.0.0.8", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "203.0.113.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.88.99.1"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1"),
    *("fc00::1", "fe80::1", "fec0::1", "ff02::1", "5f00::1", "4000::1", "2620:4f:8000::1"),
    *("2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:7f00:1", "::ffff:0:127.0.0.1"),
]


@pytest.mark.slow
@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text):
    assert Policy().allows(ipaddress.ip_address(text))


@pytest.mark.slow
@pytest.mark.parametrize("text", DENIED)
def test_denied_addresses(text):
    assert not Policy().allows(ipaddress.ip_address(text))


@pytest.mark.slow
def test_a_host_allows_and_denies_networks():
    inside, outside = ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("8.8.8.0/24")
    policy = Policy(allowed_networks=(inside,), denied_networks=(outside,))
    assert policy.allows(ipaddress.ip_address("10.1.2.3"))
    assert not policy.allows(ipaddress.ip_address("10.2.0.1"))
    assert not policy.allows(ipaddress.ip_address("8.8.8.8"))
    assert policy.allows(ipaddress.ip_address("1.1.1.1"))
    assert not policy.allows(ipaddress.ip_address("1.1.1.1"), internal_only=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.0.0.1\0.example.com", "①②⑦.0.0.1"],
)
def test_a_refused_text_causes_no_connection_and_no_look_up(make_host, watch, name):
    host = make_host(ALLOWED_NETWORKS=[])
    data = host.post(Header + row("a@x.com", "pw", 587, host=name)).json["data"]
    assert data["failed"] == 1
    assert watch.connects == watch.look_ups == []


@pytest.mark.slow
def test_the_guard_judges_a_text_itself_before_it_asks():
    names = ("redis", "2130706433", "smtp.example.com:25", "smtp.example.com")

    def work(emit, _draining):
        with Guard(Policy(), dns_timeout=1) as guard:
            guard._look_up = lambda name: emit(name) or ()
            for name in names:
                with suppress(NoAddress):
                    guard.resolve(name)

    with closing(HubRun(work)) as run:
        assert list(run.results(1)) == ["smtp.example.com"]


@pytest.mark.slow
def test_a_refused_address_is_never_connected_to(make_host, watch, mail_server):
    server = mail_server()
    watch.connects.clear()
    host = make_host(server.port, ALLOWED_NETWORKS=["127.0.0.0/8"], DENIED_NETWORKS=["127.0.0.1"])
    csv = Header + row("a@x.com", "pw", server.port, host="mail.localhost")
    assert host.post(csv).json["data"]["errors"][0]["code"] == "dns_failure"
    assert watch.connects == []


@pytest.mark.slow
def test_a_name_is_looked_up_once_and_what_was_judged_is_connected_to(
    make_host, watch, mail_server
):
    server = mail_server()
    host = make_host(server.port)
    rows = [row(f"u{each}@x.com", "pw", server.port, host="localhost") for each in range(5)]
    assert host.post(Header + "".join(rows)).json["data"]["imported"] == 5
    assert set(watch.connects) == {("127.0.0.1", server.port)}
    assert len(watch.look_ups) == 1


@pytest.mark.slow
def test_no_family_of_addresses_uses_up_all_the_tries():
    texts = ["2a00::1", "2a00::2", "2a00::3", "8.8.8.8", "8.8.4.4"]
    ordered = by_turns(tuple(map(ipaddress.ip_address, texts)))
    assert [str(each) for each in ordered] == [
        *("8.8.8.8", "2a00::1", "8.8.4.4", "2a00::2", "2a00::3"),
    ]


class Addresses:
    """Addresses of this machine at one port: one works, some refuse, some are silent."""

    def __init__(self, stack: ExitStack) -> None:
        works = stack.enter_context(socket.create_server(("127.0.0.9", 0), backlog=64))
        self.port = works.getsockname()[1]
        self._stack = stack

    def silent(self, address: str) -> str:
        """The kernel answers nobody at it, as long as two wait to be accepted."""
        self._stack.enter_context(socket.create_server((address, self.port), backlog=0))
        for _ in range(2):
            waits = self._stack.enter_context(socket.socket())
            waits.setblocking(False)
            waits.connect_ex((address, self.port))
        return address


WORKS = "127.0.0.9"


@pytest.fixture
def addresses():
    with ExitStack() as stack:
        yield Addresses(stack)


def connected(addresses: Addresses, order: list[str], seconds: float, times: int) -> list:
    """Connect so many times to a name with these addresses; return where, or the fault's name."""

    def work(emit, _draining):
        with Guard(Policy(allowed_networks=(LOOPBACK,)), dns_timeout=1) as guard:
            guard._look_up = lambda _: tuple(map(ipaddress.ip_address, order))
            for _ in range(times):
                try:
                    with guard.connect("smtp.example.com", addresses.port, seconds) as sock:
                        emit(sock.getpeername()[0])
                except OSError as fault:
                    emit(type(fault).__name__)

    with closing(HubRun(work)) as run:
        return [each for each in run.results(10) if each]


@pytest.mark.parametrize("silent", [0, 1, 3])
def test_four_addresses_are_tried_and_the_one_that_answered_is_first(addresses, watch, silent):
    order = [addresses.silent(f"127.0.1.{each}") for each in range(1, silent + 1)]
    order += [f"127.0.2.{each}" for each in range(1, 4 - silent)] + [WORKS]
    watch.begin()
    assert connected(addresses, order, 2, times=5) == [WORKS] * 5
    asked = [each for each, _ in watch.connects]
    assert asked == [*order, *[WORKS] * 4]


def test_no_more_than_four_addresses_are_tried(addresses):
    order = [f"127.0.2.{each}" for each in range(1, 5)] + [WORKS]
    assert connected(addresses, order, 2, times=1) == ["ConnectionRefusedError"]


@pytest.mark.slow
def test_a_name_with_one_refused_address_is_refused_whole(make_host, watch, mail_server):
    server = mail_server()
    host = make_host(server.port, ALLOWED_NETWORKS=["127.0.0.0/8"])
    # c-ares gives ::1 and 127.0.0.1 for every name under localhost (RFC 6761).
    csv = Header + row("a@x.com", "pw", server.port, host="mail.localhost")
    assert host.post(csv).json["data"]["errors"][0]["code"] == "dns_failure"
    assert watch.connects == []


def test_no_such_host_and_a_refused_address_are_one_answer(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port, ALLOWED_NETWORKS=[], TIMEOUT=5)
    csv = Header + "".join(
        [
            row("a@x.com", "pw", server.port, host="no-such-name.example.com"),
            row("b@x.com", "pw", server.port, host="inside.localhost"),
        ]
    )
    first, second = host.post(csv).json["data"]["errors"]
    assert first["code"] == second["code"] == "dns_failure"
    told = first["error"].replace("no-such-name.example.com", "inside.localhost")
    assert (told, first["hint"]) == (second["error"], second["hint"])
    assert server.sessions == []
