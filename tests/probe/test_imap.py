"""One IMAP login: what is said on the wire, what each answer is called, and what the row tells."""

from __future__ import annotations

import base64

import pytest
from import_calls import WRONG_PASSWORD
from server_certificates import server_context
from trustme import CA
from waiting import wait_for

from flask_mailbox_import.testing import CLOSE

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


def test_utf8_goes_by_sasl_and_never_by_login(make_host, mail_server, imap_server):
    imap = imap_server()
    assert imap_code(make_host, mail_server, imap, "pässwörd 密码") == "active"
    assert imap.logins == [("a@example.com", "pässwörd 密码")]
    old = imap_server(mechanisms="")
    assert imap_code(make_host, mail_server, old, "pässwörd") == "credentials_encoding"
    assert old.logins == []


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
        ("greeting", b"* OK hello {2000000000}\r\n", "protocol_error"),
        ("greeting", CLOSE, "connection_closed"),
        ("CAPABILITY", b"* CAPABILITY {2000000000}\r\n", "protocol_error"),
        ("CAPABILITY", b"* x\r\n" * 200, "protocol_error"),
        ("CAPABILITY", b"B9 OK not yours\r\n", "protocol_error"),
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
