"""Calls that start imports, look at them and end them, by the API and by the importer."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

from database_contents import status_of
from file_reading import options as import_options
from host_apps import Host
from mailbox_files import Header, row
from waiting import wait_for

IMPORTS = "/v1/mailboxes/imports"
UNDER_WAY = ("queued", "running")


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
    """Post a file whose import goes on by itself; return its id."""
    answer = send(host, csv, **fields)
    assert answer.status_code == 202, answer.text
    return answer.json["data"]["id"]


def look(host: Host, import_id: str) -> dict[str, Any]:
    """Return an import as the API shows it."""
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
    """Ask for failed rows to be tested once more."""
    data = None if body is None else json.dumps(body)
    return call(host, "POST", f"/{import_id}/retry", data=data, **options)


def rows_of(host: Host, import_id: str, status: str = "") -> list[dict[str, Any]]:
    """Return the rows of an import as the API shows them."""
    answer = call(host, "GET", f"/{import_id}/rows", query_string={"status": status})
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


TAG = "spring-tag"


def delete(host: Host, import_id: str, key: str | None = None, query: str = ""):
    """Delete an import; the query says whether its mailboxes go, too."""
    headers = {"X-Api-Key": key if key is not None else host.create_key()}
    address = f"/v1/mailboxes/imports/{import_id}{query}"
    return host.app.test_client().delete(address, headers=headers)


def stage(
    host: Host, csv: str | bytes, workspace_id: str = "w1", *, ask: bool = False, **options: object
) -> str:
    """Stage a file by the importer, without a request; return the import's id."""
    data = csv.encode() if isinstance(csv, str) else csv
    with host.app.app_context():
        importer = host.extension.importer
        return importer.stage_file(
            io.BytesIO(data), import_options(workspace_id=workspace_id, **options), ask=ask
        )


def imported(host: Host, *lines: str, workspace_id: str = "w1") -> str:
    """Import lines without a test; return the import's id."""
    answer = host.post(
        Header + "".join(lines), host.create_key(workspace_id), skipConnectionTest="1", tag=TAG
    )
    return answer.json["data"]["importId"]


def verdict(host, server_or_port, password: str = "pw", **columns: str) -> tuple[str, str]:
    """Import one row; return its code (``active`` when it passed) and hint."""
    port = getattr(server_or_port, "port", server_or_port)
    data = host.post(Header + row("a@example.com", password, port, **columns)).json["data"]
    if data["imported"]:
        return "active", ""
    (error,) = data["errors"]
    return error["code"], error["hint"]


#: What is said of a login that was refused.
WRONG_PASSWORD = "Authentication failed. Check username/password."


def codes_of(data) -> Counter:
    """Count the errors of an import by their codes."""
    return Counter(each["code"] for each in data["errors"])
