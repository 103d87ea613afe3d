"""Bodies of an attacker: what is read of them, what memory they take, what of them is kept."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import request
from host_apps import KINDS, Host, host_of_kind
from http_forms import FILE_HEAD, FORM, PATH, ROOM, Body, assert_json, chunked, form, part, post
from mailbox_files import Header
from page_imports import UPLOAD, token_of
from process_memory import peak_kilobytes
from signals_and_logs import logged
from written_files import written

pytestmark = pytest.mark.slow

DRESSED = ("csrf first", "csrf last", "hook")
LIMIT = 500_000
CANARY = "CANARYPW"


@pytest.fixture(scope="module")
def refusing(tmp_path_factory) -> Iterator[Callable[..., Host]]:
    """One host of each kind, for what is refused."""
    with ExitStack() as stack:

        @functools.cache
        def host(kind: str = "plain") -> Host:
            return stack.enter_context(host_of_kind(tmp_path_factory.mktemp("uploads"), kind))

        yield host


def padded(size: int, rows: int = 500) -> str:
    """Return a file of exactly this size, with its passwords and names as long as they may be."""
    line = "u{}@example.com,{},smtp.example.com,,587,false,{}\n"
    lines = [line.format(number, CANARY + "p" * 800, "n" * 100) for number in range(rows)]
    text = Header[:-1] + ",displayname\n" + "".join(lines)
    return text + "\n" * (size - len(text))


def test_the_largest_upload_is_taken_and_one_byte_more_is_not(make):
    """The cases http-051-largest-legal-upload and http-025, with what they leave on the disk."""
    host = make()
    with written() as files:
        fields = {"skipConnectionTest": "true", "tag": "spring"}
        refused = post(host, form(csv=padded(LIMIT + 1), **fields))
        assert_json(refused, 413, "file_too_large")
        assert refused.json["details"] == {"maxFileSize": LIMIT}
        assert host.rows() == []
        taken = post(host, form(csv=padded(LIMIT), **fields))
    assert taken.json["data"]["imported"] == 500
    assert files == []


@pytest.mark.parametrize(
    "kind", ["plain", *[pytest.param(each, marks=pytest.mark.slow) for each in DRESSED]]
)
def test_no_file_of_any_size_is_written_to_disk(make, tmp_path, kind):
    """Above 500 kB Werkzeug's own stream is a temporary file, which a setting must not bring."""
    host = make(kind, MAX_FILE_SIZE=600_000)
    host.app.add_url_rule("/own", view_func=lambda: str(len(request.files)), methods=["PUT"])
    client = host.app.test_client()
    token = token_of(client)
    csv = padded(530_000, rows=20)
    with written() as files:
        answer = post(host, form(csv=csv, skipConnectionTest="true"))
        assert answer.json["data"]["imported"] == 20
        for fields in ({"csrf_token": token}, {}):
            data = form(csv=csv, **fields)
            page = client.post(UPLOAD, data=data, content_type=FORM)
            assert page.status_code == (303 if fields else 400)
    assert files == []
    assert CANARY.encode() not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    if kind == "plain":
        with written() as files:
            assert client.put("/own", data=form(csv=csv), content_type=FORM).text == "1"
        assert files != []


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_the_limit_wherever_the_form_is_read(refusing, kind):
    """The case http-020-html-form-2mib-with-csrfprotect: whole, in chunks, and without an end."""
    host = refusing(kind)
    client = host.app.test_client()
    token = part("csrf_token", token_of(client))
    body = token + FILE_HEAD
    big = form(token, csv="a" * 2_097_152)
    for environ in ({}, chunked(Body(big, len(big))), chunked(Body(body)), chunked(Body())):
        with written() as files:
            data = b"" if environ else big
            answer = client.post(UPLOAD, data=data, content_type=FORM, environ_overrides=environ)
        assert (answer.status_code, answer.mimetype) == (413, "text/html")
        assert "larger than 500000 bytes" in answer.text
        assert files == []
        assert not environ or environ["wsgi.input"].taken <= LIMIT + 2 * ROOM
    assert host.rows() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", [b"", FILE_HEAD, part("tag", "")[:-2], b"--b\r\nX: "])
def test_a_body_without_an_end_is_read_as_far_as_its_limit(refusing, kind, start):
    body = Body(start)
    answer = post(refusing(kind), b"", **chunked(body))
    assert (answer.status_code, answer.json["reason"]) == (413, "file_too_large")
    assert body.taken <= LIMIT + 2 * ROOM


def test_a_body_in_chunks_is_an_import_like_any_other(make):
    host = make()
    data = form(skipConnectionTest="true")
    assert post(host, b"", **chunked(Body(data, len(data)))).json["data"]["imported"] == 1


@pytest.mark.parametrize("length", ["-1", "abc", "", "1e3", "\u0661", "+5", " 7", "9" * 30])
def test_a_length_that_is_none_leaves_no_file_or_too_large_a_one(refusing, length):
    data = form()
    answer = post(refusing(), data, CONTENT_LENGTH=length)
    large = length == "9" * 30
    assert_json(answer, *((413, "file_too_large") if large else (400, "no_file")))


def test_a_length_that_is_too_short_cuts_the_file_and_imports_nothing(refusing):
    host = refusing()
    data = form(skipConnectionTest="true")
    for length in (0, 1, data.index(b"a@example.com"), len(data) - 20):
        assert_json(post(host, data, CONTENT_LENGTH=str(length)), 400, "no_file")
    assert host.rows() == []


def test_a_body_that_ends_too_early_imports_nothing(refusing):
    host = refusing()
    data = form(skipConnectionTest="true")
    for taken in (0, 30, len(data) - 20):
        answer = post(host, b"", **{"wsgi.input": Body(data, taken), "CONTENT_LENGTH": "9000"})
        assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert host.rows() == []


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_an_upload_that_is_refused_takes_no_memory(make):
    """The case http-019: what 2 MiB, and 20 of no end, take beside what a small one took."""
    host = make()
    key = host.create_key()
    client = host.app.test_client()

    def send(data: bytes, **environ: object) -> None:
        answer = client.post(
            PATH,
            data=data,
            content_type=FORM,
            headers={"X-Api-Key": key},
            environ_overrides=environ,
        )
        assert_json(answer, 413, "file_too_large")

    send(b"", **chunked(Body()))
    peak_kilobytes()
    before = peak_kilobytes()
    send(b"", CONTENT_LENGTH="2097152")
    for start in (b"", FILE_HEAD, part("tag", "")[:-2], b"--b\r\nX: ") * 5:
        send(b"", **chunked(Body(start)))
    assert peak_kilobytes() - before < 8_000


def test_of_a_file_that_is_refused_nothing_is_left(make, tmp_path):
    host = make()
    row = f"a@example.com,{CANARY},smtp.example.com,,587,false\n"
    for csv in (Header + row * 501, padded(LIMIT + 1), f'{Header}"a,{CANARY}'):
        with logged() as log:
            answer = post(host, form(csv=csv))
        assert answer.status_code in (400, 413), answer.text
        assert CANARY not in answer.text + log.getvalue()
    assert CANARY.encode() not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
