"""One try of one login ends at its deadline, and a wrong TLS mode is repaired, never weakened."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest
from import_calls import verdict
from mailbox_files import Header, row
from server_certificates import server_context
from trustme import CA

from flask_mailbox_import.testing import CLOSE

HEADER = "email,password,smtphost,smtpport,smtpsecure,imaphost,imapport,imapsecure\n"
#: Enough for each way to begin on a busy machine: a quarter of it is waited for a greeting.
TIMEOUT = 4


def test_implicit_tls(make_host, mail_server):
    server = mail_server(implicit_tls=True)
    host = make_host(server.port)
    assert verdict(host, server, secure="true") == ("active", "")
    assert [each.smtp_security for each in host.mailboxes()] == ["tls"]


def test_nothing_listens(make_host):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert verdict(make_host(port), port)[0] == "connection_refused"


@pytest.mark.slow
@pytest.mark.parametrize("silent_at", ["greeting", "EHLO", "STARTTLS", "AUTH"])
def test_silence_ends_at_the_deadline(make_host, mail_server, silent_at):
    ended = threading.Event()

    def silent(_session):
        ended.wait(30)
        return CLOSE

    server = mail_server(replies={silent_at: silent})
    host = make_host(server.port, TIMEOUT=1)
    assert verdict(host, server)[0] == "connection_timeout"
    ended.set()


def drip(session):
    """Send a reply that never ends, a line each 0.2 s; each read succeeds in time."""
    for _ in range(100):
        time.sleep(0.2)
        session.sock.sendall(b"220-patience\r\n")
    return CLOSE


def flood(session):
    """Send a line that never ends, as fast as it is taken."""
    while True:
        session.sock.sendall(b"x" * 65536)


@pytest.mark.slow
@pytest.mark.parametrize(("hostile", "code"), [(drip, "connection_timeout"), (flood, None)])
def test_a_hostile_server_delays_nobody(make_host, mail_server, hostile, code):
    bad = mail_server(replies={"greeting": hostile})
    good = mail_server()
    host = make_host(bad.port, good.port, TIMEOUT=2)
    rows = row("bad@x.com", "pw", bad.port)
    rows += "".join(row(f"u{each}@x.com", "pw", good.port) for each in range(5))
    data = host.post(Header + rows).json["data"]
    assert data["imported"] == 5
    assert [each["code"] for each in data["errors"]] == [code or "protocol_error"]


def test_an_accepted_login_stays_accepted_whatever_follows(make_host, mail_server):
    def accept_and_reset(session):
        session.sock.sendall(b"235 ok\r\n")
        linger = struct.pack("ii", 1, 0)
        session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return CLOSE

    server = mail_server(context=None, replies={"AUTH": accept_and_reset})
    host = make_host(server.port, ALLOW_PLAINTEXT=True)
    rows = "".join(row(f"u{each}@x.com", "pw", server.port) for each in range(50))
    assert host.post(Header + rows).json["data"]["imported"] == 50


@pytest.fixture(params=["smtp", "imap"])
def protocol(request) -> str:
    return request.param


@pytest.fixture
def server_of(protocol, mail_server, imap_server):
    """Start a server of the protocol that is tested."""
    return mail_server if protocol == "smtp" else imap_server


@pytest.fixture
def run(protocol, make_host, mail_server):
    """Import rows on one server with a TLS mode; return the host and the answer's data."""

    def run(server, secure: bool, rows: int = 1, **settings: object):
        good = mail_server(implicit_tls=True) if protocol == "imap" else server
        host = make_host(server.port, good.port, **{"TIMEOUT": TIMEOUT, "RETRIES": 0, **settings})
        mode, port = str(secure).lower(), server.port
        smtp = f"localhost,{port},{mode}" if protocol == "smtp" else f"localhost,{good.port},true"
        imap = f"localhost,{port},{mode}" if protocol == "imap" else ",,"
        lines = [f"u{each}@x.com,pw,{smtp},{imap}\n" for each in range(rows)]
        fields = {"testImap": "true"} if protocol == "imap" else {}
        return host, host.post(HEADER + "".join(lines), **fields).json["data"]

    return run


def securities(host, protocol: str) -> set[str]:
    return {getattr(each, f"{protocol}_security") for each in host.mailboxes()}


def test_tls_to_a_starttls_port(server_of, run, protocol):
    server = server_of()
    host, data = run(server, secure=True)
    assert data["imported"] == 1
    assert securities(host, protocol) == {"starttls"}
    assert data["warnings"] == [
        {
            "row": 2,
            "column": f"{protocol}secure",
            "code": "tls_mode_mismatch",
            "message": f"Port {server.port} of this server works with {protocol}secure=false "
            "(STARTTLS). It is saved so.",
        }
    ]
    assert all(each.secure for each in server.sessions if each.logins)


@pytest.mark.slow
def test_starttls_to_a_tls_port(server_of, run, protocol):
    server = server_of(implicit_tls=True)
    host, data = run(server, secure=False)
    assert data["imported"] == 1
    assert securities(host, protocol) == {"tls"}
    (warning,) = data["warnings"]
    assert warning["message"].endswith(f"{protocol}secure=true (TLS). It is saved so.")
    (kept,) = host.rows()[0].warnings
    assert kept["values"] == {"port": server.port, "secure": "true", "mode": "TLS"}


@pytest.mark.slow
@pytest.mark.parametrize("secure", [True, False])
def test_what_fails_after_the_repair_says_both(server_of, run, protocol, secure):
    server = server_of(implicit_tls=not secure, accounts={})
    _, data = run(server, secure=secure)
    (error,) = data["errors"]
    assert error["code"] == "bad_credentials"
    assert f"works with {protocol}secure={str(not secure).lower()}" in error["hint"]
    assert len(server.logins) == 1


@pytest.mark.parametrize("secure", [True, False])
def test_a_port_that_speaks_plain_text_only_is_never_used_in_clear(server_of, run, secure):
    server = server_of(context=None)
    _, data = run(server, secure=secure)
    assert [each["code"] for each in data["errors"]] == ["starttls_unsupported"]
    assert server.logins == []
    assert all(b"pw" not in line for each in server.sessions for line in each.lines)


@pytest.mark.slow
def test_a_bad_certificate_behind_the_repair_is_the_cause(server_of, run):
    server = server_of(implicit_tls=True, context=server_context(CA()))
    _, data = run(server, secure=False)
    assert [each["code"] for each in data["errors"]] == ["tls_cert_untrusted"]
    assert server.logins == []


@pytest.mark.slow
def test_a_server_that_greets_late_is_waited_for(server_of, run, protocol):
    late = threading.Event()
    threading.Timer(TIMEOUT * 0.5, late.set).start()

    def greet(_session):
        late.wait(10)
        return b"220 at last\r\n" if protocol == "smtp" else b"* OK at last\r\n"

    host, data = run(server_of(replies={"greeting": greet}), secure=False)
    assert data["imported"] == 1
    assert securities(host, protocol) == {"starttls"}
    assert "warnings" not in data


@pytest.mark.slow
def test_one_row_teaches_the_others(server_of, run):
    server = server_of(implicit_tls=True)
    _, data = run(server, secure=False, rows=30, CONCURRENCY=2)
    assert data["imported"] == 30
    assert len(data["warnings"]) == 30
    # Two rows found out, each with a connection that got no greeting.
    assert len(server.sessions) <= 30 + 4


@pytest.mark.slow
def test_rows_of_both_modes_on_one_port_are_both_right(server_of, protocol, make_host, mail_server):
    server = server_of(implicit_tls=True)
    good = mail_server(implicit_tls=True)
    host = make_host(server.port, good.port, TIMEOUT=TIMEOUT, CONCURRENCY=4)
    lines = []
    for each in range(20):
        tested = f"localhost,{server.port},{str(each % 2 == 0).lower()}"
        other = f"localhost,{good.port},true"
        cells = (tested, ",,") if protocol == "smtp" else (other, tested)
        lines.append(f"u{each}@x.com,pw{each},{','.join(cells)}\n")
    fields = {"testImap": "true"} if protocol == "imap" else {}
    data = host.post(HEADER + "".join(lines), **fields).json["data"]
    assert (data["imported"], data["errors"]) == (20, [])
    assert securities(host, protocol) == {"tls"}


@pytest.mark.slow
def test_a_busy_server_may_say_so_in_clear_on_a_tls_port(make_host, mail_server):
    """Exim refuses one connection too many before any TLS; that is no wrong mode."""
    server = mail_server(implicit_tls=True)
    serve = server._talk

    def talk(session):
        if server.open_now > 3:
            session.sock.sendall(b"421 Too many concurrent SMTP connections\r\n")
            return
        serve(session)

    server._talk = talk
    host = make_host(server.port, TIMEOUT=TIMEOUT)
    rows = [row(f"u{each}@x.com", "pw", server.port, secure="true") for each in range(20)]
    data = host.post(Header + "".join(rows)).json["data"]
    assert (data["imported"], data["errors"]) == (20, [])
    assert "warnings" not in data


@pytest.mark.parametrize("reply", [b"554 no service\r\n", b"SSH-2.0-x\r\n", b"421 busy\r\n"])
def test_a_mode_that_was_only_tried_is_not_said_to_work(make_host, mail_server, reply):
    server = mail_server(replies={"greeting": reply}, context=None)
    host = make_host(server.port, TIMEOUT=TIMEOUT, RETRIES=0)
    data = host.post(Header + row("a@x.com", "pw", server.port, secure="true")).json["data"]
    assert "works with" not in str(data)


def test_what_asks_for_tls_is_never_done_in_clear(make_host, mail_server):
    server = mail_server(context=None)
    host = make_host(server.port, TIMEOUT=TIMEOUT, ALLOW_PLAINTEXT=True)
    data = host.post(Header + row("a@x.com", "pw", server.port, secure="true")).json["data"]
    assert [each["code"] for each in data["errors"]] == ["starttls_unsupported"]
    assert server.logins == []
