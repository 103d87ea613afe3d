"""A run of one mailbox of each server; the others wait until a person goes on."""

from __future__ import annotations

import pytest
from import_calls import call, ended, look, rows_of, stage
from mailbox_files import Header, row

from flask_mailbox_import.core.imports import Extent


@pytest.fixture(params=["inline", "thread"])
def host(request, make_host, server, other):
    return make_host(server.port, other.port, RUNNER=request.param)


@pytest.fixture
def server(mail_server):
    return mail_server(replies={"AUTH": lambda session: _reply(session)})


def _reply(session) -> bytes:
    return b"235 ok\r\n" if session.logins[-1][1] == "pw" else b"535 no\r\n"


@pytest.fixture
def other(mail_server):
    return mail_server()


def start(host, import_id: str, extent: Extent):
    with host.app.app_context():
        host.extension.importer.start(import_id, workspace_id="w1", extent=extent)
    return ended(host, import_id, "cancelled" if extent is Extent.SAMPLE else "finished")


def test_one_mailbox_of_each_server_is_tested_and_then_the_others(host, server, other):
    lines = "".join(row(f"a{n}@x.com", "pw", server.port) for n in range(5))
    lines += "".join(row(f"b{n}@x.com", "pw", other.port, host="127.0.0.1") for n in range(3))
    import_id = stage(host, Header + lines)
    found = start(host, import_id, Extent.SAMPLE)
    assert (found["imported"], found["ready"], found["failed"]) == (2, 6, 0)
    assert [each.email for each in host.mailboxes()] == ["a0@x.com", "b0@x.com"]
    assert len(server.logins) + len(other.logins) == 2
    assert call(host, "POST", f"/{import_id}/continue").status_code == 202
    found = ended(host, import_id)
    assert (found["imported"], found["ready"]) == (8, 0)
    assert len(server.logins) + len(other.logins) == 8


def test_a_failed_row_of_them_is_corrected_without_the_others(host, server):
    lines = row("a0@x.com", "no", server.port)
    lines += "".join(row(f"a{n}@x.com", "pw", server.port) for n in range(1, 4))
    import_id = stage(host, Header + lines)
    start(host, import_id, Extent.SAMPLE)
    body = {"corrections": {"2": {"password": "pw"}}}
    assert call(host, "POST", f"/{import_id}/retry", json=body).status_code == 202
    found = ended(host, import_id, "cancelled")
    assert (found["imported"], found["ready"], found["failed"]) == (1, 3, 0)
    assert {each["status"] for each in rows_of(host, import_id)} == {"imported", "ready"}
    call(host, "POST", f"/{import_id}/continue")
    assert ended(host, import_id)["imported"] == 4
    assert look(host, import_id)["ready"] == 0
