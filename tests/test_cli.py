"""The commands: what they print, and with which code they end."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from database_contents import change
from import_calls import stage
from mailbox_files import ACCENTED_FILE, Header, row, untested


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mailboxes.csv"


def test_run_tests_and_saves(make_host, mail_server, file):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port)
    file.write_text(Header + row("a@x.com", "pw", server.port))
    result = host.run("run", str(file), "--workspace", "w1", "--tag", "new")
    assert result.exit_code == 0
    assert "1 imported, 0 skipped, 0 failed (import " in result.output
    assert [(each.status, each.tag) for each in host.mailboxes()] == [("active", "new")]


def test_run_says_what_failed_and_ends_with_1(make_host, mail_server, file):
    server = mail_server(accounts={})
    host = make_host(server.port)
    file.write_text(Header + row("a@x.com", "wrong-one", server.port))
    result = host.run("run", str(file), "--workspace", "w1")
    assert result.exit_code == 1
    assert re.search(r"row 2: a@x.com at localhost:[0-9]+: Authentication failed\. ", result.output)
    assert "[bad_credentials]" in result.output
    assert "wrong-one" not in result.output


def test_run_reads_standard_input_and_skips_the_test(make_host):
    host = make_host()
    data = (Header + row("a@x.com", "pw", 587, host="smtp.x.com")).encode()
    result = host.run("run", "-", "--workspace", "w1", "--skip-connection-test", stdin=data)
    assert result.exit_code == 0
    assert [each.status for each in host.mailboxes()] == ["pending"]


def test_run_takes_the_servers_of_all_rows(make_host, mail_server, file):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port)
    file.write_text("email,password\na@x.com,pw\n")
    options = ["--smtp-host", "localhost", "--smtp-port", str(server.port), "--no-smtp-secure"]
    result = host.run("run", str(file), "--workspace", "w1", *options, "--imap-host", "imap.x.com")
    assert result.exit_code == 0
    assert [each.imap_host for each in host.mailboxes()] == ["imap.x.com"]
    assert host.run("run", str(file), "--workspace", "w1", "--smtp-host", "no host").exit_code == 2


def test_run_finds_servers(make_host, file):
    host = make_host()
    file.write_text("email,password\na@gmail.com,pw\n")
    options = ["--workspace", "w1", "--skip-connection-test", "--find-servers"]
    result = host.run("run", str(file), *options)
    assert result.exit_code == 0
    assert "smtp.gmail.com, port 465, was found for gmail.com." in result.output
    assert [(each.smtp_host, each.imap_host) for each in host.mailboxes()] == [
        ("smtp.gmail.com", "imap.gmail.com")
    ]


def test_dry_run_stores_nothing(make_host, file):
    host = make_host()
    file.write_text(Header + row("a@x.com", "pw", 587, host="smtp.x.com") + "b,,,,,\n")
    result = host.run("run", str(file), "--workspace", "w1", "--dry-run")
    assert result.exit_code == 1
    assert "1 imported, 0 skipped, 1 failed (dry run: nothing stored)" in result.output
    assert host.rows() == []


@pytest.mark.parametrize("data", ["", "email,password\na,b\n"])
def test_a_file_that_cannot_be_read_ends_with_2(make_host, file, data):
    host = make_host()
    file.write_text(data)
    result = host.run("run", str(file), "--workspace", "w1")
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert host.rows() == []


def test_a_missing_file_ends_with_2(make_host):
    assert make_host().run("run", "/nowhere.csv", "--workspace", "w1").exit_code == 2


def test_create_key_prints_the_key_alone(make_host):
    host = make_host()
    key = host.run("create-key", "--workspace", "w1").output
    assert key.startswith("sk_")
    assert key.count("\n") == 1
    csv = Header + row("a@x.com", "pw", 587, host="smtp.x.com")
    assert host.post(csv, key=key.strip(), skipConnectionTest="1").status_code == 200
    platform = host.run("create-key", "--platform", "--workspaces", "w1, w2").output
    assert platform.startswith("sk_user_")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--platform"],
        ["--platform", "--workspace", "w1"],
        ["--workspace", "w1", "--workspaces", "w1"],
    ],
)
def test_create_key_says_what_is_missing(make_host, arguments):
    result = make_host().run("create-key", *arguments)
    assert result.exit_code == 2
    assert "--workspace" in result.output


def test_a_key_that_is_not_there_cannot_be_revoked(make_host):
    assert make_host().run("revoke-key", "7").exit_code == 1


def test_continue_what_is_not_there_or_finished(make_host):
    host = make_host()
    assert "there is no import nope" in host.run("continue", "nope").output
    csv = Header + row("a@x.com", "pw", 587, host="smtp.x.com")
    import_id = host.post(csv, skipConnectionTest="1").json["data"]["importId"]
    result = host.run("continue", import_id)
    assert result.exit_code == 1
    assert f"the import {import_id} is finished" in result.output
    assert host.run("continue").output == ""


@pytest.mark.slow
def test_status_tells_what_waits_runs_and_is_dead(make_host):
    host = make_host()
    assert host.run("status").output == "Nothing waits and nothing runs.\n"
    ids = [stage(host, untested(1)) for _ in range(4)]
    ago = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(seconds=90)
    change(host, ids[0], status="queued", started_at=ago)
    change(host, ids[1], status="running", beat=int(time.time()))
    change(host, ids[2], status="running", beat=0)
    told = host.run("status").output
    assert re.fullmatch(r"w1\t1 queued \(the oldest for 9\d s\)\t1 running\t1 dead\n", told)


def test_generate_encryption_key_needs_no_app():
    command = [sys.executable, "-m", "flask_mailbox_import", "generate-encryption-key"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    kid, _, key = done.stdout.strip().partition(":")
    assert kid
    assert len(base64.b64decode(key)) == 32
    assert subprocess.run(command[:-1], capture_output=True, timeout=60).returncode == 1


def test_tags_and_workspaces_are_cleaned_or_refused(make_host):
    host = make_host()
    data = (Header + row("a@x.com", "pw", 587, host="smtp.x.com")).encode()
    run = ["run", "-", "--skip-connection-test", "--workspace"]
    for refused in (
        [*run, ""],
        [*run, "w1", "--tag", "t" * 65],
        ["create-key", "--workspace", " "],
    ):
        assert host.run(*refused, stdin=data).exit_code == 2
    assert host.rows() == []
    assert host.run(*run, "w1", "--tag", " a\x1b[31m  b ", stdin=data).exit_code == 0
    assert [each.tag for each in host.mailboxes()] == ["a[31m b"]


def test_control_characters_of_a_file_do_not_reach_the_terminal(make_host):
    host = make_host()
    data = (Header + "\x1b]0;pwn\x07,pw,smtp.x.com,,,\n").encode()
    output = host.run("run", "-", "--workspace", "w1", stdin=data).output
    assert "pwn" in output
    assert "\x1b" not in output
    assert "\x07" not in output


def test_the_command_takes_an_encoding_and_columns(make_host, tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(ACCENTED_FILE.replace(b"displayname", b"Rufname"))
    command = ["run", str(path), "--workspace", "w1", "--skip-connection-test"]
    host = make_host()
    assert host.run(*command).exit_code == 2
    assert host.run(*command, "--encoding", "klingon").exit_code == 2
    assert host.run(*command, "--encoding", "latin1", "--column", "nope").exit_code == 2
    found = host.run(*command, "--encoding", "latin1", "--column", "Rufname=displayname")
    assert found.exit_code == 0
    assert {each.display_name for each in host.mailboxes()} == {"Zoë Müller", "François"}
