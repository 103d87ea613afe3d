"""The limits of an upload, and what of its form is a file."""

from __future__ import annotations

import io

import pytest
from flask import request
from flask_sqlalchemy import SQLAlchemy
from http_forms import CSV, FORM, PATH, assert_json, form, untested_form
from written_files import written


def test_a_compressed_body_is_refused(client, key):
    headers = {"X-Api-Key": key, "Content-Encoding": "gzip"}
    assert_json(client.post(PATH, data=untested_form(), headers=headers), 415, "not_multipart")


@pytest.mark.parametrize("size", [500_000, 500_001])
def test_a_file_of_the_limit_is_read_and_one_byte_more_is_not(client, key, size):
    data = (CSV + "\n" * size)[:size].encode()
    fields = untested_form(file=(io.BytesIO(data), "mailboxes.csv"))
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert answer.status_code == (200 if size == 500_000 else 413)


def test_without_a_file(client, key):
    for fields in ({}, {"tag": "x"}, {"file": "example_string"}):
        answer = client.post(
            PATH, data=fields, headers={"X-Api-Key": key}, content_type="multipart/form-data"
        )
        assert_json(answer, 400, "no_file")
        assert "file=@mailboxes.csv" in answer.json["message"]


def test_two_files_are_refused(client, key):
    files = [(io.BytesIO(b"a"), "a.csv"), (io.BytesIO(b"b"), "b.csv")]
    answer = client.post(PATH, data={"file": files}, headers={"X-Api-Key": key})
    assert_json(answer, 400, "invalid_field")


def multipart(*parts: str) -> dict[str, object]:
    body = "".join(f"--b\r\n{each}\r\n" for each in parts) + "--b--\r\n"
    return {"data": body.encode(), "content_type": "multipart/form-data; boundary=b"}


def test_odd_parts_are_named_faults(client, key):
    headers = {"X-Api-Key": key}
    disposition = "Content-Disposition: form-data; "
    nameless = multipart(disposition + 'filename="a.csv"\r\n\r\nfoo')
    assert_json(client.post(PATH, headers=headers, **nameless), 400, "invalid_field")
    unchosen = multipart(disposition + 'name="file"; filename=""\r\n\r\n')
    assert_json(client.post(PATH, headers=headers, **unchosen), 400, "no_file")
    text = multipart(disposition + 'name="file"\r\n\r\n' + "x" * 300_000)
    assert_json(client.post(PATH, headers=headers, **text), 400, "no_file")
    many = multipart(*[disposition + f'name="tag"\r\n\r\n{each}' for each in range(30)])
    assert_json(client.post(PATH, headers=headers, **many), 400, "invalid_field")


def test_a_file_that_is_too_large_is_so_before_anything_is_invalid(client, key):
    fields = untested_form(file=(io.BytesIO(b"x" * 500_001), "m.csv"), nope="1")
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert_json(answer, 413, "file_too_large")


def test_a_hook_that_reads_the_form_leaves_the_api_its_json(make_host):
    host = make_host()
    host.app.before_request(lambda: request.form and None)
    answer = host.app.test_client().post(
        "/v1/mailboxes/import/smtp",
        data=b"x" * 600_000,
        content_type="multipart/form-data; boundary=b",
    )
    assert (answer.status_code, answer.json["reason"]) == (413, "file_too_large")


def test_a_hook_that_reads_every_form_first_finds_our_limits(host_with_model):
    host = host_with_model(SQLAlchemy())
    read = []

    @host.app.url_value_preprocessor
    def look(_endpoint: str | None, _values: object) -> None:
        read.append(request.form.get("tag"))

    with written() as files:
        answer = host.app.test_client().post(
            PATH,
            data=form(csv="x" * 600_000),
            content_type=FORM,
            headers={"X-Api-Key": host.create_key()},
        )
    assert (answer.status_code, answer.mimetype) == (413, "application/json")
    assert files == []
    assert read == []
