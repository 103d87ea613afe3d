"""One canary password per test is looked for wherever it must not be."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
from urllib.parse import quote

import pytest
from conftest import Header, row

from flask_mailbox_import.secret import Secret

CANARY = "C4n4ry+pässwörd/with=stuff"


def forms_of(text: str) -> list[bytes]:
    """Return the ways in which a secret may hide in something."""
    raw = text.encode()
    plain = base64.b64encode(b"\0a@x.com\0" + raw)
    return [raw, base64.b64encode(raw), plain, raw.hex().encode(), quote(text).encode()]


def assert_clean(where: str, data: bytes) -> None:
    found = [form for form in forms_of(CANARY) if form in data]
    assert not found, where


@pytest.mark.parametrize("outcome", ["passes", "refused", "closed", "plain", "hostile"])
def test_the_password_is_nowhere(make_host, mail_server, caplog, capfd, tmp_path, outcome):
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    options = {
        "passes": {},
        "refused": {"accounts": {}},
        "closed": {"replies": {"AUTH": b""}},
        "plain": {"context": None},
        "hostile": {"replies": {"AUTH": lambda session: b"535 " + session.lines[-1] + b"\r\n"}},
    }[outcome]
    server = mail_server(**options)
    host = make_host(server.port, KEEP_FAILED_SECRETS=3600)
    csv = Header + row("a@x.com", CANARY, server.port) + row("bad", CANARY, server.port)
    answer = host.post(csv)
    again = host.post(csv, dryRun="true")
    file = tmp_path / "given.csv"
    file.write_text(csv)
    command = host.run("run", str(file), "--workspace", "w2")
    file.unlink()
    assert_clean("response", answer.data + again.data)
    assert_clean("command", command.output.encode())
    assert_clean("log", caplog.text.encode())
    assert_clean("stderr", "".join(capfd.readouterr()).encode())
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert_clean(path.name, path.read_bytes())
    if outcome == "passes":
        assert [each.clear for each in host.mailboxes()] == [CANARY]
    else:
        assert host.mailboxes() == []


def test_the_sweep_finds_a_leak():
    for form in forms_of(CANARY):
        with pytest.raises(AssertionError):
            assert_clean("leak", b"x" + form + b"y")


def test_a_secret_shows_itself_to_reveal_only():
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>10}", str([secret])]
    assert CANARY not in " ".join(shown)
    assert secret.reveal() == CANARY
    assert secret != Secret(CANARY)
    assert secret.same_as(Secret(CANARY))
    assert not secret.same_as(Secret("other"))
    for attempt in (
        *(pickle.dumps, copy.deepcopy, json.dumps, hash, vars),
        lambda each: each.__getstate__(),
    ):
        with pytest.raises(TypeError):
            attempt(secret)


def test_a_part_of_a_password_behind_an_unquoted_delimiter_is_not_stored(make_host, tmp_path):
    host = make_host()
    lines = ["a@x.com,CAN,C4n4ryRest,smtp.x.com,imap.x.com", "b@x.com,pw,C4n4ryRest,h"]
    answer = host.post("email,password,smtphost,imaphost\n" + "\n".join(lines))
    assert answer.json["data"]["failed"] == 2
    assert b"C4n4ryRest" not in answer.data
    assert b"C4n4ryRest" not in (tmp_path / "host0.sqlite").read_bytes()
