"""The places of imports, and the limit of refused logins, against many calls and forged headers."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from host_apps import Host
from http_forms import FORM, PATH, SKIP, form
from http_sockets import Reply, ask, head, served
from mailbox_files import Header, row
from server_replies import held


@pytest.mark.slow
def test_of_a_hundred_imports_only_as_many_run_as_may(make_host, mail_server):
    """The case http-045-100-imports: the others are asked to come again; the host answers."""
    began, released = queue.Queue(), threading.Event()
    server = mail_server(replies=held(began, released))
    host = make_host(server.port, MAX_RUNNING=3, TIMEOUT=60)
    host.app.add_url_rule("/health", view_func=lambda: "well")
    keys = [{"X-Api-Key": host.create_key(each)} for each in ("w1", "w2")]
    answers: queue.Queue[Reply] = queue.Queue()
    with served(host.app) as port, ThreadPoolExecutor(100) as pool:

        def post(number: int) -> None:
            csv = Header + "".join(row(f"u{number}{n}@x.com", "pw", server.port) for n in "ab")
            answers.put(ask(port, keys[number % 2], form(csv=csv)))

        calls = [pool.submit(post, number) for number in range(100)]
        try:
            refused = [answers.get(timeout=60) for _ in range(97)]
            assert ask(port, {}, target="/health", method="GET").text == "well"
            for _ in range(6):
                began.get(timeout=60)
            assert server.open_now == len(server.logins) == 6
        finally:
            released.set()
        taken = [answers.get(timeout=60) for _ in range(3)]
        assert [each.result(60) for each in calls] == [None] * 100
        again = ask(port, keys[0], form(csv=Header + row("z@x.com", "pw", server.port)))
    assert {each.status_code for each in refused} == {429}
    assert {each.json["reason"] for each in refused} == {"too_many_running"}
    assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
    assert [each.json["data"]["imported"] for each in [*taken, again]] == [2, 2, 2, 1]
    assert len(host.mailboxes("w1") + host.mailboxes("w2")) == len(host.rows()) == 7


def test_a_slow_upload_takes_no_place_of_an_import(make_host):
    """The case http-049-slow-upload: a place is taken when the whole file is there."""
    host = make_host(MAX_RUNNING=1)
    headers = {"X-Api-Key": host.create_key()}

    def body(name: str) -> bytes:
        return form(csv=Header + row(f"{name}@x.com", "pw", 587), **SKIP)

    with served(host.app) as port:
        slow = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(5)]
        for number, each in enumerate(slow):
            data = head(headers, length=len(body(f"s{number}"))) + body(f"s{number}")
            each.sendall(data[:-1])
        assert ask(port, headers, body("fast")).json["data"]["imported"] == 1
        assert host.rows()[0].email == "fast@x.com"
        for each in slow:
            each.sendall(b"\n")
            assert Reply(each).json["data"]["imported"] == 1
            each.close()
    assert len(host.mailboxes()) == 6


ADDRESSES = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP")


def refused_until(host: Host, port: int, headers: Callable[[], dict[str, str]]) -> int:
    """Return how many calls with a wrong password were made until one was not allowed."""
    client = host.app.test_client()
    for number in itertools.count():
        body = form(csv=Header + row(f"u{number}@x.com", "wrong", port))
        answer = client.post(PATH, data=body, content_type=FORM, headers=headers())
        if answer.status_code == 429:
            assert answer.json["reason"] == "too_many_refused_logins"
            assert int(answer.headers["Retry-After"]) > 0
            return number
        assert answer.json["data"]["failed"] == 1
    raise AssertionError


@pytest.mark.slow
def test_no_header_lifts_the_limit_of_refused_logins(make_host, mail_server):
    """The case http-046-xff-spoof: nor does another key of the workspace, nor a platform's."""
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=3)
    plain = {"X-Api-Key": host.create_key("w1")}
    assert refused_until(host, server.port, lambda: plain) == 3
    addresses = (f"203.0.113.{number}" for number in itertools.count())

    def spoofed() -> dict[str, str]:
        key = host.create_key("w2", "w1", platform=True)
        told = {name: next(addresses) for name in ADDRESSES}
        return {"X-Api-Key": key, "X-Workspace-Id": "w2", "Host": "other.example", **told}

    assert refused_until(host, server.port, spoofed) == 3
    assert refused_until(host, server.port, lambda: {**spoofed(), "X-Workspace-Id": "w1"}) == 0
    assert len(server.logins) == 6
