"""One canary password is looked for wherever it must not be, on every way through the import."""

from __future__ import annotations

import io
import logging
import re
import sys
import tempfile
import time
from pathlib import Path

import pytest
from broken_parts import FAULTS, refuse_outcomes
from flask import flash
from leak_search import CANARY, assert_clean, canary_file, forms_of, watched
from mailbox_files import Header, row
from page_imports import UPLOAD, by_pages, csrf_token
from signals_and_logs import SIGNALS

from flask_mailbox_import import ConfigError, FileError, ImportInterrupted, InternalFault

OUTCOMES = {
    "passes": {},
    "refused": {"accounts": {}},
    "closed": {"replies": {"AUTH": b""}},
    "plain": {"context": None},
    "hostile": {"replies": {"AUTH": lambda session: b"535 " + session.lines[-1] + b"\r\n"}},
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_password_is_nowhere(searched_host, mail_server, tmp_path, outcome):
    server = mail_server(**OUTCOMES[outcome])
    host, found = searched_host(server.port)
    csv = canary_file(server.port)
    found.answer(host.post(csv))
    found.answer(host.post(csv, dryRun="true"))
    given = tmp_path / "given.csv"
    given.write_text(csv)
    found.add("command", host.run("run", str(given), "--workspace", "w2").output)
    found.add("command", host.run("rotate-keys").output)
    found.add("command", host.run("purge", "--older-than", "0").output)
    given.unlink()
    if outcome == "passes":
        assert [each.clear for each in host.mailboxes()] == [CANARY]
    else:
        assert host.mailboxes() == []


@pytest.mark.parametrize("outcome", ["passes", "refused"])
def test_nor_on_the_way_of_the_pages(searched_host, mail_server, outcome):
    server = mail_server(**OUTCOMES[outcome])
    host, found = searched_host(server.port)
    assert by_pages(host, found, canary_file(server.port)).startswith("/mailboxes/import/")


def test_nor_of_a_file_whose_encoding_is_asked_for_but_the_letters_in_question(searched_host):
    host, found = searched_host()
    csv = canary_file(587).encode("windows-1252")
    assert by_pages(host, found, csv, skipConnectionTest="true")
    found.answer(host.post(csv))


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_nor_where_something_breaks(searched_host, mail_server, fault):
    server = mail_server()
    host, found = searched_host(server.port)
    key = host.create_key()
    FAULTS[fault](host)
    # Enough rows to need more room than the database has.
    csv = canary_file(server.port, 60 if fault == "disk" else 1)
    answer = found.answer(host.post(csv, key))
    # What breaks at one row is that row's.
    assert answer.status_code == (200 if fault == "mailboxes" else 500)
    by_pages(host, found, csv)
    with host.app.app_context():
        try:
            host.extension.importer.run_file(io.BytesIO(csv.encode()), workspace_id="w1")
        except (InternalFault, ImportInterrupted) as raised:
            # The first frame is this test's own.
            found.fault(raised, raised.__traceback__.tb_next)
    told = [where for where, _ in found.found if where == "traceback"]
    assert bool(told) is (fault != "mailboxes")


@pytest.mark.parametrize(
    "data",
    [
        canary_file(587).encode("utf-16")[:-1],
        b"\xff" + canary_file(587).encode(),
        b"PK\x03\x04" + canary_file(587).encode(),
        canary_file(587).encode() + b'"',
    ],
)
def test_a_fault_of_the_file_holds_nothing_of_it(searched_host, data):
    host, found = searched_host()
    with host.app.app_context():
        with pytest.raises(FileError) as caught:
            host.extension.importer.run_file(io.BytesIO(data), workspace_id="w1")
        found.fault(caught.value, caught.tb.tb_next)
        assert caught.value.__context__ is caught.value.__cause__ is None


def test_a_fault_of_the_settings_holds_no_key(searched_host, make_host):
    _, found = searched_host()
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS entry 1 is not base64") as caught:
        make_host(ENCRYPTION_KEYS=[f"k1:{CANARY}"])
    # Past the frames of this test and its fixtures.
    found.fault(caught.value, caught.tb.tb_next.tb_next.tb_next)


class Torn(io.BytesIO):
    """A stream that breaks off."""

    def read(self, size: int | None = -1) -> bytes:
        read = super().read(size)
        raise OSError(f"torn at {read!r}")


def test_nor_where_the_stream_breaks_off_or_somebody_stops_it(searched_host, mail_server):
    server = mail_server()
    host, found = searched_host(server.port)
    data = canary_file(server.port).encode()

    def stop(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with host.app.app_context():
        with pytest.raises(InternalFault) as torn:
            host.extension.importer.run_file(Torn(data), workspace_id="w1")
        found.fault(torn.value, torn.tb.tb_next)
        with pytest.raises(KeyboardInterrupt) as stopped:
            host.extension.importer.run_file(io.BytesIO(data), workspace_id="w1", progress=stop)
        found.fault(stopped.value, stopped.tb.tb_next)


def leak_to_log() -> None:
    logging.getLogger("anything").debug("%s", CANARY)


def leak_to_arguments() -> None:
    logging.getLogger("anything").debug("quiet", extra={"given": CANARY})


def leak_to_stderr() -> None:
    sys.stderr.write(CANARY)


def leak_to_cookie() -> None:
    flash(CANARY)


def leak_to_file() -> None:
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(CANARY)


def leak_to_signal() -> None:
    SIGNALS[0].send(None, password=CANARY)


def leak_to_locals() -> None:
    password = CANARY
    raise RuntimeError(f"of {len(password)} characters")


def leak_to_context() -> None:
    try:
        CANARY.encode("ascii")
    except UnicodeEncodeError:
        raise RuntimeError("quiet") from None


LEAKS = {
    "log": leak_to_log,
    "log ": leak_to_arguments,
    "stderr": leak_to_stderr,
    "cookie": leak_to_cookie,
    "file": leak_to_file,
    "signal": leak_to_signal,
    "traceback": leak_to_locals,
    "exception": leak_to_context,
}


@pytest.mark.parametrize("where", LEAKS)
def test_the_sweep_finds_a_leak(make_host, tmp_path, caplog, capfd, where):
    host = make_host()

    @host.app.get("/leak")
    def leak() -> str:
        LEAKS[where]()
        return "quiet"

    with watched(host.app, tmp_path, caplog, capfd) as found:
        found.answer(host.app.test_client().get("/leak"))
    with pytest.raises(AssertionError, match=where.strip()):
        found.sweep()


def test_the_sweep_finds_every_form():
    for form in forms_of(CANARY):
        with pytest.raises(AssertionError):
            assert_clean("leak", b"x" + form + b"y")


def test_a_part_of_a_password_behind_an_unquoted_delimiter_is_not_stored(make_host, tmp_path):
    host = make_host()
    lines = ["a@x.com,CAN,C4n4ryRest,smtp.x.com,imap.x.com", "b@x.com,pw,C4n4ryRest,h"]
    answer = host.post("email,password,smtphost,imaphost\n" + "\n".join(lines))
    assert answer.json["data"]["failed"] == 2
    assert b"C4n4ryRest" not in answer.data
    assert b"C4n4ryRest" not in Path(tmp_path, "host0.sqlite").read_bytes()


def wait(client, address: str, key: str | None = None) -> str:
    """Return what a finished import's page, or resource, says."""
    headers = {"X-Api-Key": key} if key else {}
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        text = client.get(address, headers=headers).text
        if not re.search(r'data-under-way="yes"|"status": "(queued|running)"', text):
            return text
    raise AssertionError("it does not end")


def test_the_password_is_nowhere_in_the_background(searched_host, mail_server):
    server = mail_server(accounts={})
    host, found = searched_host(server.port, RUNNER="thread")
    client = host.app.test_client()
    address = by_pages(host, found, canary_file(server.port))
    page = wait(client, address)
    server.accounts = {"a@x.com": CANARY}
    for where in (address, f"{address}/progress", f"{address}?show=skipped", "/mailboxes/imports"):
        found.answer(client.get(where))
    form = {"csrf_token": csrf_token(page), "2.password": CANARY, "2.email": "a@x.com"}
    found.answer(client.post(f"{address}/retry", data=form))
    assert "1 mailbox imported" in wait(client, address)
    for what in ("cancel", "continue", "delete"):
        found.answer(client.post(f"{address}/{what}", data=form))


def test_nor_where_a_correction_is_refused_or_the_database_breaks(searched_host, mail_server):
    server = mail_server(accounts={})
    host, found = searched_host(server.port, RUNNER="thread")
    key, client = host.create_key(), host.app.test_client()
    headers = {"X-Api-Key": key}
    answer = host.post(Header + row("a@x.com", "no", server.port), key)
    address = f"/v1/mailboxes/imports/{answer.json['data']['importId']}"
    for columns in ({"password": CANARY, "color": "red"}, {"password": CANARY, "smtphost": "a b"}):
        body = {"corrections": {"2": columns}}
        found.answer(client.post(f"{address}/retry", headers=headers, json=body))
    body = {"corrections": {"2": {"password": CANARY, "smtphost": "localhost"}}}
    refuse_outcomes(host)
    answer = found.answer(client.post(f"{address}/retry", headers=headers, json=body))
    assert answer.status_code == 500
    page = client.get(address.replace("/v1/mailboxes/imports", UPLOAD)).text
    form = {"csrf_token": csrf_token(page), "2.password": CANARY}
    answer = client.post(f"{address.replace('/v1/mailboxes/imports', UPLOAD)}/retry", data=form)
    assert found.answer(answer).status_code == 500
    assert "traceback" in [where for where, _ in found.found]
