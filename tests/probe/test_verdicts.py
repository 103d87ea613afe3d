"""One verdict a mailbox, in words; where our own network is at fault, that is said once."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
from import_calls import codes_of
from mailbox_files import Header, rows_on
from server_replies import last_line

from flask_mailbox_import import Code
from flask_mailbox_import.core.mailboxes import Login, Protocol, Security, Stage
from flask_mailbox_import.core.secret import Secret
from flask_mailbox_import.probe.advice import failure_of_test
from flask_mailbox_import.probe.diagnosis import Finding

ROWS_OF_THE_FILE = {
    *("missing_email", "invalid_email", "missing_credentials", "missing_imap_host"),
    *("invalid_host", "invalid_port", "port_not_allowed", "invalid_boolean"),
    *("control_character", "field_too_long", "wrong_column_count", "invalid_value"),
}


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("code", [each for each in Code if each.value not in ROWS_OF_THE_FILE])
def test_every_code_has_its_words(code, protocol):
    login = Login(
        protocol=protocol,
        host="mail.x.com",
        port=2525,
        security=Security.STARTTLS,
        username="a@x.com",
        password=Secret("pw"),
    )
    reason = failure_of_test(Finding(code=code, stage=Stage.AUTH), login, None)
    for text in (reason.error, reason.hint):
        assert text.endswith(".")
        assert "{" not in text


@pytest.mark.slow
def test_an_odd_reply_is_one_rows(make_host, mail_server):
    replies = [
        "450 4.7.1 try again in 5 \u017f",
        "535 \ufdfa " + "x" * 2000,
        "454 [\u0131\u0663 m]",
    ]

    def answer(session):
        reply = server._auth(session, last_line(session))
        odd = session.logins[-1][0].removeprefix("u").removesuffix("@x.com")
        return f"{replies[int(odd)]}\r\n".encode() if odd.isdigit() else reply

    server = mail_server(replies={"AUTH": answer})
    host = make_host(server.port, RETRIES=0)
    data = host.post(Header + rows_on(server, 3) + rows_on(server, 20, name="g")).json["data"]
    assert (data["imported"], data["failed"]) == (20, 3)
    assert "internal" not in codes_of(data)


@pytest.mark.slow
def test_equal_logins_share_a_verdict_and_another_password_is_not_tried(make_host, mail_server):
    server = mail_server(accounts={"shared": "right"})
    host = make_host(server.port)
    header = "email,password,smtphost,imaphost,smtpport,smtpusername\n"
    lines = [f"u{each}@x.com,right,localhost,,{server.port},shared\n" for each in range(5)]
    lines.append(f"v@x.com,other,localhost,,{server.port},shared\n")
    data = host.post(header + "".join(lines)).json["data"]
    assert data["imported"] == 5
    assert codes_of(data) == {"duplicate_login": 1}
    assert server.logins == [("shared", "right")]


@pytest.fixture
def full_port():
    """A port whose queue is full: a connection to it is neither taken nor refused."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("0.0.0.0", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@pytest.mark.slow
def test_where_no_server_can_be_reached_it_is_said_once(make_host, full_port):
    host = make_host(full_port, CONNECT_TIMEOUT=1, TIMEOUT=2)
    csv = Header + "".join(
        rows_on(full_port, 3, f"127.0.0.{each + 2}", f"n{each}") for each in range(4)
    )
    data = host.post(csv).json["data"]
    assert codes_of(data) == {"connection_timeout": 12}
    (warning,) = data["warnings"]
    assert (warning["row"], warning["code"]) == (0, "port_unreachable")
    assert f"None of the 4 servers on port {full_port} could be reached" in warning["message"]
    assert all("this app's own network" in each["hint"] for each in data["errors"])


@pytest.mark.slow
def test_one_server_that_cannot_be_reached_is_no_blocked_port(make_host, full_port):
    host = make_host(full_port, CONNECT_TIMEOUT=1, TIMEOUT=2)
    data = host.post(Header + rows_on(full_port, 3)).json["data"]
    assert codes_of(data) == {"connection_timeout": 3}
    assert "warnings" not in data
    assert all("Check the server name" in each["hint"] for each in data["errors"])
