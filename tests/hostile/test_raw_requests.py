"""What a test client cannot send: headers twice, chunks, lengths that lie, over a real socket."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest
from host_apps import Host, new_host
from http_forms import PATH, assert_json, form
from http_sockets import ask, head, served, talk

DRY = form(dryRun="true")


@pytest.fixture(scope="module")
def wire(tmp_path_factory, ca_file) -> Iterator[tuple[Host, int]]:
    """A host of which nothing is stored, and the port of its server."""
    folder = tmp_path_factory.mktemp("wire")
    with closing(new_host(folder / "host.sqlite", ca_file)) as host, served(host.app) as port:
        yield host, port


@pytest.fixture(scope="module")
def keys(wire) -> list[str]:
    host, _ = wire
    return [host.create_key("w1"), host.create_key("w2")]


@pytest.fixture(scope="module")
def port(wire) -> int:
    return wire[1]


def test_a_header_that_is_there_twice_opens_nothing(port, keys):
    key, other = keys
    for given in (
        [("X-Api-Key", key), ("X-Api-Key", key)],
        [("X-Api-Key", key), ("x-api-key", other)],
        [("X-Api-Key", ""), ("X-Api-Key", key)],
        [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")],
        [("Authorization", f"Bearer {key}"), ("Authorization", "Basic dTpw")],
        [("X-Api-Key", key), ("Authorization", f"Bearer {key}"), ("Authorization", "Bearer x")],
    ):
        assert_json(ask(port, given, DRY), 401, "bad_key")
    two = [("X-Api-Key", key), ("X-Workspace-Id", "w1"), ("X-Workspace-Id", "w1")]
    assert_json(ask(port, two, DRY), 403, "wrong_workspace")


def test_a_header_with_underscores_is_another_header(port, keys):
    key, other = keys
    assert_json(ask(port, {"X_Api_Key": key}, DRY), 401, "no_key")
    assert ask(port, {"X-Api-Key": key, "X_Api_Key": other}, DRY).json["data"]["dryRun"]


@pytest.mark.parametrize("value", ["\xe9", "sk_\x01", "\x7f", "\x1b[2J", "\xff" * 3000, "a" * 9000])
@pytest.mark.parametrize("name", ["X-Api-Key", "Authorization"])
def test_bytes_of_any_kind_are_a_wrong_key(port, name, value):
    value = value if name == "X-Api-Key" else f"Bearer {value}"
    answer = ask(port, {name: value}, DRY)
    assert_json(answer, 401, "bad_key")
    assert "\x1b" not in answer.text


def chunks(data: bytes, size: int = 50) -> bytes:
    cut = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in cut) + b"0\r\n\r\n"


CHUNKED = ("Transfer-Encoding", "chunked")


def test_a_body_in_chunks_is_read(port, keys):
    given = [("X-Api-Key", keys[0]), CHUNKED]
    answer = talk(port, head(given) + chunks(DRY))
    assert answer.json["data"]["imported"] == 1


# Not a chunk that is said to be larger than the buffer and ends before: there Werkzeug's server
# for development tells CPython of more bytes than it has read, and the process may crash.
@pytest.mark.parametrize("body", [b"zz\r\nx\r\n", b"-5\r\nx\r\n", b"5\r\nabc", b"\r\n", b""])
def test_chunks_that_are_broken_are_a_fault_of_the_call(port, keys, body):
    given = [("X-Api-Key", keys[0]), CHUNKED]
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        client.connect()
        client.sock.sendall(head(given) + body)
        client.sock.shutdown(1)
        response = http.client.HTTPResponse(client.sock)
        response.begin()
        with closing(response):
            assert response.status in (400, 413)
            assert response.headers.get_content_type() == "application/json"


def test_without_a_key_a_body_that_does_not_come_is_not_waited_for(port):
    for given in ([], [("X-Api-Key", "sk_no")]):
        for more in ([CHUNKED], [("Content-Length", "400000")], [("Expect", "100-continue")]):
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
                client.connect()
                client.sock.sendall(head([*given, *more]))
                response = http.client.HTTPResponse(client.sock)
                response.begin()
                with closing(response):
                    assert response.status == 401
                    assert response.read().startswith(b'{"error": "Unauthorized"')


def test_a_body_that_waits_to_be_asked_for_is_asked_for(port, keys):
    given = {"X-Api-Key": keys[0], "Expect": "100-continue"}
    assert ask(port, given, DRY).json["data"]["imported"] == 1


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10", "", "5, 5"])
def test_a_length_that_is_none_is_a_call_without_a_file(port, keys, length):
    answer = talk(port, head({"X-Api-Key": keys[0]}, length=length) + DRY)
    assert_json(answer, 400, "no_file")


def test_a_length_beside_chunks_smuggles_nothing(wire, port, keys):
    host, _ = wire
    hidden = b"POST /v1/mailboxes/import/smtp HTTP/1.1\r\nHost: x\r\n\r\n"
    given = [("X-Api-Key", keys[0]), CHUNKED]
    answer = talk(port, head(given, length=4) + chunks(DRY) + hidden)
    assert answer.status_code in (200, 400)
    assert answer.headers.get("Connection", "close") == "close"
    assert host.rows() == []


def test_other_ways_to_write_the_target_are_the_same_route(port, keys):
    given = {"X-Api-Key": keys[0]}
    for target in (f"http://other.example{PATH}", f"{PATH}?", f"{PATH}#x"):
        answer = ask(port, given, DRY, target=target)
        assert answer.json["data"]["imported"] == 1, target
        assert answer.mimetype == "application/json"


def test_a_head_and_an_options_have_no_body(port, keys):
    for given in ({}, {"X-Api-Key": keys[0]}):
        for method in ("HEAD", "OPTIONS"):
            answer = ask(port, given, method=method)
            assert (answer.data, answer.status_code // 100) == (b"", 4 if method == "HEAD" else 2)
