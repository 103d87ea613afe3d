"""What each step of a script does on the wire, and which scripts are refused."""

from __future__ import annotations

import imaplib
import smtplib
import socket
import ssl
import threading
import time

import pytest

from flask_mailbox_import.testing import (
    IMAP_DIALOGUE,
    SMTP_DIALOGUE,
    ScriptedServer,
    server_context,
    up_to,
)

HELLO = ["send", "220 mail.test\r\n"]


def connected(server: ScriptedServer) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=10)


def everything(client: socket.socket) -> bytes:
    """Read until the server has closed the connection."""
    received = b""
    while data := client.recv(65536):
        received += data
    return received


def test_send_and_close():
    script = [["send", "\xff\r\n"], ["send", "ab", 3], ["close"]]
    with ScriptedServer(script) as server, connected(server) as client:
        assert everything(client) == b"\xff\r\nababab"


def test_wait_reads_lines_until_the_command():
    script = [HELLO, ["wait", "ehlo"], ["send", "250 {tag}\r\n"], ["close"]]
    with ScriptedServer(script) as server, connected(server) as client:
        client.sendall(b"NOOP EHLO? no\r\nNOOP x EHLO\r\na1 Ehlo x\r\n")
        assert everything(client) == b"220 mail.test\r\n250 a1\r\n"
        assert server.lines() == [b"NOOP EHLO? no", b"NOOP x EHLO", b"a1 Ehlo x"]
        assert bytes(server.clear) == b"NOOP EHLO? no\r\nNOOP x EHLO\r\na1 Ehlo x\r\n"
        assert server.covered == b""


def test_hear_takes_one_byte():
    script = [["hear"], ["wait", "QUIT"], ["close"]]
    with ScriptedServer(script) as server, connected(server) as client:
        client.sendall(b"xQUIT\r\n")
        assert everything(client) == b""
        assert server.lines() == [b"QUIT"]
        assert server.clear == b"xQUIT\r\n"


def test_answer_goes_on_for_every_line():
    script = [["answer", "{tag} OK\r\n"], ["send", "never"]]
    with ScriptedServer(script) as server, connected(server) as client:
        client.sendall(b"a x\r\nb y\r\n")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"a OK\r\nb OK\r\n"


def test_drip_sends_each_byte_after_its_time():
    with ScriptedServer([["drip", "abc", 0.1], ["close"]]) as server, connected(server) as client:
        assert everything(client) == b"abc"
    assert server.seconds >= 0.3


def test_flood_goes_on_until_the_client_leaves():
    with ScriptedServer([["flood", "x\r\n"]]) as server:
        with connected(server) as client:
            received = 0
            while received < 10_000_000:
                received += len(client.recv(1_000_000))
        assert server.sessions[0].lines == []


def test_reset_sends_a_reset():
    with ScriptedServer([["hear"], ["reset"]]) as server, connected(server) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_tls_takes_the_context_of_that_name(trusting):
    contexts = {"other": server_context("other.test")}
    script = [["tls", "other"], HELLO, ["wait", "quit"], ["close"]]
    with ScriptedServer(script, contexts) as server, connected(server) as client:
        with trusting.wrap_socket(client, server_hostname="other.test") as secured:
            secured.sendall(b"QUIT\r\n")
            assert everything(secured) == b"220 mail.test\r\n"
        assert b"QUIT" not in server.clear
        assert server.covered == b"QUIT\r\n"


def test_secured_speaks_smtp_until_tls_is_up(trusting, smtp):
    refuse = ["send", "421 4.7.0 Busy\r\n"]
    script = [["secured", "AUTH PLAIN"], ["wait", "AUTH"], refuse, ["close"]]
    with ScriptedServer(script) as server:
        client = smtp(server.port)
        client.starttls(context=trusting)
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login("ann", "right")
        assert refused.value.smtp_code == 421
        assert server.covered.count(b"AUTH PLAIN ") == 1
        assert b"AUTH" not in server.clear


def test_secured_imap_speaks_imap_until_tls_is_up(trusting):
    script = [["secured_imap", "IMAP4rev1 ID"], ["wait", "LOGIN"], ["send", "{tag} NO busy\r\n"]]
    with (
        ScriptedServer(script) as server,
        connected(server) as client,
        client.makefile("rb") as replies,
    ):
        assert replies.readline() == b"* OK BANNER\r\n"
        client.sendall(b"a CAPABILITY\r\nb STARTTLS\r\n")
        assert [replies.readline() for _ in "1ab"] == [
            *(b"* CAPABILITY STARTTLS\r\n", b"a OK\r\n", b"b OK BANNER\r\n")
        ]
        secured = trusting.wrap_socket(client, server_hostname="localhost")
        with secured, secured.makefile("rb") as replies_inside:
            secured.sendall(b"c CAPABILITY\r\nd LOGIN x y\r\n")
            assert [replies_inside.readline() for _ in "1cd"] == [
                *(b"* CAPABILITY IMAP4rev1 ID\r\n", b"c OK\r\n", b"d NO busy\r\n")
            ]


def test_a_dialogue_is_followed_up_to_a_stage(trusting, smtp):
    with ScriptedServer(up_to(SMTP_DIALOGUE, "auth", ["close"])) as server:
        client = smtp(server.port)
        client.starttls(context=trusting)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.login("ann", "right")
    with (
        ScriptedServer(up_to(IMAP_DIALOGUE, "greeting", ["send", "* BYE busy\r\n"])) as server,
        pytest.raises(imaplib.IMAP4.error, match="busy"),
    ):
        imaplib.IMAP4(server.host, server.port, timeout=10)
    with pytest.raises(ValueError, match="'login' is no stage; the stages are greeting, ehlo"):
        up_to(SMTP_DIALOGUE, "login")


def test_whole_dialogues_are_those_of_correct_servers(trusting, smtp):
    whole = [step for steps in SMTP_DIALOGUE.values() for step in steps]
    with ScriptedServer(whole) as server:
        client = smtp(server.port)
        client.starttls(context=trusting)
        assert client.login("ann", "right")[0] == 235


def test_the_time_of_the_connections_is_kept():
    with ScriptedServer([["send", "x"], ["hear"], ["close"]]) as server:
        assert server.seconds == 0
        began = time.monotonic()
        with connected(server) as client:
            assert client.recv(1) == b"x"
            client.sendall(b"y")
            assert everything(client) == b""
        ended = time.monotonic()
    ((start, end),) = server.spans
    assert began <= start <= end
    assert server.seconds == end - start
    assert server.sessions[0].began <= ended


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (["sent", "x"], "'sent' is not a step; the steps are send, drip, flood, wait, hear"),
        ([], "'' is not a step"),
        (["send"], "'send' takes str, int, of which the last 1 may be left out"),
        (["send", "x", "y"], "'send' takes str, int"),
        (["send", b"x"], "'send' takes str, int"),
        (["drip", "x"], "'drip' takes str, float"),
        (["close", "x"], "'close' takes no argument"),
        (["flood", ""], "an empty text is no flood"),
        (["answer", "\u0142"], "not in Latin-1"),
    ],
)
def test_a_step_that_cannot_be_played_is_refused(step, words):
    with pytest.raises(ValueError, match=words) as refused:
        ScriptedServer([HELLO, step])
    assert str(refused.value).startswith(f"step 2, {step}: ")


@pytest.mark.parametrize("step", [["tls", "bad"], ["secured", "AUTH PLAIN"]])
def test_a_context_that_is_not_there_is_refused(step):
    contexts = {"other": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}
    with pytest.raises(ValueError, match="is not a context; the contexts are other"):
        ScriptedServer([step], contexts)


@pytest.mark.parametrize(
    "script", [[], [["flood", "x"]], [["drip", "abc", 60]], [["tls", "good"]], [["answer", "x"]]]
)
def test_close_ends_all_threads_at_any_step(script):
    with ScriptedServer(script) as server:
        clients = [connected(server) for _ in range(3)]
    names = [each.name for each in threading.enumerate()]
    assert not [each for each in names if each.endswith(f"on port {server.port}")]
    for client in clients:
        client.close()
