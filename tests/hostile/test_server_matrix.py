"""Every misbehaviour of a server at every stage of a dialogue, in one import a protocol."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from scripted_import import ScriptedImport, email_of
from server_certificates import contexts_of

from flask_mailbox_import.testing import IMAP_DIALOGUE, SMTP_DIALOGUE, Script

pytestmark = pytest.mark.slow

TIMEOUT = 2
STAGES = {"smtp": SMTP_DIALOGUE, "imap": IMAP_DIALOGUE}

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


#: What each is called, unless the stage decides.
BEHAVIOURS: dict[str, tuple[Callable[[str, str], Script], str]] = {
    "silence": (instead(), "connection_timeout"),
    "drip": (slow, "connection_timeout"),
    "close": (instead(["close"]), "connection_closed"),
    "reset": (instead(["reset"]), "connection_closed"),
    "garbage": (instead(["send", "\x00\xff\x80\x15\xfe\r\n", 3]), "protocol_error"),
    "babble": (instead(["send", "abc-def\r\nabc def\r\n"]), "protocol_error"),
    "other protocol": (other_protocol, "wrong_protocol"),
    "endless line": (instead(["flood", "AAAA"]), "protocol_error"),
    "endless lines": (endless_lines, "protocol_error"),
    "many lines": (many_lines, "imported"),
    "odd welcome": (odd_welcome, "imported"),
    "gbk": (telling(GBK), "refused"),
    "latin-1": (telling(LATIN_1), "refused"),
    "markup": (telling(MARKUP), "refused"),
}
REFUSED = {
    "smtp": {
        "greeting": "ip_blocked",
        "ehlo": "helo_rejected",
        "starttls": "server_misconfigured",
        "ehlo in tls": "helo_rejected",
        "auth": "bad_credentials",
    },
    "imap": {
        "greeting": "connection_closed",
        "capability": "server_misconfigured",
        "starttls": "server_misconfigured",
        "capability in tls": "server_misconfigured",
        "login": "bad_credentials",
        "id": "imported",  # sent for politeness
        "select": "mailbox_unavailable",
    },
}
SHOWN = {"gbk": "请使用", "latin-1": "désolé ÿ", "markup": "scriptalert(1)/script[31m"}


def script_of(protocol: str, at: str, behaviour: str) -> Script:
    script: list[object] = []
    for stage in STAGES[protocol]:
        answer = good(protocol, stage) if stage != at else BEHAVIOURS[behaviour][0](protocol, stage)
        script += answer
    return script


def expected(protocol: str, stage: str, behaviour: str) -> str:
    code = BEHAVIOURS[behaviour][1]
    if stage == "tls" and code in ("wrong_protocol", "imported", "refused"):
        # Words have no place in a handshake, whatever they are.
        return "protocol_error"
    return REFUSED[protocol][stage] if code == "refused" else code


@pytest.fixture(scope="module", params=["smtp", "imap"])
def matrix(request, ca, ca_file, tmp_path_factory):
    """Play all pairs beside good rows."""
    folder, protocol = tmp_path_factory.mktemp("matrix"), request.param
    contexts = contexts_of(ca, folder)
    with ScriptedImport(folder, ca_file, contexts, protocol=protocol) as matrix:
        for stage in STAGES[protocol]:
            for behaviour in BEHAVIOURS:
                matrix.add(f"{stage} {behaviour}", script_of(protocol, stage, behaviour))
        matrix.add_good(3)
        matrix.run(TIMEOUT=TIMEOUT, RETRIES=0, CONCURRENCY=60)
        yield matrix


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_what_it_is_called(matrix, behaviour):
    names = {stage: f"{stage} {behaviour}" for stage in STAGES[matrix.protocol]}
    assert {stage: matrix.code(name) for stage, name in names.items()} == {
        stage: expected(matrix.protocol, stage, behaviour) for stage in names
    }


@pytest.mark.parametrize("kind", SHOWN)
def test_what_is_said_from_the_login_on_is_read_and_cleaned(matrix, kind):
    for stage in STAGES[matrix.protocol]:
        reply = matrix.replies[email_of(f"{stage} {kind}")] or ""
        if stage in ("auth", "login", "select"):
            assert reply.endswith(f" {SHOWN[kind]}")
        else:
            assert not set(reply) - set("0123456789. ")


def test_one_login_and_no_password_in_clear(matrix):
    for name in matrix.servers:
        logins = matrix.logins(name)
        assert logins <= 1, name
        assert matrix.passwords(name) == (0, logins), name


def test_it_ends_in_time(matrix):
    # A second more would be a goodbye that nobody takes.
    seconds = {name: each.seconds for name, each in matrix.servers.items()}
    assert {name: each for name, each in seconds.items() if each > TIMEOUT + 0.8} == {}


def test_good_rows_beside_them_are_not_held_up(matrix):
    assert [matrix.code(f"good.{number}") for number in range(3)] == ["imported"] * 3
    # Before the time of the first silent server was over.
    assert max(matrix.good_seconds) < TIMEOUT


def test_nothing_odd_is_shown_or_logged(matrix):
    shown = json.dumps(json.loads(matrix.text), ensure_ascii=False)
    for hidden in ("BANNER", "<script", "AAAA"):
        assert hidden not in shown
    for text in (shown, matrix.log):
        assert not [each for each in text if not each.isprintable() and each not in "\n\t"]


def test_nobody_broke(matrix):
    assert "broke" not in matrix.log
