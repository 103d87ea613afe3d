"""Forms of an attacker: parts that are hard to read, odd names of files, mappings that are none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from host_apps import Host, host_of_kind
from hostile_files import HEADER, ROW
from http_forms import FILE_HEAD, FORM, assert_json, form, part, post
from mailbox_files import Header
from page_imports import UPLOAD, token_of
from signals_and_logs import logged
from written_files import written


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("forms")


@pytest.fixture(scope="module")
def host(folder) -> Iterator[Host]:
    """A host of which no form stores a mailbox."""
    with host_of_kind(folder) as made:
        yield made


HARD = {
    "thousands of fields": (form(part("tag", "x") * 6000), "invalid_field"),
    "thousands of files": (form(part("file", "x", 'filename="a"') * 5000), "invalid_field"),
    "parts without names": (form(part(None, "x") * 8), "invalid_field"),
    "a part without anything": (form(b"--b\r\n\r\n\r\n"), "no_file"),
    "a thousand headers": (b"--b\r\n" + b"A: b\r\n" * 1000 + FILE_HEAD[5:] + b"x", "no_file"),
    "parameters": (FILE_HEAD[:-4] + b"; a=b" * 90_000 + b"\r\n\r\nx\r\n--b--", "missing_column"),
    "quotes": (FILE_HEAD[:-5] + b'\\"' * 240_000 + b'"\r\n\r\nx\r\n--b--', "missing_column"),
    "continued": (FILE_HEAD[:-2] + b" x\r\n" * 120_000 + b"\r\nx\r\n--b--", "missing_column"),
    "almost boundaries": (FILE_HEAD + b"\r\n--b x" * 60_000 + b"\r\n--b--", "too_many_rows"),
    "blanks of a boundary": (FILE_HEAD + b"\r\n--b" + b" " * 480_000, "no_file"),
    "headers that are not UTF-8": (b"--b\r\nA: \xff\r\n" + FILE_HEAD[5:] + b"x", "no_file"),
    "nothing but line ends": (FILE_HEAD + b"\r\n" * 240_000 + b"--b--", "empty_file"),
}

LONG = ("parameters", "quotes")
#: As long as these, with a short line in each row.
PLAIN = FILE_HEAD + b"\r\n  b x" * 60_000 + b"\r\n--b--"


def timed_post(host: Host, body: bytes) -> tuple[Any, float]:
    """Post a form; return the answer, and the seconds of processor time that it took."""
    start = time.process_time()
    answer = post(host, body)
    return answer, time.process_time() - start


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] * (each in LONG)) for each in HARD]
)
def test_forms_that_are_hard_to_read_take_about_as_long_as_plain_ones(host, name):
    body, reason = HARD[name]
    before = len(host.rows())
    _, plain = timed_post(host, PLAIN)
    with written() as files:
        answer, used = timed_post(host, body)
    assert used < 5 * plain
    assert_json(answer, 400, reason)
    assert (files, len(host.rows())) == ([], before)


FILENAMES = {
    "http-027-filename-crlf": "filename*=UTF-8''FNCANARY%0d%0aCRITICAL%20fake%00.csv",
    "http-028-filename-script": 'filename="FNCANARY\\"><script>alert(1)</script>.csv"',
    "http-029-filename-traversal": 'filename="../../etc/FNCANARY"',
    "http-030-filename-bidi": 'filename="FNCANARY\u202evsc.exe"',
    "http-032-filename-ansi": 'filename="FNCANARY\x1b[2J.csv"',
    "windows path": 'filename="C:\\FNCANARY\\con.csv"',
    "very long": f'filename="{"FNCANARY" * 5000}"',
    "two names": "filename=\"a.csv\"; filename*=UTF-8''FNCANARY.csv",
}

#: Those that need not be in the default run.
OTHERS = [pytest.param(each, marks=pytest.mark.slow, id=name) for name, each in FILENAMES.items()]


@pytest.mark.parametrize("filename", [FILENAMES["http-027-filename-crlf"], *OTHERS[1:]])
def test_the_name_of_a_file_is_only_shown_and_as_text(host, folder, capfd, filename, client):
    csv = Header + "bad,pw,smtp.example.com,,587,false\n"
    token = part("csrf_token", token_of(client))
    told = []
    with logged() as log, written() as files:
        for text, status in ((csv, 200), ("email\nx\n", 400)):
            body = form(part("file", text, filename), csv=None)
            answer = post(host, body)
            assert answer.status_code == status, answer.text
            told.append(answer)
            body = form(part("file", text, filename), token, csv=None)
            page = client.post(UPLOAD, data=body, content_type=FORM)
            assert page.status_code == (303 if status == 200 else 422)
            told += [page, client.get(page.location)] if page.location else [page]
    import_id = told[0].json["data"]["importId"]
    address = f"{UPLOAD}/{import_id}"
    told += [client.get(address), client.get(f"{address}/report.csv")]
    assert [each.status_code for each in told[-2:]] == [200, 200]
    shown = b"".join(each.data for each in told)
    assert b"<script>alert" not in shown
    assert b"\x1b" not in shown
    assert b"C:\\" not in shown
    assert b"FNCANARY" * 17 not in shown
    told_elsewhere = [str(each.headers) for each in told]
    told_elsewhere += [log.getvalue(), "".join(capfd.readouterr())]
    assert [each for each in told_elsewhere if "FNCANARY" in each] == []
    assert files == []
    assert {each.name.split("-")[0] for each in folder.iterdir()} == {"host.sqlite"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *("[" * 30_000, '{"a":' * 30_000, '{"a":' + "1" * 60_000 + "}", '{"a":NaN}', "nul"),
        *('{"\\ud800":"email"}', '{"Mail":"\\udfff"}', '{"a\\ud83d":null}', '"email"', "[]", "{"),
        *('{"a":"email","a":"email"}', '{"a":["email"]}', '{"a":{"b":"email"}}', "\x00", "{}{}"),
        json.dumps({f"c{number}": None for number in range(201)}),
        json.dumps({"x" * 50_000: "email"}),
        json.dumps({"email": "x" * 50_000}),
    ],
    ids=lambda text: text[:12],
)
def test_a_column_mapping_is_refused_in_its_own_words(make_host, text):
    answer = make_host().post(HEADER + ROW, columnMapping=text, dryRun="true")
    assert (answer.status_code, answer.json["reason"]) == (400, "invalid_mapping")
    assert len(answer.data) < 2000
