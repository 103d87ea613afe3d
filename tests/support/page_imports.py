"""An import by the pages, as somebody in a browser makes it."""

from __future__ import annotations

import io
import re

from host_apps import Host
from leak_search import LeakSearch


def by_pages(host: Host, search: LeakSearch, csv: str | bytes, **fields: str) -> str:
    """Import a file by the pages; return the address of its result."""
    client = host.app.test_client()

    def token(address: str) -> str:
        text = search.answer(client.get(address)).text
        found = re.search('name="csrf_token"[^>]* value="([^"]+)"', text)
        # A page where nothing is left to import has no form.
        return found[1] if found else ""

    data = csv.encode() if isinstance(csv, str) else csv
    address = "/mailboxes/import"
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
    return answer.location or ""
