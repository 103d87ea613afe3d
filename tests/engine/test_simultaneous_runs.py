"""Imports that run at once in one process share what an address takes, and leave nothing behind."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest
from database_contents import status_of
from gevent.hub import Hub
from import_calls import call, ended, sent
from mailbox_files import Header, file_of, row
from waiting import runner_threads, wait_for

pytestmark = pytest.mark.slow


def names(stem: str, count: int) -> list[str]:
    return [f"{stem}{number}" for number in range(count)]


def test_four_imports_have_no_more_connections_to_a_server_than_one(make_host, mail_server):
    server = mail_server(pause=0.1, settle_at=5)
    host = make_host(server.port, RUNNER="thread", MAX_RUNNING=4, WORKSPACE_RUNNING=4, PER_HOST=5)
    imports = [sent(host, file_of(server.port, *names(stem, 15))) for stem in "abcd"]
    assert [ended(host, each)["imported"] for each in imports] == [15] * 4
    assert server.open_most == 5


def test_a_row_does_not_wait_for_all_of_another_import_at_its_server(make_host, mail_server):
    server = mail_server(pause=0.05)
    host = make_host(server.port, RUNNER="thread", PER_HOST=1)
    many = sent(host, file_of(server.port, *names("many", 40)))
    wait_for(lambda: server.logins)
    one = sent(host, file_of(server.port, "one"))
    assert ended(host, one)["imported"] == 1
    assert status_of(host, many) == "running"
    assert ended(host, many)["imported"] == 40
    assert server.open_most == 1


def test_what_one_import_learnt_of_a_server_the_next_one_knows(make_host, mail_server):
    refused = []

    def greet(_session):
        if server.open_now > 4:
            refused.append(_session)
            return b"421 4.7.0 Too many connections from your address\r\n"
        return b"220 go on\r\n"

    server = mail_server(replies={"greeting": greet}, pause=0.05)
    host = make_host(server.port)
    assert host.post(file_of(server.port, *names("a", 20))).json["data"]["imported"] == 20
    first, refused[:] = len(refused), []
    assert host.post(file_of(server.port, *names("b", 20))).json["data"]["imported"] == 20
    assert first >= 10
    assert len(refused) <= first / 2


def test_a_run_that_is_broken_off_keeps_no_place_at_its_server(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", PER_HOST=2, TIMEOUT=60)
    lost = sent(host, file_of(server.port, *names("a", 10)))
    wait_for(lambda: gate.came == 2)
    assert call(host, "DELETE", f"/{lost}").status_code == 204
    wait_for(lambda: runner_threads() == [])
    gate.open()
    again = sent(host, file_of(server.port, *names("b", 4)))
    assert ended(host, again)["imported"] == 4


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def hubs() -> int:
    gc.collect()
    return sum(isinstance(each, Hub) for each in gc.get_objects())


def test_a_hundred_imports_leave_no_thread_no_hub_and_no_connection(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port, RUNNER="thread", MAX_RUNNING=4, WORKSPACE_QUEUED=100)
    ended(host, sent(host, Header + row("warm@x.com", "pw", server.port)))
    wait_for(lambda: runner_threads() == [])
    wait_for(lambda: server.open_now == 0)
    before = (threading.active_count(), hubs())
    files = open_files()
    imports = [sent(host, file_of(server.port, f"u{each}")) for each in range(100)]
    assert [ended(host, each)["imported"] for each in imports] == [1] * 100
    wait_for(lambda: server.open_now == 0)
    wait_for(lambda: (threading.active_count(), hubs()) <= before)
    # The database's pool keeps some connections.
    assert open_files() <= files + 10
