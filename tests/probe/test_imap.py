"""One IMAP login: what is said on the wire, what each answer is called, and what the row tells."""

from __future__ import annotations

import base64
import threading

import pytest
from import_calls import WRONG_PASSWORD
from server_certificates import server_context
from trustme import CA
from waiting import wait_for

from flask_mailbox_import.testing import CLOSE, Session

HEADER = "email,password,smtphost,smtpport,imaphost,imapport,imapsecure,imappassword\n"

PASSWORD = "correct horse"


def line(
    email: str, smtp, imap, password: str = PASSWORD, secure: str = "false", imap_pw=""
) -> str:
    cells = (email, password, "localhost", smtp.port, "localhost", imap.port, secure, imap_pw)
    return ",".join('"{}"'.format(str(cell).replace('"', '""')) for cell in cells) + "\n"


def imported(make_host, smtp, imap, password: str = PASSWORD, **options: str):
    """Import one row with the IMAP test; return the host and the answer's data."""
    host = make_host(smtp.port, imap.port, RETRIES=0)
    csv = HEADER + line("a@example.com", smtp, imap, password, **options)
    return host, host.post(csv, testImap="true").json["data"]


def imap_code(make_host, mail_server, imap, password: str = PASSWORD, **options: str) -> str:
    _, data = imported(make_host, mail_server(), imap, password, **options)
    return data["errors"][0]["code"] if data["errors"] else "active"


def said(imap) -> list[str]:
    wait_for(lambda: imap.sessions[-1].quit_seen)  # nobody waits for the reply to LOGOUT
    return [each.decode().partition(" ")[2] for each in imap.sessions[-1].lines]


PLAIN = base64.b64encode(f"\0a@example.com\0{PASSWORD}".encode()).decode()


def test_what_is_said(make_host, mail_server, imap_server):
    imap = imap_server()
    assert imap_code(make_host, mail_server, imap) == "active"
    assert said(imap) == [
        *("CAPABILITY", "STARTTLS", "CAPABILITY", f"AUTHENTICATE PLAIN {PLAIN}"),
        *('ID ("name" "flask_mailbox_import")', "EXAMINE INBOX", "LOGOUT"),
    ]


def test_a_first_response_waits_where_it_must(make_host, mail_server, imap_server):
    imap = imap_server(mechanisms="AUTH=PLAIN")
    assert imap_code(make_host, mail_server, imap) == "active"
    assert "AUTHENTICATE PLAIN" in said(imap)
    assert not any(each.startswith("ID") for each in said(imap))
    assert imap.logins == [("a@example.com", PASSWORD)]


@pytest.mark.parametrize("password", ['a "quoted\\ one"', " {12} ", "* ) ("])
def test_login_is_quoted(make_host, mail_server, imap_server, password):
    imap = imap_server(mechanisms="ID")
    assert imap_code(make_host, mail_server, imap, password) == "active"
    assert imap.logins == [("a@example.com", password)]


@pytest.mark.parametrize("mechanisms", ["SASL-IR AUTH=PLAIN", "", "LOGINDISABLED AUTH=LOGIN"])
def test_utf8_goes_by_sasl_or_as_a_literal(make_host, mail_server, imap_server, mechanisms):
    imap = imap_server(mechanisms=mechanisms)
    assert imap_code(make_host, mail_server, imap, "pässwörd 密码") == "active"
    assert imap.logins == [("a@example.com", "pässwörd 密码")]


@pytest.mark.parametrize("words", [b"BAD Literals are not understood", b"BAD invalid character"])
def test_where_a_literal_is_refused_the_row_says_that_it_was_not_tried(
    make_host, mail_server, imap_server, words
):
    imap = imap_server(mechanisms="")
    imap._login = lambda *_: b"{tag} " + words + b"\r\n"
    _, data = imported(make_host, mail_server(), imap, "pässwörd")
    (error,) = data["errors"]
    assert error["code"] == "credentials_encoding"
    assert error["error"].endswith("so this one was not tried.")


@pytest.mark.parametrize("mechanism", ["LOGIN", "CRAM-MD5"])
def test_the_other_mechanisms_where_login_is_disabled(
    make_host, mail_server, imap_server, mechanism
):
    imap = imap_server(
        mechanisms=f"LOGINDISABLED AUTH={mechanism}", accounts={"a@example.com": PASSWORD}
    )
    assert imap_code(make_host, mail_server, imap) == "active"
    assert f"AUTHENTICATE {mechanism}" in said(imap)


MECHANISM_REFUSED = [
    b"BAD Command not understood",
    b"NO Unsupported authentication mechanism",
    b"NO [CANNOT] Unknown SASL mechanism",
    b"NO AUTHENTICATE PLAIN is disabled",
    b"NO mechanism not available",
]


@pytest.mark.slow
@pytest.mark.parametrize("words", MECHANISM_REFUSED)
@pytest.mark.parametrize(
    ("offered", "used"), [("", "LOGIN"), (" LOGINDISABLED AUTH=CRAM-MD5", "AUTHENTICATE CRAM-MD5")]
)
def test_another_way_where_the_mechanism_is_refused(
    make_host, mail_server, imap_server, words, offered, used
):
    def refuse(session: Session) -> bytes | None:
        return b"{tag} " + words if b"PLAIN" in session.lines[-1] else None

    imap = imap_server(
        mechanisms="SASL-IR AUTH=PLAIN" + offered,
        accounts={"a@example.com": PASSWORD},
        replies={"AUTHENTICATE": refuse},
    )
    assert imap_code(make_host, mail_server, imap) == "active"
    assert [each for each in said(imap) if each.startswith(used)]


@pytest.mark.parametrize(
    "words",
    [
        b"NO AUTHENTICATE failed.",
        b"NO [AUTHENTICATIONFAILED] Unsupported mechanism",
        b"NO Login failed: unknown mechanism",
        b"NO Invalid credentials",
        b"NO Access denied",
        b"NO incorrect",
        b"BAD [AUTHENTICATIONFAILED] no",
    ],
)
def test_no_other_way_after_a_refused_login(make_host, mail_server, imap_server, words):
    imap = imap_server(
        mechanisms="SASL-IR AUTH=PLAIN AUTH=CRAM-MD5",
        replies={"AUTHENTICATE": b"{tag} " + words, "LOGIN": b"{tag} NO no"},
    )
    assert imap_code(make_host, mail_server, imap) != "active"
    assert len(imap.logins) == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", ["CAPABILITY", "AUTHENTICATE", "EXAMINE"])
@pytest.mark.parametrize(
    "stray",
    [
        b"A0 OK late\r\n",
        b"\r\n",
        b"* XNOTE {9}\r\nA3 NO x\r\n y\r\n",
        b"* OK [ALERT] see {4}\r\n",
        b"Welcome!\r\n",
    ],
)
def test_stray_lines_decide_nothing(make_host, mail_server, imap_server, command, stray):
    imap = imap_server(accounts={"a@example.com": PASSWORD})
    own = {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS SASL-IR AUTH=PLAIN\r\n",
        "AUTHENTICATE": b"",
        "EXAMINE": b"* 3 EXISTS\r\n",
    }
    imap.replies[command] = stray + own[command] + b"{tag} OK done\r\n"
    assert imap_code(make_host, mail_server, imap) == "active"


@pytest.mark.parametrize("from_login", [True, False])
def test_a_server_need_not_know_an_optional_command(
    make_host, mail_server, imap_server, from_login
):
    """Where it does not know CAPABILITY, STARTTLS is tried."""

    def refuse(session: Session) -> bytes | None:
        return b"{tag} BAD what?" if session.logins or not from_login else None

    imap = imap_server(mechanisms="", replies={"CAPABILITY": refuse, "ID": b"{tag} NO no"})
    assert imap_code(make_host, mail_server, imap) == "active"
    assert all(each.secure for each in imap.sessions)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (b"* BAD [ALERT] please enable IMAP\r\n", "protocol_disabled"),
        (b"* NO [ALERT] Web login required\r\n", "web_login_required"),
        (b"* OK [ALERT] Application-specific password required\r\n", "app_password_required"),
        (b"* NO hello\r\n", "connection_timeout"),
    ],
)
@pytest.mark.parametrize("ends", [False, True])
def test_what_was_heard_before_silence_or_the_end_is_used(
    make_host, mail_server, imap_server, words, code, ends
):
    done = threading.Event()

    def answer(session: Session) -> bytes:
        session.sock.sendall(words)
        if not ends:
            done.wait(10)
        return CLOSE

    imap = imap_server(replies={"AUTHENTICATE": answer})
    smtp = mail_server()
    host = make_host(smtp.port, imap.port, RETRIES=0, TIMEOUT=1)
    data = host.post(HEADER + line("a@example.com", smtp, imap), testImap="true").json["data"]
    done.set()
    expected = "connection_closed" if ends and code == "connection_timeout" else code
    assert [each["code"] for each in data["errors"]] == [expected]


@pytest.mark.slow
def test_implicit_tls_and_the_name_on_the_certificate(ca, make_host, mail_server, imap_server):
    imap = imap_server(implicit_tls=True)
    host, data = imported(make_host, mail_server(), imap, secure="true")
    assert data["imported"] == 1
    assert [each.imap_security for each in host.mailboxes()] == ["tls"]
    for other, code in (
        (server_context(ca, "other.example.com"), "tls_cert_hostname"),
        (server_context(CA()), "tls_cert_untrusted"),
    ):
        for implicit in (True, False):
            wrong = imap_server(context=other, implicit_tls=implicit)
            secure = str(implicit).lower()
            assert imap_code(make_host, mail_server, wrong, secure=secure) == code
            assert wrong.logins == []


def test_a_port_without_encryption_gets_no_password(make_host, mail_server, imap_server):
    imap = imap_server(context=None)
    assert imap_code(make_host, mail_server, imap) == "starttls_unsupported"
    assert said(imap) == ["CAPABILITY", "LOGOUT"]
    assert imap.logins == []


@pytest.mark.parametrize(
    ("command", "reply", "code"),
    [
        ("greeting", b"* PREAUTH welcome\r\n", "protocol_error"),
        ("greeting", b"* BYE Too many connections from this IP\r\n", "too_many_connections"),
        ("greeting", b"220 mail.test ESMTP\r\n", "wrong_protocol"),
        ("greeting", b"+OK POP3 ready\r\n", "wrong_protocol"),
        ("greeting", b" NO LOGOUT Intrusion prevention\r\n", "ip_blocked"),
        ("greeting", CLOSE, "connection_closed"),
        ("CAPABILITY", b"* CAPABILITY {2000000000}\r\n", "protocol_error"),
        ("CAPABILITY", b"* x\r\n" * 200, "protocol_error"),
        ("CAPABILITY", b"* CAPABILITY IMAP4rev1\r\n{tag} OK x\r\n", "starttls_unsupported"),
        ("STARTTLS", b"{tag} NO not now\r\n", "server_misconfigured"),
        ("STARTTLS", b"{tag} OK go\r\n* CAPABILITY AUTH=PLAIN\r\n", "protocol_error"),
        ("STARTTLS", CLOSE, "connection_closed"),
    ],
)
def test_before_the_login_no_password_is_sent(
    make_host, mail_server, imap_server, command, reply, code
):
    imap = imap_server(replies={command: reply})
    assert imap_code(make_host, mail_server, imap) == code
    assert imap.logins == []
    assert imap.commands(b"A4") == []


@pytest.mark.parametrize(
    ("mechanisms", "code"),
    [
        ("LOGINDISABLED", "auth_not_offered"),
        ("LOGINDISABLED AUTH=XOAUTH2", "oauth_required"),
        ("LOGINDISABLED AUTH=GSSAPI", "mechanism_unsupported"),
    ],
)
def test_no_login_with_a_password(make_host, mail_server, imap_server, mechanisms, code):
    imap = imap_server(mechanisms=mechanisms)
    assert imap_code(make_host, mail_server, imap) == code
    assert imap.logins == []


@pytest.mark.parametrize(
    ("command", "reply", "code"),
    [
        ("AUTHENTICATE", b"{tag} NO [AUTHENTICATIONFAILED] no\r\n", "bad_credentials"),
        ("AUTHENTICATE", b"{tag} NO [EXPIRED] no\r\n", "password_expired"),
        (
            "AUTHENTICATE",
            b"* NO [WEBALERT https://x.example/secret] Web login required.\r\n{tag} NO no\r\n",
            "web_login_required",
        ),
        ("AUTHENTICATE", b"* BYE too many sessions\r\n", "too_many_connections"),
        ("AUTHENTICATE", CLOSE, "connection_closed"),
        ("EXAMINE", b"{tag} NO EXAMINE Unsafe Login.\r\n", "client_id_required"),
        ("EXAMINE", b"{tag} NO [NONEXISTENT] no INBOX\r\n", "mailbox_unavailable"),
        ("EXAMINE", b"{tag} BAD User is authenticated but not connected.\r\n", "protocol_disabled"),
        ("ID", b"{tag} BAD no\r\n", "active"),
        ("LOGOUT", CLOSE, "active"),
    ],
)
def test_answers_from_the_login_on(make_host, mail_server, imap_server, command, reply, code):
    imap = imap_server(replies={command: reply})
    assert imap_code(make_host, mail_server, imap) == code
    assert len([each for each in said(imap) if each.startswith("AUTHENTICATE")]) == 1


def test_a_row_tells_both_results(make_host, mail_server, imap_server):
    smtp = mail_server(accounts={"a@example.com": "right", "b@example.com": "right"})
    imap = imap_server(accounts={"a@example.com": "right"})
    host = make_host(smtp.port, imap.port)
    csv = HEADER + "".join(
        [
            line("a@example.com", smtp, imap, "right"),
            line("b@example.com", smtp, imap, "right"),
            line("c@example.com", smtp, imap, "wrong"),
            line("d@example.com", smtp, imap, "wrong", imap_pw="other"),
        ]
    )
    data = host.post(csv, testImap="true").json["data"]
    assert (data["imported"], data["failed"]) == (1, 3)
    assert [each.email for each in host.mailboxes()] == ["a@example.com"]
    result = {"code": "bad_credentials", "error": WRONG_PASSWORD}
    b, c, d = data["errors"]
    assert (b["code"], b["error"], b["smtp"], b["imap"]) == (
        "bad_credentials",
        WRONG_PASSWORD,
        None,
        result,
    )
    assert b["hint"].startswith("Sending works, reading (IMAP) does not.")
    assert (c["smtp"], c["imap"]) == (result, result)
    assert "Reading (IMAP) fails for the same reason." in c["hint"]
    assert d["email"] == "d@example.com"


def test_what_is_not_asked_for_is_not_tested(make_host, mail_server, imap_server):
    smtp, imap = mail_server(), imap_server(accounts={})
    host = make_host(smtp.port, imap.port)
    csv = HEADER + line("a@example.com", smtp, imap)
    assert host.post(csv).json["data"]["imported"] == 1
    assert imap.sessions == []
    skipped = host.post(
        HEADER + line("b@example.com", smtp, imap), testImap="true", skipConnectionTest="true"
    )
    assert skipped.json["data"]["imported"] == 1
    assert imap.sessions == []


def test_the_setting_is_the_default_of_the_field(make_host, mail_server, imap_server):
    smtp, imap = mail_server(), imap_server(accounts={})
    host = make_host(smtp.port, imap.port, TEST_IMAP=True)
    csv = HEADER + line("a@example.com", smtp, imap)
    assert host.post(csv).json["data"]["failed"] == 1
    assert host.post(csv, testImap="false").json["data"]["imported"] == 1


def test_a_row_without_an_imap_host_fails_only_where_it_is_tested(make_host, mail_server):
    smtp = mail_server()
    host = make_host(smtp.port)
    csv = f"email,password,smtphost,smtpport,imaphost\na@x.com,pw,localhost,{smtp.port},\n"
    for fields in ({"testImap": "true"}, {"testImap": "true", "dryRun": "true"}):
        data = host.post(csv, **fields).json["data"]
        assert [each["code"] for each in data["errors"]] == ["missing_imap_host"]
    assert smtp.sessions == []
    assert host.post(csv).json["data"]["imported"] == 1


def test_a_second_password_for_one_imap_login_is_not_tried(make_host, mail_server, imap_server):
    smtp, imap = mail_server(), imap_server()
    host = make_host(smtp.port, imap.port)
    header = HEADER.replace("\n", ",imapusername\n")
    rows = [
        line(email, smtp, imap, imap_pw=password).replace("\n", ",shared\n")
        for email, password in (("a@x.com", "one"), ("b@x.com", "one"), ("c@x.com", "two"))
    ]
    data = host.post(header + "".join(rows), testImap="true").json["data"]
    assert [(each["email"], each["code"]) for each in data["errors"]] == [
        ("c@x.com", "duplicate_login")
    ]
    assert imap.logins == [("shared", "one")]


def test_an_empty_imap_password_is_not_tried(make_host, mail_server, imap_server):
    smtp, imap = mail_server(), imap_server()
    host = make_host(smtp.port, imap.port)
    csv = (
        "email,password,smtphost,smtpport,smtppassword,imaphost,imapport,imapsecure\n"
        f"a@x.com,,localhost,{smtp.port},pw,localhost,{imap.port},false\n"
    )
    data = host.post(csv, testImap="true").json["data"]
    assert [each["code"] for each in data["errors"]] == ["missing_credentials"]
    assert "imappassword" in data["errors"][0]["hint"]
    assert imap.sessions == smtp.sessions == []


def test_where_sending_works_the_hint_is_about_reading(make_host, mail_server, imap_server):
    imap = imap_server(accounts={})
    _, data = imported(make_host, mail_server(), imap)
    hint = data["errors"][0]["hint"]
    assert hint.startswith("Sending works, reading (IMAP) does not. The provider may have")
    assert "app password" not in hint
