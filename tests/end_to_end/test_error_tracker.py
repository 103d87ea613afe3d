"""What an error tracker in the host's process gets to see: faults, but no password and no key."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from broken_parts import FAULTS
from leak_search import CANARY, forms_of
from project_paths import ROOT, SUPPORT

CHILD = SUPPORT / "sentry_child.py"


@pytest.fixture
def sent(mail_server, ca_file):
    """Play an order; return what Sentry would have sent, and the API key that was used."""

    def play(fault: str) -> tuple[bytes, str]:
        order = {"fault": fault, "port": mail_server().port, "ca_file": ca_file}
        done = subprocess.run(
            [sys.executable, str(CHILD)],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            cwd=ROOT,
            env={"PYTHONPATH": ":".join(each for each in sys.path if each)},
        )
        printed = json.loads(done.stdout)
        return "\n".join(printed["sent"]).encode(), printed["key"]

    return play


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_an_error_tracker_gets_no_password_and_no_key(sent, fault):
    text, key = sent(fault)
    assert b'"type":"transaction"' in text
    assert (b'"level":"error"' in text) is bool(fault)
    assert not [form for form in forms_of(CANARY) if form in text]
    assert key.encode() not in text


@pytest.mark.slow
def test_an_error_tracker_would_see_a_leak(sent):
    text, _ = sent("leak")
    assert [form for form in forms_of(CANARY) if form in text]
