"""Imports that go on by themselves: start them, look at them, and have a server hold them up."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Header, Host, row

IMPORTS = "/v1/mailboxes/imports"
UNDER_WAY = ("queued", "running")


def wait_for(what: Callable[[], Any], seconds: float = 10) -> Any:
    """Ask again and again until the answer is true; return it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.01)
    return found


def file_of(port: int, *names: str, password: str = "pw") -> str:
    return Header + "".join(row(f"{each}@x.com", password, port) for each in names)


def untested(count: int) -> str:
    """Return a file of so many mailboxes, for imports that do not test them."""
    lines = [row(f"u{each}@x.com", "pw", 587, host="smtp.x.com") for each in range(count)]
    return Header + "".join(lines)


def call(host: Host, method: str, path: str = "", *, key: str | None = None, **options: Any):
    """Call what is below the imports; an address from the root is taken as it is."""
    headers = {"X-Api-Key": key or host.create_key(), **options.pop("headers", {})}
    path = path if path.startswith("/v1") else IMPORTS + path
    return host.app.test_client().open(path, method=method, headers=headers, **options)


def send(host: Host, csv: str, *, key: str | None = None, **fields: str):
    """Post a file, and rather not wait."""
    data = {"file": (io.BytesIO(csv.encode()), "mailboxes.csv"), **fields}
    path = "/v1/mailboxes/import/smtp"
    return call(host, "POST", path, key=key, data=data, headers={"Prefer": "respond-async"})


def sent(host: Host, csv: str, **fields: str) -> str:
    answer = send(host, csv, **fields)
    assert answer.status_code == 202, answer.text
    return answer.json["data"]["id"]


def look(host: Host, import_id: str) -> dict[str, Any]:
    answer = call(host, "GET", f"/{import_id}")
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def ended(host: Host, import_id: str, status: str = "finished") -> dict[str, Any]:
    """Wait until nobody is at it any more; return the import."""
    wait_for(lambda: status_of(host, import_id) not in UNDER_WAY)
    found = look(host, import_id)
    assert found["status"] == status, found
    return found


def retry(host: Host, import_id: str, body: object = None, **options: Any):
    data = None if body is None else json.dumps(body)
    return call(host, "POST", f"/{import_id}/retry", data=data, **options)


def rows_of(host: Host, import_id: str, status: str = "") -> list[dict[str, Any]]:
    answer = call(host, "GET", f"/{import_id}/rows", query_string={"status": status})
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def stored(host: Host, import_id: str):
    """Return an import as the database has it; nobody's runner is woken by that."""
    with host.app.app_context():
        return host.db.session.get(host.extension.models.import_, import_id)


def status_of(host: Host, import_id: str) -> str:
    return stored(host, import_id).status


def change(host: Host, import_id: str, **values: object) -> None:
    """Change an import in the database, as another process would."""
    with host.app.app_context():
        found = host.db.session.get(host.extension.models.import_, import_id)
        for name, value in values.items():
            setattr(found, name, value)
        host.db.session.commit()


def runner_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "mailbox-import-runner"]


class Gate:
    """What a server says to AUTH, once it is let: yes, but for the passwords called ``no``."""

    def __init__(self) -> None:
        self._open = threading.Event()
        #: Logins that wait, or have waited, at the gate.
        self.came = 0

    def __call__(self, session: Any) -> bytes:
        self.came += 1
        self._open.wait(20)
        refused = session.logins[-1][1] == "no"
        return b"535 5.7.8 no\r\n" if refused else b"235 2.7.0 ok\r\n"

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate(make_host, mail_server) -> Iterator[Gate]:  # noqa: ARG001 (it ends before them)
    """Give a gate; it is open at the end of the test, and every runner at its end too."""
    made = Gate()
    yield made
    made.open()
    for thread in runner_threads():
        thread.join(15)
        assert not thread.is_alive()
