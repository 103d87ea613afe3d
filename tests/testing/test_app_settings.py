"""The settings for an app under test, and what the wing imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import flask_mailbox_import.testing
from flask_mailbox_import.config import DEFAULT_PORTS, Config
from flask_mailbox_import.testing import (
    MailServer,
    ScriptedServer,
    SMTPServer,
    certificate_authority,
    settings,
)

WING = Path(flask_mailbox_import.testing.__file__).parent


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )


def test_an_app_takes_the_settings():
    with MailServer() as server, SMTPServer() as smtp, ScriptedServer([]) as scripted:
        config = Config.from_mapping(settings(server, smtp, scripted))
        ports = {server.smtp_port, server.imap_port, smtp.port, scripted.port}
    assert set(config.allowed_ports) == {*DEFAULT_PORTS, *ports}
    assert [str(each) for each in config.allowed_networks] == ["127.0.0.0/8", "::1/128"]
    assert (config.runner, config.retries) == ("inline", 0)


def test_without_servers_there_are_the_default_ports():
    assert set(Config.from_mapping(settings()).allowed_ports) == set(DEFAULT_PORTS)


def test_each_app_has_a_key_of_its_own_and_all_trust_one_authority():
    first, second = settings(), settings()
    assert first["MAILBOX_IMPORT_ENCRYPTION_KEYS"] != second["MAILBOX_IMPORT_ENCRYPTION_KEYS"]
    assert first["MAILBOX_IMPORT_CA_FILE"] == second["MAILBOX_IMPORT_CA_FILE"]
    pem = Path(first["MAILBOX_IMPORT_CA_FILE"]).read_bytes()
    assert pem == certificate_authority().cert_pem.bytes()


def test_the_file_of_the_authority_is_removed_at_exit():
    program = """
import os, sys
from pathlib import Path
from flask_mailbox_import.testing import settings

path = Path(settings()["MAILBOX_IMPORT_CA_FILE"])
if not os.fork():
    sys.exit()
os.wait()
assert path.exists()
print(path)
"""
    done = python(program)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.suffix == ".pem"
    assert not path.exists()


def test_one_authority_and_one_file_whatever_the_threads():
    program = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from flask_mailbox_import.testing import certificate_authority, settings

together = Barrier(8)

def ask(number):
    together.wait()
    authority = certificate_authority()
    together.wait()
    return id(authority), settings()["MAILBOX_IMPORT_CA_FILE"]

with ThreadPoolExecutor(8) as pool:
    assert len(set(pool.map(ask, range(8)))) == 1
"""
    done = python(program)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "call", ["settings()", "MailServer()", "ScriptedServer([['tls', 'good']])"]
)
def test_without_trustme_the_error_says_what_to_install(call):
    program = f"""
import sys
sys.modules["trustme"] = None
from flask_mailbox_import.testing import *
with SMTPServer(), ScriptedServer([["close"]]):
    pass
{call}
"""
    done = python(program)
    assert done.stderr.strip().endswith(
        "ImportError: flask_mailbox_import.testing needs trustme for its certificates: "
        "pip install flask_mailbox_import[testing]"
    )


@pytest.mark.parametrize("path", sorted(WING.glob("*.py")), ids=lambda path: path.name)
def test_the_wing_imports_the_standard_library_and_trustme_inside_a_function(path):
    tree = ast.parse(path.read_text())
    inside = {
        each
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for each in ast.walk(function)
    }
    typing_only = {
        each
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for each in ast.walk(block)
    }
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and each.level:
            assert each.level == 1 or (each.module or "").split(".")[0] == "core"
        elif isinstance(each, ast.Import | ast.ImportFrom) and each not in typing_only:
            found = (
                {each.module}
                if isinstance(each, ast.ImportFrom)
                else {name.name for name in each.names}
            )
            allowed = {"trustme"} if each in inside else set()
            assert {name.split(".")[0] for name in found} <= {*sys.stdlib_module_names, *allowed}
