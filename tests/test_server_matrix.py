"""Every misbehaviour of a server at every stage of a dialogue, in one import a protocol."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hostile_play import Play, contexts_of
from scripted_server import IMAP, SMTP, Script

TIMEOUT = 2
STAGES = {"smtp": SMTP, "imap": IMAP}

#: The codes of replies that refuse, by stage; what they are called is not the point here.
_REFUSALS = {"greeting": "554", "starttls": "454", "auth": "535"}
GBK, LATIN_1 = "\xc7\xeb\xca\xb9\xd3\xc3", "d\xe9sol\xe9 \xff"
MARKUP = "<script>alert(1)</script>\x1b[31m\x07\x00\x9b"


def good(protocol: str, stage: str) -> Script:
    """Return what an honest server does at a stage."""
    return STAGES[protocol][stage]


def text_of(protocol: str, stage: str) -> str:
    """Return the answer with which an honest server ends a stage."""
    return str(good(protocol, stage)[-1][1])


def instead(*steps: list[object]) -> Callable[[str, str], Script]:
    """Do something else in place of the answer."""
    return lambda protocol, stage: [*good(protocol, stage)[:-1], *steps]


def other_protocol(protocol: str, stage: str) -> Script:
    text = "* OK IMAP4rev1 ready\r\n" if protocol == "smtp" else "220 mail.test ESMTP\r\n"
    return instead(["send", text])(protocol, stage)


def slow(protocol: str, stage: str) -> Script:
    """Say what is right, and never come to its end."""
    start = "\x16\x03\x03\x40\x00\x02" if stage == "tls" else text_of(protocol, stage)[:-2]
    return instead(["drip", start + "x" * 1000, TIMEOUT / 20])(protocol, stage)


def one_more(protocol: str, stage: str) -> str:
    """Return a line after which the answer still goes on."""
    return f"{text_of(protocol, stage)[:3]}-x\r\n" if protocol == "smtp" else "* OK x\r\n"


def endless_lines(protocol: str, stage: str) -> Script:
    return instead(["flood", one_more(protocol, stage)])(protocol, stage)


def many_lines(protocol: str, stage: str) -> Script:
    lines = ["send", one_more(protocol, stage), 60]
    ending = good(protocol, stage)[-1]
    if (protocol, stage) == ("imap", "greeting"):
        return [ending, lines]
    return instead(lines, ending)(protocol, stage)


def telling(text: str) -> Callable[[str, str], Script]:
    """Refuse, and say why in odd bytes."""

    def refuse(protocol: str, stage: str) -> Script:
        if protocol == "smtp":
            answer = f"{_REFUSALS.get(stage, '550')} 5.7.8 {text}\r\n"
        else:
            answer = f"* BYE {text}\r\n" if stage == "greeting" else f"{{tag}} NO {text}\r\n"
        return instead(["send", answer])(protocol, stage)

    return refuse


def odd_welcome(protocol: str, stage: str) -> Script:
    """Say what is right, and odd bytes with it."""
    text = text_of(protocol, stage)
    odd = f"{text[:-2]} {GBK}{LATIN_1}{MARKUP}\r\n"
    if protocol == "imap" and stage != "greeting":
        odd = f"* OK {GBK}{LATIN_1}{MARKUP}\r\n{text}"
    return instead(["send", odd])(protocol, stage)


NEVER = {"connection_timeout"}
GONE = {"connection_closed"}
STRANGE = {"protocol_error", "wrong_protocol"}
FINE = {"imported"}
#: What a refusal may mean, by its numbers and by where it is said.
REFUSED = {
    *("ip_blocked", "helo_rejected", "server_misconfigured", "bad_credentials", "unknown"),
    *("connection_closed", "mailbox_unavailable", "protocol_error"),
}
BEHAVIOURS: dict[str, tuple[Callable[[str, str], Script], set[str]]] = {
    "silence": (instead(), NEVER),
    "drip": (slow, NEVER),
    "close": (instead(["close"]), GONE),
    "reset": (instead(["reset"]), GONE),
    "garbage": (instead(["send", "\x00\xff\x80\x15\xfe\r\n", 3]), STRANGE),
    "other protocol": (other_protocol, STRANGE),
    "endless line": (instead(["flood", "AAAA"]), STRANGE),
    "endless lines": (endless_lines, STRANGE),
    "many lines": (many_lines, FINE),
    "odd welcome": (odd_welcome, FINE),
    "gbk": (telling(GBK), REFUSED),
    "latin-1": (telling(LATIN_1), REFUSED),
    "markup": (telling(MARKUP), REFUSED),
}
#: Words have no place in a handshake; ID is asked for politeness, and its refusal no fault.
NO_WORDS = {"many lines", "odd welcome"}


def script_of(protocol: str, at: str, behaviour: str) -> Script:
    script: list[object] = []
    for stage in STAGES[protocol]:
        answer = good(protocol, stage) if stage != at else BEHAVIOURS[behaviour][0](protocol, stage)
        script += answer
    return script


def expected(stage: str, behaviour: str) -> set[str]:
    if stage == "tls" and BEHAVIOURS[behaviour][1] not in (NEVER, GONE):
        return STRANGE
    if stage == "id" and BEHAVIOURS[behaviour][1] is REFUSED:
        return FINE
    return BEHAVIOURS[behaviour][1]


@pytest.fixture(scope="module", params=["smtp", "imap"])
def plays(request, ca, ca_file, tmp_path_factory):
    """Play the matrix beside good rows, and good rows alone."""
    folder, protocol = tmp_path_factory.mktemp("matrix"), request.param
    contexts = contexts_of(ca, folder)
    with (
        Play(folder, ca_file, contexts, protocol=protocol) as matrix,
        Play(folder, ca_file, contexts, protocol=protocol) as alone,
    ):
        for stage in STAGES[protocol]:
            for behaviour in BEHAVIOURS:
                matrix.add(f"{stage} {behaviour}", script_of(protocol, stage, behaviour))
        for play in (alone, matrix):
            play.add_good(3)
            play.run(TIMEOUT=TIMEOUT, RETRIES=0, CONCURRENCY=60)
        yield matrix, alone


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_what_it_is_called(plays, behaviour):
    matrix, _ = plays
    found = {stage: matrix.code(f"{stage} {behaviour}") for stage in STAGES[matrix.protocol]}
    wrong = {stage: code for stage, code in found.items() if code not in expected(stage, behaviour)}
    assert wrong == {}


def test_one_login_and_no_password_in_clear(plays):
    matrix, _ = plays
    for name in matrix.servers:
        logins = matrix.logins(name)
        assert logins <= 1, name
        assert matrix.passwords(name) == (0, logins), name


def test_it_ends_in_time(plays):
    matrix, _ = plays
    assert {n: s.seconds for n, s in matrix.servers.items() if s.seconds > TIMEOUT + 1} == {}


def test_good_rows_beside_them_are_not_held_up(plays):
    matrix, alone = plays
    assert [matrix.code(f"good.{number}") for number in range(3)] == ["imported"] * 3
    assert max(matrix.good_seconds) < max(alone.good_seconds) + TIMEOUT / 2


def test_nothing_odd_is_shown_or_logged(plays):
    matrix, _ = plays
    shown = json.dumps(json.loads(matrix.text), ensure_ascii=False)
    for hidden in ("BANNER", "<script", "AAAA"):
        assert hidden not in shown
    for text in (shown, matrix.log):
        assert not [each for each in text if not each.isprintable() and each not in "\n\t"]


def test_nobody_broke(plays):
    assert "broke" not in plays[0].log
