"""Calls at once against a real server: nothing is stored twice, and what was begun is finished."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from http_forms import SKIP, form
from http_sockets import Reply, ask, served
from mailbox_files import Header, row
from server_replies import held


@pytest.mark.slow
def test_the_same_file_twice_at_once_adds_each_mailbox_once(make_host):
    """The case http-044-double-submit."""
    host = make_host()
    headers = {"X-Api-Key": host.create_key()}
    csv = Header + "".join(row(f"u{each}@x.com", "pw", 587) for each in range(500))
    together = threading.Barrier(3)
    with served(host.app) as port, ThreadPoolExecutor(3) as pool:

        def post() -> Reply:
            together.wait(30)
            return ask(port, headers, form(csv=csv, **SKIP))

        answers = [each.result(120) for each in [pool.submit(post) for _ in range(3)]]
    assert [each.status_code for each in answers] == [200] * 3
    data = [each.json["data"] for each in answers]
    assert [each["failed"] for each in data] == [0] * 3
    assert sum(each["imported"] for each in data) == 500
    assert sum(each["skipped"] for each in data) == 1000
    assert len(host.mailboxes()) == 500


@pytest.mark.slow
def test_what_was_begun_with_a_key_that_is_revoked_is_finished(make_host, mail_server):
    """The case http-012-revoked-during-import."""
    began, released = queue.Queue(), threading.Event()
    server = mail_server(replies=held(began, released))
    host = make_host(server.port, TIMEOUT=60)
    key = host.create_key()
    csv = Header + "".join(row(f"u{each}@x.com", "pw", server.port) for each in range(30))
    with ThreadPoolExecutor(1) as pool:
        import_ = pool.submit(host.post, csv, key)
        try:
            began.get(timeout=60)
            assert host.run("revoke-key", "1").exit_code == 0
        finally:
            released.set()
        assert import_.result(60).json["data"]["imported"] == 30
    assert host.post(csv, key).status_code == 401
