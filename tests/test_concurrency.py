"""Twenty at a time, in a process that nobody patched, and never more."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest
from conftest import Header, row

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
def test_importing_the_package_loads_no_optional_package():
    code = (
        "import sys, flask_mailbox_import\n"
        "from gevent import monkey\n"
        "assert not monkey.saved, monkey.saved\n"
        "extra = {'celery', 'python_calamine'} & set(sys.modules)\n"
        "assert not extra, extra\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
