"""Mail servers of an attacker, from ``data/hostile_servers.json``: all in one import a protocol.

``expect`` says the code; how many ``logins`` the server may hear (none, if it says nothing); what
of the server's text is ``hidden``, and the ``reply`` that is shown; see ``scripted_server`` for the
steps of a ``script``. ``BANNER`` is never shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import low_ports_child
import network_namespace
import pytest
from project_paths import read_data
from scripted_import import ScriptedImport, email_of

from flask_mailbox_import.testing import SMTP_DIALOGUE, Script

pytestmark = pytest.mark.slow

CASES = read_data("hostile_servers.json")
BY_ID = {case["id"]: case for case in CASES}
BESIDE = BY_ID["srv-046-good-row-beside-19-hostile"]
NO_FILES = BY_ID["srv-037-fd-exhausted"]
#: These need ports that are not free for all.
PORTS = [case for case in CASES if "port" in case]
RUN = [case for case in CASES if case not in (BESIDE, NO_FILES, *PORTS)]

TIMEOUT = 2
EHLO_NAME = "import.host.example"
SETTINGS = {"TIMEOUT": TIMEOUT, "RETRIES": 1, "EHLO_NAME": EHLO_NAME}

AFTER_GREETING = [step for steps in list(SMTP_DIALOGUE.values())[1:] for step in steps]
TALKING = ("greeting", "ehlo", "starttls", "ehlo in tls", "auth")
#: The stages of an honest dialogue that say more lines, how many, how long, and what comes of it.
LIMITS = [
    (TALKING[:1], 1, 4000, "imported"),
    (TALKING[:1], 1, 4100, "protocol_error"),
    (TALKING[-1:], 127, 10, "imported"),
    (TALKING[-1:], 128, 10, "protocol_error"),
    (TALKING[:1], 60, 1000, "imported"),
    (TALKING[:1], 70, 1000, "protocol_error"),
    (TALKING[:4], 60, 1000, "imported"),
    (TALKING, 60, 1000, "protocol_error"),
]


def protocol_of(case: dict[str, Any]) -> str:
    return case.get("protocol", "smtp")


@pytest.fixture(scope="module")
def plays(ca_file, contexts, tmp_path_factory):
    """Play every case beside good rows, and good rows alone."""
    folder = tmp_path_factory.mktemp("plays")
    with (
        ScriptedImport(folder, ca_file, contexts) as smtp,
        ScriptedImport(folder, ca_file, contexts, protocol="imap") as imap,
        ScriptedImport(folder, ca_file, contexts) as alone,
    ):
        found = {"smtp": smtp, "imap": imap, "alone": alone}
        for case in RUN:
            cells = case.get("row", {})
            secure = case.get("secure", False)
            found[protocol_of(case)].add(case["id"], case["script"], secure=secure, **cells)
        for play in found.values():
            play.add_good(3)
            play.run(**SETTINGS)
        yield found


@pytest.fixture(params=RUN, ids=lambda case: case["id"])
def case(request) -> dict[str, Any]:
    return request.param


@pytest.fixture
def play(plays, case) -> ScriptedImport:
    return plays[protocol_of(case)]


def test_every_case_is_run():
    assert len(BY_ID) == len(CASES)
    assert sum(not case["id"].startswith("our-") for case in CASES) == 33


@pytest.fixture(scope="module")
def ports():
    return network_namespace.run(
        Path(low_ports_child.__file__), {"cases": PORTS, "settings": SETTINGS}
    )


def test_what_it_is_called(play, case):
    assert play.code(case["id"]) == case["expect"]["code"]


def test_what_the_server_got(play, case):
    name, expected = case["id"], case["expect"]
    server, logins = play.servers[name], expected.get("logins", 0)
    assert play.logins(name) == logins
    in_clear, inside = play.passwords(name)
    assert in_clear == 0
    assert inside == expected.get("passwords", logins)
    if "connections" in expected:
        assert len(server.sessions) == expected["connections"]
    introduced = [line[5:] for line in server.lines() if line.upper().startswith(b"EHLO ")]
    assert set(introduced) <= {EHLO_NAME.encode()}
    assert len(introduced) >= expected.get("ehlo", 0)


def test_when_it_ended(play, case):
    assert play.servers[case["id"]].seconds < TIMEOUT + 1


def test_what_is_shown(play, case):
    error = json.dumps(play.errors.get(email_of(case["id"]), {}), ensure_ascii=False)
    for hidden in ("BANNER", *case["expect"].get("hidden", ())):
        assert hidden not in error
    if "reply" in case["expect"]:
        assert play.replies[email_of(case["id"])] == case["expect"]["reply"]


@pytest.mark.parametrize("protocol", ["smtp", "imap"])
def test_no_terminal_code_is_passed_on(plays, protocol):
    for text in (json.loads(plays[protocol].text), plays[protocol].log):
        shown = json.dumps(text, ensure_ascii=False) if isinstance(text, dict) else text
        assert not [each for each in shown if each < " " and each not in "\n\t"]


@pytest.mark.parametrize("protocol", ["smtp", "imap"])
def test_good_rows_beside_them_are_not_held_up(plays, protocol):
    play = plays[protocol]
    assert [play.code(f"good.{number}") for number in range(3)] == ["imported"] * 3
    assert max(play.good_seconds) < max(plays["alone"].good_seconds) + TIMEOUT / 2
    assert play.seconds < TIMEOUT + 1


def test_a_good_row_beside_nineteen_that_drip(plays, play_of):
    play = play_of()
    for number in range(BESIDE["rows"]):
        play.add(f"drip{number}", BESIDE["script"])
    play.add_good(1)
    play.run(**SETTINGS)
    assert {play.code(name) for name in play.servers} == {BESIDE["expect"]["code"]}
    assert play.imported == 1
    assert max(play.good_seconds) < max(plays["alone"].good_seconds) + TIMEOUT / 2
    assert play.seconds < TIMEOUT + 1


@pytest.mark.parametrize("spare_files", [0, 1, 5])
@pytest.mark.parametrize("host", ["localhost", "h1.localhost"])
def test_a_process_without_files_to_open_is_not_held_against_a_server(play_of, host, spare_files):
    play = play_of()
    play.add(NO_FILES["id"], NO_FILES["script"], rows=30, smtphost=host)
    play.run_apart(spare_files=spare_files, **SETTINGS)
    assert {error["code"] for error in play.errors.values()} == {NO_FILES["expect"]["code"]}
    assert len(play.errors) < 30 or not spare_files


@pytest.mark.parametrize("case", PORTS, ids=lambda case: case["id"])
def test_clear_text_on_a_port_for_tls(ports, case):
    seen = ports[case["id"]]
    assert seen["code"] == case["expect"]["code"]
    assert seen["logins"] == 0
    assert seen["passwords"] == [0, 0]
    assert seen["seconds"] < TIMEOUT + 1
    for hidden in ("BANNER", *case["expect"].get("hidden", ())):
        assert hidden not in seen["text"]


def stretched(stages: Sequence[str], lines: int, length: int) -> Script:
    script: list[Sequence[object]] = []
    for stage, (*before, answer) in SMTP_DIALOGUE.items():
        if stage in stages:
            code = str(answer[1])[:4].replace(" ", "-")
            before.append(["send", code.ljust(length - 2, "x") + "\r\n", lines])
        script += [*before, answer]
    return script


def test_replies_are_read_up_to_the_limits(play_of):
    play = play_of()
    for number, (stages, lines, length, _) in enumerate(LIMITS):
        play.add(str(number), stretched(stages, lines, length))
    play.run(**SETTINGS)
    assert [(*limit[:3], play.code(str(number))) for number, limit in enumerate(LIMITS)] == LIMITS


def test_a_server_that_makes_each_connection_wait_is_waited_for(play_of):
    """Against spammers some greet late, and ban who talks before."""
    play, longer = play_of(), 2 * TIMEOUT
    play.add("late", [["drip", "2", 0.4 * longer], ["send", "20 BANNER\r\n"], *AFTER_GREETING])
    play.run(**{**SETTINGS, "TIMEOUT": longer})
    assert play.code("late") == "imported"
    assert len(play.servers["late"].sessions) == 1
