"""Calls of an attacker, from ``data/hostile_http.json``: keys, fields, bodies, media types.

``input``: ``headers`` in their order (``{key}`` and the like are keys, see ``keys_of``), ``fields``
as name, text and what stands behind the name, ``file`` (null: none; ``[text, times]``: a text
repeated), ``media_type``, ``path`` behind the address. In ``expect`` a ``reason`` is that of an
error; without one the call imports the file's one row, with the ``tag``.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import session
from host_apps import Host, new_host
from http_forms import CSV, FORM, PATH, Body, assert_json, form, part
from project_paths import read_data
from written_files import written

CASES = read_data("hostile_http.json")
REFUSED = [case for case in CASES if "reason" in case["expect"]]
TAKEN = [case for case in CASES if "reason" not in case["expect"]]

#: Where the shared data expects something else than the contract (its codes have other names, too).
CHANGED = {
    "http-010-workspace-key-names-other-workspace": "a form has no field of this name: 400",
    "http-012-revoked-during-import": "what was begun is finished; the key's next call is refused",
    "http-027-filename-crlf": "a name of a file is not kept at all",
    "http-028-filename-script": "as above",
    "http-029-filename-traversal": "as above",
    "http-030-filename-bidi": "as above",
    "http-032-filename-ansi": "as above",
    "http-033-two-files": "the closed list has no code of its own for this: invalid_field",
    "http-038-tag-control-chars": "a tag is cleaned, not refused; it is in no header",
    "http-041-get-foreign-import": "its report, DELETE and the pages; reading it is not built yet",
    "http-045-100-imports": "what is counted is the imports of a process: MAX_RUNNING",
    "http-049-slow-upload": "a server's own time-out ends it; ours is that it takes no place",
}
#: The cases that are a test of their own, beside those of the data.
ELSEWHERE = {
    "test_uploads": (
        *("http-020-html-form-2mib-with-csrfprotect", "http-051-largest-legal-upload"),
    ),
    "test_forms": (
        *("http-027-filename-crlf", "http-028-filename-script", "http-029-filename-traversal"),
        *("http-030-filename-bidi", "http-032-filename-ansi"),
    ),
    "test_routes": (
        *("http-041-get-foreign-import", "http-047-error-json-shape"),
        "http-048-unhandled-exception",
    ),
    "test_sessions": ("http-018-html-get-frame-headers",),
    "test_simultaneous_calls": ("http-012-revoked-during-import", "http-044-double-submit"),
    "test_limits": ("http-045-100-imports", "http-046-xff-spoof", "http-049-slow-upload"),
    "test_fuzz": ("http-052-openapi-fuzz",),
}
#: The cases that do not apply.
NOT_THERE = {
    "http-042-stream-foreign-import": "there is no stream of progress: an answer comes at the end",
    "http-043-stream-abandoned": "as above",
}


def keys_of(host: Host) -> dict[str, str]:
    key, revoked = host.create_key("w1"), host.create_key("w1")
    listed = host.run("keys").output.splitlines()
    assert host.run("revoke-key", listed[-1].split("\t")[0]).exit_code == 0
    platform = host.create_key("w1", "w2", platform=True)
    last = "A" if key[-1] != "A" else "B"
    return {
        "key": key,
        "second": host.create_key("w1"),
        "other": host.create_key("w2"),
        "revoked": revoked,
        "platform": platform,
        "confused": f"sk_user_{key.removeprefix('sk_')}",
        "unconfused": f"sk_{platform.removeprefix('sk_user_')}",
        "mistyped": key[:-1] + last,
        "capitals": key.upper(),
    }


def host_with_sign_in(tmp_path: Path, ca_file: str) -> Host:
    host = new_host(tmp_path / "host.sqlite", ca_file)

    @host.app.get("/sign-in")
    def sign_in() -> str:
        session["workspace"] = "w1"
        return ""

    @host.extension.workspace_loader
    def workspace() -> str | None:
        return session.get("workspace")

    return host


@pytest.fixture(scope="module")
def shared(tmp_path_factory, ca_file) -> Iterator[tuple[Host, dict[str, str]]]:
    """A host of whose calls nothing comes, and keys of all kinds."""
    with closing(host_with_sign_in(tmp_path_factory.mktemp("http"), ca_file)) as host:
        yield host, keys_of(host)


@pytest.fixture(scope="module")
def taking(tmp_path_factory, ca_file) -> Iterator[tuple[Host, str]]:
    """A host for the calls that are taken, and a key of it."""
    with closing(new_host(tmp_path_factory.mktemp("taken") / "host.sqlite", ca_file)) as host:
        yield host, host.create_key()


def body_of(case: dict[str, Any], keys: dict[str, str]) -> bytes:
    given = case["input"]
    if "body" in given:
        return given["body"].encode()
    if "part_header" in given:
        return b'--b\r\nContent-Disposition: form-data; name="file' + b"x" * given["part_header"]
    file = given.get("file", CSV)
    csv = file[0] * file[1] if isinstance(file, list) else file
    parts = [
        part(name, text.format(**keys), *more) for name, text, *more in given.get("fields", ())
    ]
    return form(*parts, csv=gzip.compress(csv.encode()) if given.get("gzip") else csv)


def call(host: Host, keys: dict[str, str], case: dict[str, Any], **environ: object):
    given = case["input"]
    client = host.app.test_client()
    if given.get("signed_in"):
        assert client.get("/sign-in").status_code == 200
        assert client.get("/mailboxes/import").status_code == 200
    return client.post(
        PATH + given.get("path", "").format(**keys),
        data=body_of(case, keys),
        content_type=given.get("media_type", FORM),
        headers=[(name, text.format(**keys)) for name, text in given["headers"]],
        environ_overrides=environ,
    )


def test_every_case_of_the_shared_data_is_a_test_or_said_to_be_none():
    ids = [case["id"] for case in CASES]
    assert len(set(ids)) == len(ids)
    ours = {each for each in ids if not each.startswith("our-")}
    elsewhere = [each for names in ELSEWHERE.values() for each in names]
    told = [*ours, *elsewhere, *NOT_THERE]
    assert len(told) == len(set(told)) == 40
    assert set(CHANGED) < set(told)
    folder = Path(__file__).parent
    for module, names in ELSEWHERE.items():
        source = (folder / f"{module}.py").read_text()
        assert [each for each in names if each not in source] == []


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["id"])
def test_a_call_is_refused_by_name_and_nothing_comes_of_it(shared, watch, caplog, case):
    host, keys = shared
    caplog.set_level(logging.DEBUG)
    data = body_of(case, keys)
    body = Body(data, len(data))
    with written() as files:
        answer = call(host, keys, case, **{"wsgi.input": body})
    assert_json(answer, case["expect"]["status"], case["expect"]["reason"])
    assert host.rows() == host.mailboxes() == host.mailboxes("w2") == []
    assert files == watch.connects == watch.look_ups == []
    assert body.reads == 0 or answer.status_code not in (401, 415)
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    told = answer.text + str(answer.headers) + caplog.text
    assert [name for name, key in keys.items() if key in told] == []
    assert not any(each in told for each in ("CANARYPW", "Traceback"))


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case["id"])
def test_what_is_odd_and_right_is_taken(taking, case):
    host, key = taking
    fields = [*case["input"].get("fields", ()), ["skipConnectionTest", "true"]]
    file = {"file": CSV.replace("a@example.com", f"{case['id']}@example.com")}
    taken = {**case, "input": {**case["input"], "fields": fields, **file}}
    answer = call(host, {"key": key}, taken)
    assert answer.status_code == 200, answer.text
    assert answer.json["data"]["imported"] == 1
    mailbox = host.mailboxes()[-1]
    assert mailbox.email == f"{case['id']}@example.com"
    assert mailbox.tag == case["expect"].get("tag")
    assert "Set-Cookie" not in answer.headers
