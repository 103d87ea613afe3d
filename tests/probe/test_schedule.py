"""Twenty logins at a time, in a process that nobody patched; good ones do not wait for bad ones."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from mailbox_files import Header, row, rows_on
from server_replies import last_line, silent

from flask_mailbox_import.testing import CLOSE

MODES = {
    "plain": ({"context": None}, {"ALLOW_PLAINTEXT": True}, "false"),
    "starttls": ({}, {}, "false"),
    "tls": ({"implicit_tls": True}, {}, "true"),
}


def seconds_for(host, rows: str) -> float:
    start = time.monotonic()
    data = host.post(Header + rows).json["data"]
    assert data["failed"] == data["skipped"] == 0
    return time.monotonic() - start


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_twenty_slow_servers_take_about_as_long_as_one(make_host, mail_server, mode):
    server_options, settings, secure = MODES[mode]
    servers = [mail_server(pause=1, **server_options) for _ in range(20)]
    host = make_host(*(server.port for server in servers), **settings)
    one = seconds_for(host, row("one@x.com", "pw", servers[0].port, secure=secure))
    twenty = seconds_for(
        host,
        "".join(row(f"u{each.port}@x.com", "pw", each.port, secure=secure) for each in servers),
    )
    assert twenty < 2 * one


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_never_more_than_twenty_sessions_that_have_not_sent_quit(make_host, mail_server, mode):
    server_options, settings, secure = MODES[mode]
    server = mail_server(pause=1, settle_at=20, **server_options)
    host = make_host(server.port, **settings)
    rows = [
        row(f"u{each}@x.com", "pw", server.port, host=f"h{each % 7}.localhost", secure=secure)
        for each in range(40)
    ]
    seconds_for(host, "".join(rows))
    assert server.open_most == 20


@pytest.mark.slow
def test_concurrency_and_the_share_of_one_host_are_settings(make_host, mail_server):
    narrow = mail_server(pause=1, settle_at=3)
    wide = mail_server(pause=1, settle_at=7)
    host = make_host(narrow.port, wide.port, CONCURRENCY=7, PER_HOST=3)
    rows = [row(f"n{each}@x.com", "pw", narrow.port) for each in range(6)]
    seconds_for(host, "".join(rows))
    assert narrow.open_most == 3
    host = make_host(wide.port, CONCURRENCY=7)
    rows = [row(f"w{each}@x.com", "pw", wide.port) for each in range(14)]
    seconds_for(host, "".join(rows))
    assert wide.open_most == 7


def test_importing_and_running_patches_nothing(make_host, mail_server):
    from gevent import monkey

    server = mail_server()
    host = make_host(server.port)
    seconds_for(host, row("a@x.com", "pw", server.port))
    assert not monkey.is_module_patched("socket")
    assert not monkey.is_module_patched("threading")
    assert socket.socket.__module__ == "socket"


@pytest.mark.slow
def test_good_rows_do_not_wait_for_bad_ones(make_host, mail_server):
    """Ten servers that never answer come first in the file, and take ten of the twenty places."""
    stop = threading.Event()
    bad = [mail_server(replies={"AUTH": silent(stop)}) for _ in range(10)]
    good = mail_server(pause=0.05)
    host = make_host(good.port, *(each.port for each in bad), TIMEOUT=5)
    lines = "".join(rows_on(each, 8, name=f"b{each.port}-") for each in bad)
    done = []
    thread = threading.Thread(
        target=lambda: done.append(host.post(Header + lines + rows_on(good, 60)).json["data"])
    )
    start = time.monotonic()
    thread.start()
    while len(good.logins) < 60 and time.monotonic() - start < 30:
        time.sleep(0.01)
    seconds = time.monotonic() - start
    thread.join(30)
    stop.set()
    assert done[0]["imported"] == 60
    # All good ones were through before the first of the others reached its deadline.
    assert seconds < 5


@pytest.mark.slow
def test_the_rows_of_one_good_server_go_on_among_many_that_hang(make_host, mail_server):
    """More servers hang than there are places, and they come first in the file."""
    stop = threading.Event()
    bad = [mail_server(replies={"EHLO": silent(stop)}) for _ in range(25)]
    good = mail_server(pause=0.02)
    host = make_host(good.port, *(each.port for each in bad), TIMEOUT=3)
    lines = "".join(rows_on(each, 2, name=f"b{each.port}-") for each in bad)
    seen = []

    def count(session):
        seen.append(time.monotonic())
        return good._auth(session, last_line(session))

    good.replies["AUTH"] = count
    start = time.monotonic()
    data = host.post(Header + lines + rows_on(good, 40)).json["data"]
    stop.set()
    assert data["imported"] == 40
    # Before any of the others reached its deadline.
    assert max(seen) - start < 3


@pytest.mark.slow
def test_waiting_takes_no_time_of_the_processor(make_host, mail_server):
    """A server with nothing left to do, one that is silent, and a retry that a stop left over."""
    stop = threading.Event()
    bad = mail_server(replies={"greeting": lambda _session: stop.wait(60) and CLOSE})
    good = mail_server()
    host = make_host(bad.port, good.port, TIMEOUT=5, CONNECT_TIMEOUT=5)
    csv = [row(f"g{each}@x.com", f"pw{each}", good.port) for each in range(200)]
    csv += [row(f"b{each}@x.com", f"pw{each}", bad.port) for each in range(2)]
    key, started, used = host.create_key(), time.monotonic(), time.process_time()
    assert host.post(Header + "".join(csv), key).json["data"]["imported"] == 200
    waited = time.monotonic() - started
    stop.set()
    assert waited >= 5
    assert time.process_time() - used < 0.6 * waited


@pytest.mark.slow
def test_a_limit_counts_connections_of_all_names_of_an_address(make_host, mail_server):
    server = mail_server(replies={"QUIT": slow_goodbye})
    host = make_host(server.port, PER_HOST=2)
    rows = [
        row(f"u{each}@x.com", f"pw{each}", server.port, host=f"h{each}.localhost")
        for each in range(6)
    ]
    assert host.post(Header + "".join(rows)).json["data"]["imported"] == 6
    assert server.open_most <= 2


def slow_goodbye(_session) -> bytes:
    threading.Event().wait(0.2)
    return b"221 bye\r\n"
