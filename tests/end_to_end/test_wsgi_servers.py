"""The import inside real servers: each kind of gunicorn's workers."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from example_site import APP, Site
from http_forms import form
from http_sockets import ask
from import_calls import IMPORTS
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


@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_each_kind_of_worker_imports_twenty_at_a_time(mail_server, site, gunicorn, worker):
    server = mail_server(pause=1, settle_at=20)
    host = site(server.port)
    key = host.command("create-key", "--workspace", "w1").stdout.strip()
    rows = "".join(row(f"u{each}@x.com", "pw", server.port) for each in range(40))
    listening = gunicorn(host, "-k", worker, "--threads", "2")
    caller = {"X-Api-Key": key}
    answer = ask(listening, caller, form(csv=Header + rows))
    assert '"imported": 40, "skipped": 0, "failed": 0' in answer.text
    assert server.open_most == 20
    rows = "".join(row(f"v{each}@x.com", "pw", server.port) for each in range(20))
    prefer = {**caller, "Prefer": "respond-async"}
    answer = ask(listening, prefer, form(csv=Header + rows)).json["data"]
    assert answer["imported"] == 0
    # The worker answers while it tests.
    seen = set()
    while answer["status"] != "finished":
        target = f"{IMPORTS}/{answer['id']}"
        answer = ask(listening, caller, target=target, method="GET").json["data"]
        seen.add(answer["status"])
    assert "running" in seen
    assert answer["imported"] == 20
