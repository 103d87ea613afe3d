"""The import inside real servers: each kind of gunicorn's workers."""

from __future__ import annotations

import pytest
from http_forms import form
from http_sockets import ask
from import_calls import IMPORTS
from mailbox_files import Header, row

pytestmark = pytest.mark.slow


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
