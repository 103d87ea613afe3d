"""Many rows on hostile servers: what they cost the good ones, in time and in memory."""

from __future__ import annotations

import pytest
from scripted_import import ScriptedImport

from flask_mailbox_import.testing import SMTP_DIALOGUE, up_to

pytestmark = pytest.mark.slow

TIMEOUT = 2

HONEST = [step for answers in SMTP_DIALOGUE.values() for step in answers]
HOSTILE = {
    "silent at greeting": up_to(SMTP_DIALOGUE, "greeting"),
    "silent at ehlo": up_to(SMTP_DIALOGUE, "ehlo"),
    "silent at starttls": up_to(SMTP_DIALOGUE, "starttls"),
    "silent at tls": up_to(SMTP_DIALOGUE, "tls"),
    "silent at ehlo in tls": up_to(SMTP_DIALOGUE, "ehlo in tls"),
    "silent at auth": up_to(SMTP_DIALOGUE, "auth"),
    "dripping at greeting": up_to(SMTP_DIALOGUE, "greeting", ["drip", "220-" + "x" * 1000, 0.1]),
    "dripping at auth": up_to(SMTP_DIALOGUE, "auth", ["drip", "235-" + "x" * 1000, 0.1]),
    "endless at greeting": up_to(SMTP_DIALOGUE, "greeting", ["flood", "220-\r\n"]),
    "endless at auth": up_to(SMTP_DIALOGUE, "auth", ["flood", "A"]),
}


def connects(play: ScriptedImport) -> int:
    return sum(len(server.sessions) for server in play.servers.values())


def test_hostile_servers_cost_the_others_two_timeouts_at_most(play_of):
    alone, beside = play_of(), play_of()
    for name, script in HOSTILE.items():
        beside.add(name, script, rows=10)
    for play in (alone, beside):
        for number in range(4):
            play.add(f"honest{number}", HONEST, rows=100)
        play.run(TIMEOUT=TIMEOUT)
        assert play.imported == 400
    assert len(beside.errors) == 100
    assert {error["code"] for error in beside.errors.values()} == {
        *("connection_timeout", "protocol_error")
    }
    assert beside.seconds < alone.seconds + 2 * TIMEOUT


def test_a_silent_server_is_not_asked_by_every_row(play_of):
    play = play_of()
    play.add("silent", [], rows=500)
    play.run(TIMEOUT=TIMEOUT)
    assert {error["code"] for error in play.errors.values()} == {"connection_timeout"}
    assert len(play.errors) == 500
    assert play.seconds < 3 * TIMEOUT
    # Of those that are tried at first, each begins in up to three ways.
    assert connects(play) <= 3 * 20


def test_what_floods_fills_no_memory(play_of):
    play = play_of()
    for number in range(20):
        unit = "A" if number % 2 else "220-" + "x" * 4000 + "\r\n"
        play.add(f"flood{number}", [["flood", unit]], rows=5)
    play.run_apart(TIMEOUT=TIMEOUT)
    assert {error["code"] for error in play.errors.values()} == {"protocol_error"}
    assert len(play.errors) == 100
    assert play.kilobytes < 16 * 1024
