"""Files of an attacker, from ``data/hostile_csv.json``: by the reader, the endpoint, the page.

``input`` is a file as ``text``, as ``base64``, in ``parts`` (``[text, times]`` is a text repeated),
``repeat_numbered``, or one row for each of ``values`` in smtpsecure. In ``expect`` a ``reason`` is
that of a fault of the file (``posted`` where the endpoint says another); ``rows`` are the codes of
the rows, ``column`` the one that the fault names, ``secrets`` what no answer may repeat.
"""

from __future__ import annotations

import base64
import csv
import io
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import reading_costs
from file_reading import CONFIG, read
from host_apps import Host, new_host
from http_forms import post_file
from page_imports import UPLOAD, token_of
from project_paths import read_data

from flask_mailbox_import import FileError
from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.failures import failure_for
from flask_mailbox_import.core.rows import RowResult, RowStatus
from flask_mailbox_import.reading.validation import mark_doubles
from flask_mailbox_import.web.report import report_csv

pytestmark = pytest.mark.slow

CASES = read_data("hostile_csv.json")
BY_ID = {case["id"]: case for case in CASES}
FAULTS = [case for case in CASES if "reason" in case["expect"]]
TABLES = [case for case in CASES if "rows" in case["expect"]]

#: Where the shared data expects something else than the contract (its codes have other names, too).
CHANGED = {
    "csv-004-million-cells-one-row": "blank cells are none: what the row lacks is its password",
    "csv-020-crlf-in-quoted-displayname": "a line break in a name is a space",
    "csv-023-utf16le-bom": "UTF-16 is read, since its byte-order mark leaves nothing to guess",
    "csv-036-same-mailbox-500-passwords": "the first row counts, the others are skipped untried",
    "csv-038-kelvin-sign-domain": "the first row counts, the other is skipped",
    "csv-040-homograph-domain": "kept as it is written; the ASCII form is what is compared",
    "csv-045-script-displayname": "no page shows display names: see the cases beside it",
    "csv-047-smtpsecure-none": "the closed list has no code of its own for this: invalid_boolean",
    "csv-049-smtpsecure-falsy-words": "false, 0, no and off are STARTTLS; plain and None refused",
}

HEADER = "email,password,smtphost,imaphost,smtpsecure\n"


def data_of(case: dict[str, Any]) -> bytes:
    given = case["input"]
    if "base64" in given:
        return base64.b64decode(given["base64"])
    if "values" in given:
        rows = (f"a{n}@x.com,pw,h.x.com,,{text}\n" for n, text in enumerate(given["values"]))
        return (HEADER + "".join(rows)).encode()
    if "repeat_numbered" in given:
        order = given["repeat_numbered"]
        rows = (order["row"].replace("{n}", str(n)) for n in range(order["count"]))
        return (order["head"] + "".join(rows)).encode()
    return "".join(unrolled(given.get("parts", [given.get("text", "")]))).encode()


def unrolled(items: list[Any]) -> Iterator[str]:
    for each in items:
        text, times = (each, 1) if isinstance(each, str) else each
        yield from [text] * times


def repeats_nothing(case: dict[str, Any], text: str) -> bool:
    return not any(secret in text for secret in case["expect"].get("secrets", ()))


@pytest.fixture(scope="module")
def shared(tmp_path_factory, ca_file) -> Iterator[Host]:
    """A host for the cases of which nothing is stored."""
    with closing(new_host(tmp_path_factory.mktemp("csv") / "host.sqlite", ca_file)) as host:
        yield host


def test_every_case_is_run():
    assert len(BY_ID) == len(CASES) == len(FAULTS) + len(TABLES) + 1
    assert sum(not case["id"].startswith("our-") for case in CASES) == 38
    assert set(CHANGED) < set(BY_ID)


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case["id"])
def test_a_file_is_refused_by_name_and_nothing_of_it_repeated(shared, watch, case):
    expected, data = case["expect"], data_of(case)
    with pytest.raises(FileError) as caught:
        read(data, CONFIG)
    assert caught.value.reason == expected["reason"]
    assert repeats_nothing(case, f"{caught.value.message} {caught.value.details}")
    for fields in ({"dryRun": "true"}, {}):
        answer = post_file(shared, data, **fields)
        reason = expected.get("posted", expected["reason"])
        assert answer.status_code == (413 if reason == "file_too_large" else 400)
        assert (answer.json["reason"], answer.mimetype) == (reason, "application/json")
        assert repeats_nothing(case, answer.text)
    assert shared.rows() == shared.mailboxes() == watch.connects == watch.look_ups == []


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case["id"])
def test_each_row_is_one_row_with_its_code(case):
    expected = case["expect"]
    rows = list(mark_doubles(read(data_of(case), CONFIG).rows, set()))
    codes = [row.failure.code.value if row.failure else "ready" for row in rows]
    assert codes == list(unrolled(expected["rows"]))
    assert [row.record.row for row in rows] == list(range(2, len(rows) + 2))
    for row in rows:
        if row.failure is None:
            assert row.mailbox.smtp.security.value == expected.get("security", "starttls")
        elif "column" in expected:
            assert f"The column {expected['column']} " in row.failure.error


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case["id"])
def test_a_dry_run_counts_the_rows_stores_nothing_and_repeats_no_password(shared, watch, case):
    answer = post_file(shared, data_of(case), dryRun="true")
    assert answer.mimetype == "application/json"
    assert repeats_nothing(case, answer.text)
    assert shared.rows() == shared.mailboxes() == watch.connects == watch.look_ups == []
    if "posted" in case["expect"]:
        assert (answer.status_code, answer.json["reason"]) == (413, case["expect"]["posted"])
        return
    codes = list(unrolled(case["expect"]["rows"]))
    data = answer.json["data"]
    assert data["imported"] == codes.count("ready")
    assert data["skipped"] == codes.count("duplicate_in_file")
    failed = [each for each in codes if each not in ("ready", "duplicate_in_file")]
    assert [each["code"] for each in data["errors"]] == failed


def test_a_homograph_is_another_mailbox_than_what_it_looks_like(make_host):
    case = BY_ID["csv-040-homograph-domain"]
    host = make_host()
    lookalike = HEADER + "joe@example.com,a,mail.example.com,,\n"
    for data in (data_of(case), lookalike):
        assert host.post(data, skipConnectionTest="true").json["data"]["imported"] == 1
    first, second = host.mailboxes()
    assert {name: getattr(first, name) for name in case["expect"]["stored"]} == (
        case["expect"]["stored"]
    )
    assert second.email_key == "joe@example.com"


def test_a_password_beyond_ascii_is_read_sent_and_stored_as_it_is(make_host, mail_server):
    case = BY_ID["csv-046-non-ascii-password"]
    (row,) = read(data_of(case), CONFIG).rows
    password = case["expect"]["password"]
    assert row.mailbox.smtp.password.reveal() == password
    server = mail_server(accounts={"a@example.com": password})
    host = make_host(server.port)
    text = case["input"]["text"].replace(",465,ssl", f",{server.port},starttls")
    answer = host.post(text.replace("mail.example.com", "localhost"))
    assert answer.json["data"]["imported"] == 1, answer.text
    assert repeats_nothing(case, answer.text)
    assert [each.clear for each in host.mailboxes()] == [password]


def test_a_report_of_formulas_computes_nothing_and_has_no_password(make_host):
    case = BY_ID["csv-043-formula-cells"]
    host = make_host()
    key = host.create_key()
    data = host.post(data_of(case), key, skipConnectionTest="true").json["data"]
    address = f"/v1/mailboxes/imports/{data['importId']}/report.csv"
    answer = host.app.test_client().get(address, headers={"X-Api-Key": key})
    assert answer.mimetype == "text/csv"
    _, row = csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""))
    assert row[1] == case["expect"]["report"][0]
    assert repeats_nothing(case, answer.text)


@pytest.mark.parametrize(
    "text", BY_ID["csv-044-formula-variants-in-export"]["input"]["displaynames"]
)
def test_whatever_a_spreadsheet_would_compute_is_text_in_a_report(text):
    failure = failure_for(Code.UNKNOWN)
    row = RowResult(row=2, email=text, status=RowStatus.FAILED, failure=failure)
    report = report_csv([row], lambda _ours: text).decode("utf-8-sig")
    _, cells = csv.reader(io.StringIO(report, newline=""))
    shown = text.replace("\0", "\ufffd")
    assert [cells[1], *cells[4:6]] == [f"'{shown}"] * 3


@pytest.mark.parametrize(
    "case", [case for case in CASES if "-045-" in case["id"]], ids=lambda case: case["id"]
)
def test_a_script_is_text_on_every_page(make_host, case):
    host = make_host()
    host.extension.workspace_loader(lambda: "w1")
    client = host.app.test_client()
    token = token_of(client)
    file = (io.BytesIO(data_of(case)), "m.csv")
    answer = client.post(UPLOAD, data={"csrf_token": token, "file": file}, follow_redirects=True)
    assert answer.status_code == (422 if "reason" in case["expect"] else 200)
    assert not re.search("<script(?! src=)", answer.text)
    assert ("&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text) == ("escaped" in case["expect"])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_no_case_takes_half_a_second_or_sixty_megabytes(capsys):
    figures = reading_costs.read_all({case["id"]: data_of(case) for case in CASES})
    with capsys.disabled():
        reading_costs.show(figures)
    assert {name: each for name, each in figures.items() if each.too_much} == {}
