"""An import by the pages, as somebody in a browser makes it."""

from __future__ import annotations

import io
import re
from typing import Any

from host_apps import Host
from http_forms import CSV, FORM, form, part
from leak_search import LeakSearch

UPLOAD = "/mailboxes/import"


def csrf_token(page: str) -> str:
    """Return the token in the form of a page."""
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def token_of(client: Any) -> str:
    """Return a token for the forms of a client."""
    return csrf_token(client.get(UPLOAD).text)


def upload(client: Any, csv: str, **fields: str) -> Any:
    """Upload a file by the page; byte by byte, as the test client leaves large ones on disk."""
    fields = {"csrf_token": token_of(client), **fields}
    return client.post(UPLOAD, data=form(csv=csv, **fields), content_type=FORM)


def stage_by_page(host: Host, csv: str = CSV) -> str:
    """Upload a file for w1 by the page; return the import's id."""
    client = host.app.test_client()
    body = form(part("csrf_token", token_of(client)), csv=csv, skipConnectionTest="true")
    answer = client.post(UPLOAD, data=body, content_type=FORM)
    assert answer.status_code == 303
    return answer.location.split("/")[-2]


def by_pages(host: Host, search: LeakSearch, csv: str | bytes, **fields: str) -> str:
    """Import a file by the pages; return the address of its result."""
    client = host.app.test_client()

    def token(address: str) -> str:
        text = search.answer(client.get(address)).text
        found = re.search('name="csrf_token"[^>]* value="([^"]+)"', text)
        # A page where nothing is left to import has no form.
        return found[1] if found else ""

    data = csv.encode() if isinstance(csv, str) else csv
    address = UPLOAD
    form = {"csrf_token": token(address), "file": (io.BytesIO(data), "m.csv"), **fields}
    answer = search.answer(client.post(address, data=form))
    while answer.status_code == 303 and answer.location.endswith("/check"):
        address = answer.location
        form = {"csrf_token": token(address), "encoding": "windows-1252"}
        if "encoding" not in client.get(address).text:
            del form["encoding"]
        answer = search.answer(client.post(address, data=form))
    if answer.status_code == 303:
        search.answer(client.get(answer.location))
        search.answer(client.get(answer.location + "/report.csv"))
        search.answer(client.get(answer.location + "/failed.csv"))
    return answer.location or ""
