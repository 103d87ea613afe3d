"""A client that a program makes of the description works: openapi-python-client, as published."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from http_sockets import served
from mailbox_files import Header, row


@pytest.fixture
def generated(make_host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a package that was generated from the description."""
    document = tmp_path / "openapi.json"
    client = make_host().app.test_client()
    document.write_bytes(client.get("/v1/mailboxes/openapi.json").data)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    folder = tmp_path / "generated_client"
    options = ["--path", str(document), "--output-path", str(folder)]
    subprocess.run([*command, *options], check=True, capture_output=True, timeout=60)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder.name
    for name in [each for each in sys.modules if each.split(".")[0] == folder.name]:
        del sys.modules[name]


def test_it_imports_a_file_lists_gets_retries_and_deletes(generated, make_host, mail_server):
    def part(name: str) -> ModuleType:
        return importlib.import_module(f"{generated}.{name}")

    accounts = {"a@x.com": "pw"}
    server = mail_server(accounts=accounts)
    host = make_host(server.port)
    csv = Header + row("a@x.com", "pw", server.port) + row("b@x.com", "pw", server.port)
    models, types = part("models"), part("types")
    with served(host.app) as port:
        client = part("client").AuthenticatedClient(
            base_url=f"http://127.0.0.1:{port}", token=host.create_key()
        )
        body = models.ImportMailboxesBody(
            file=types.File(payload=io.BytesIO(csv.encode()), file_name="mailboxes.csv"), tag="t"
        )
        done = part("api.mailboxes.import_mailboxes").sync(client=client, body=body).data
        assert (done.imported, done.failed, done.errors[0].row) == (1, 1, 3)
        imports = part("api.imports.list_imports").sync(client=client).data
        assert [(each.id, each.tag) for each in imports] == [(done.import_id, "t")]
        accounts["b@x.com"] = "pw"
        again = models.RetryRowsBody(rows=[3])
        retried = part("api.imports.retry_rows").sync(done.import_id, client=client, body=again)
        assert retried.data.imported == 2
        found = part("api.imports.get_import").sync(done.import_id, client=client).data
        assert (found.status.value, found.failed) == ("finished", 0)
        deleted = part("api.imports.delete_import").sync_detailed(done.import_id, client=client)
        assert deleted.status_code == 204
        gone = part("api.imports.get_import").sync(done.import_id, client=client)
        assert (gone.code, gone.reason.value) == (404, "not_found")
