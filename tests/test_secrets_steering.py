"""The canary password again: imports that go on by themselves, and corrections."""

from __future__ import annotations

import re
import time

from conftest import Header, row
from sinks import CANARY
from ways import by_pages, csv_of, refuse_outcomes

PAGE = "/mailboxes/import"


def wait(client, address: str, key: str | None = None) -> str:
    """Return what a finished import's page, or resource, says."""
    headers = {"X-Api-Key": key} if key else {}
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        text = client.get(address, headers=headers).text
        if not re.search(r'data-under-way="yes"|"status": "(queued|running)"', text):
            return text
    raise AssertionError("it does not end")


def token(text: str) -> str:
    return re.search('name="csrf_token"[^>]* value="([^"]+)"', text)[1]


def test_the_password_is_nowhere_in_the_background(sinks, mail_server):
    server = mail_server(accounts={})
    host, found = sinks(server.port, RUNNER="thread")
    client = host.app.test_client()
    address = by_pages(host, found, csv_of(server.port))
    page = wait(client, address)
    server.accounts = {"a@x.com": CANARY}
    for where in (address, f"{address}/progress", f"{address}?show=skipped", "/mailboxes/imports"):
        found.answer(client.get(where))
    form = {"csrf_token": token(page), "2.password": CANARY, "2.email": "a@x.com"}
    found.answer(client.post(f"{address}/retry", data=form))
    assert "1 mailbox imported" in wait(client, address)
    for what in ("cancel", "continue", "delete"):
        found.answer(client.post(f"{address}/{what}", data=form))


def test_nor_where_a_correction_is_refused_or_the_database_breaks(sinks, mail_server):
    server = mail_server(accounts={})
    host, found = sinks(server.port, RUNNER="thread")
    key, client = host.create_key(), host.app.test_client()
    headers = {"X-Api-Key": key}
    answer = host.post(Header + row("a@x.com", "no", server.port), key)
    address = f"/v1/mailboxes/imports/{answer.json['data']['importId']}"
    for columns in ({"password": CANARY, "color": "red"}, {"password": CANARY, "smtphost": "a b"}):
        body = {"corrections": {"2": columns}}
        found.answer(client.post(f"{address}/retry", headers=headers, json=body))
    body = {"corrections": {"2": {"password": CANARY, "smtphost": "localhost"}}}
    refuse_outcomes(host)
    answer = found.answer(client.post(f"{address}/retry", headers=headers, json=body))
    assert answer.status_code == 500
    page = client.get(address.replace("/v1/mailboxes/imports", PAGE)).text
    form = {"csrf_token": token(page), "2.password": CANARY}
    answer = client.post(f"{address.replace('/v1/mailboxes/imports', PAGE)}/retry", data=form)
    assert found.answer(answer).status_code == 500
    assert "traceback" in [where for where, _ in found.found]
