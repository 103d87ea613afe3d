"""Many at once against a real server: places are counted, nothing is stored twice, hosts answer."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Header, Host, row
from raw_http import FORM, PATH, form
from raw_wire import Reply, ask, head, served

from flask_mailbox_import.testing.smtp import OK_235

SKIP = {"skipConnectionTest": "true"}


def held(began: queue.Queue[None], released: threading.Event) -> dict[str, Callable[..., bytes]]:
    """Return what a mail server says to a login: that somebody waits, and, much later, yes."""

    def answer(_session: object) -> bytes:
        began.put(None)
        assert released.wait(60)
        return OK_235

    return {"AUTH": answer}


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
