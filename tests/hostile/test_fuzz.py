"""Whatever is sent to whatever route: never a fault of ours, and JSON where JSON is promised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from app_routes import routes
from host_apps import Host, host_of_kind
from http_forms import CSV, FORM, PATH, Body, chunked, part
from hypothesis import given, settings
from hypothesis import strategies as st
from mailbox_files import Header
from page_imports import token_of

#: Of the file's one row nothing is tested: it has no password.
ROW = CSV.replace(",pw,", ",,")
FIELDS = ("tag", "skipConnectionTest", "dryRun", "testImap", "encoding", "onDuplicate")
WORDS = ("true", "0", "", "skip", "utf-16", "{", '{"a": "email"}', '{"\\ud800": null}')
KINDS = ("plain", "csrf last")

texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30)
names = st.sampled_from(["file", *FIELDS, "columnMapping", "csrf_token"]) | st.text(max_size=20)
values = st.sampled_from([ROW, Header, *WORDS]) | st.text(max_size=60) | st.binary(max_size=60)
filenames = st.none() | st.sampled_from(['filename="m.csv"', 'filename=""', "filename*=x''%ff"])
parts = st.builds(part, names | st.none(), values, filenames | texts)
bodies = st.lists(parts | st.binary(max_size=40), max_size=6).map(b"".join)
ended = st.builds(bytes.__add__, bodies, st.sampled_from([b"--b--", b"--b", b"", b"\r\n--b--\r\n"]))
media_types = st.just(FORM) | st.sampled_from(["", "multipart/form-data", f"{FORM}; charset=x"])
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("Authorization", "X-Api-Key", "X-Workspace-Id", "Prefer", "Cookie", "Accept"),
                *("Content-Encoding", "Transfer-Encoding", "Expect", "Range", "If-None-Match"),
                *("X-HTTP-Method-Override", "X-CSRFToken", "Origin", "Referer", "Host"),
            ]
        ),
        texts | st.sampled_from(["bearer sk_x", "respond-async", "gzip", "chunked", "w1"]),
    ),
    max_size=4,
)
lengths = st.none() | st.sampled_from(["-1", "x", "0", "5", "99999999999"])
calls = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["POST"] * 6 + ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]),
        "query": texts,
        "headers": headers,
        "media_type": media_types | texts,
        "body": ended,
        "length": lengths,
        "in_chunks": st.booleans(),
        "import_id": texts,
        "kind": st.sampled_from(KINDS),
        "route": st.integers(0, 20),
    }
)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory) -> Iterator[dict[str, tuple[Host, str, str]]]:
    """A host without and with a CSRFProtect, a key of each and a token of its pages."""
    with ExitStack() as stack:
        made = {}
        for kind in KINDS:
            folder = tmp_path_factory.mktemp("fuzz")
            host = stack.enter_context(host_of_kind(folder, kind))
            made[kind] = host, host.create_key(), token_of(host.app.test_client())
        yield made


def send(host: Host, address: str, call: dict[str, Any], *more: tuple[str, str], body: bytes):
    environ: dict[str, object] = {"CONTENT_TYPE": call["media_type"]}
    if call["in_chunks"]:
        environ = {**chunked(Body(body, len(body))), **environ}
    elif call["length"] is not None:
        environ["CONTENT_LENGTH"] = call["length"]
    return host.app.test_client().open(
        address,
        method=call["method"],
        query_string=call["query"],
        headers=[*call["headers"], *more],
        data=body,
        environ_overrides=environ,
    )


def is_ours(answer: Any) -> bool:
    """Whether this is the answer of an API route, of which only a report is no JSON."""
    if answer.status_code in (200, 204) or answer.request.method == "HEAD":
        return True
    body = answer.json
    return answer.is_json and {"error", "message", "code", "reason"} <= set(body)


def fuzz(hosts: dict[str, tuple[Host, str, str]], call: dict[str, Any], with_key: bool) -> None:
    host, key, token = hosts[call["kind"]]
    apis = [rule for rule, _ in routes(host, api=True) if call["kind"] == "plain" or rule == PATH]
    pages = [rule for rule, _ in routes(host, api=False)]
    # Most is to be found where a form is read.
    rules = [*apis, *pages, *[PATH] * (21 - len(apis) - len(pages))]
    rule = rules[call["route"] % len(rules)]
    more, body = [], call["body"]
    if with_key and rule in apis:
        more = [("X-Api-Key", key)]
    elif with_key:
        body = part("csrf_token", token) + body
    import_id = call["import_id"].replace("/", "") or "x"
    answer = send(host, rule.format(quote(import_id)), call, *more, body=body)
    assert answer.status_code < 500, answer.text
    assert rule in pages or is_ours(answer), answer.text


def examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


@examples(40)
@given(call=calls, with_key=st.booleans())
def test_no_call_is_a_fault_of_ours(hosts, call, with_key):
    """The case http-052-openapi-fuzz, as far as the default run goes."""
    fuzz(hosts, call, with_key)


@pytest.mark.slow
@examples(4000)
@given(call=calls, with_key=st.just(True) | st.booleans())
def test_none_of_many_calls_is_a_fault_of_ours(hosts, call, with_key):
    fuzz(hosts, call, with_key)
