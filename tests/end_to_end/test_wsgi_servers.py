"""The import inside real servers: each kind of gunicorn's workers."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest
from example_site import APP, Site
from mailbox_files import Header, row

pytestmark = pytest.mark.slow


@pytest.fixture
def gunicorn() -> Iterator[Callable[..., int]]:
    """Start gunicorn with one kind of worker on a socket of ours; return its port."""
    with ExitStack() as stack:

        def start(site: Site, *options: str) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            bind = ["--bind", f"fd://{listener.fileno()}"]
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--timeout", "120", *bind, *options, APP],
                env=site.environment,
                cwd=site.folder,
                pass_fds=[listener.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            return listener.getsockname()[1]

        yield start


def post(port: int, key: str, csv: str, prefer: str = "") -> bytes:
    body = (
        '--b\r\nContent-Disposition: form-data; name="file"; filename="m.csv"\r\n\r\n'
        f"{csv}\r\n--b--\r\n"
    )
    headers = {"X-Api-Key": key, "Content-Type": "multipart/form-data; boundary=b"}
    headers |= {"Prefer": prefer} if prefer else {}
    with closing(HTTPConnection("127.0.0.1", port, timeout=40)) as connection:
        connection.request("POST", "/v1/mailboxes/import/smtp", body, headers)
        return connection.getresponse().read()


def get(port: int, key: str, import_id: str) -> bytes:
    with closing(HTTPConnection("127.0.0.1", port, timeout=40)) as connection:
        connection.request("GET", f"/v1/mailboxes/imports/{import_id}", headers={"X-Api-Key": key})
        return connection.getresponse().read()


@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_each_kind_of_worker_imports_twenty_at_a_time(mail_server, site, gunicorn, worker):
    server = mail_server(pause=1, settle_at=20)
    host = site(server.port)
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    rows = "".join(row(f"u{each}@x.com", "pw", server.port) for each in range(40))
    listening = gunicorn(host, "-k", worker, "--threads", "2")
    answer = post(listening, key, Header + rows)
    assert b'"imported": 40, "skipped": 0, "failed": 0' in answer
    assert server.open_most == 20
    rows = "".join(row(f"v{each}@x.com", "pw", server.port) for each in range(20))
    answer = json.loads(post(listening, key, Header + rows, "respond-async"))["data"]
    assert answer["imported"] == 0
    # The worker answers while it tests.
    seen = set()
    while answer["status"] != "finished":
        answer = json.loads(get(listening, key, answer["id"]))["data"]
        seen.add(answer["status"])
    assert "running" in seen
    assert answer["imported"] == 20
