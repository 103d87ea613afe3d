"""What replies of real servers are taken for, by their words, numbers and the stage."""

from __future__ import annotations

import json
import runpy
import time

import pytest
from mail_logins import login
from project_paths import TESTS

from flask_mailbox_import import Code
from flask_mailbox_import.core.mailboxes import Protocol, Stage
from flask_mailbox_import.core.providers import provider_of
from flask_mailbox_import.probe.advice import failure_of_test
from flask_mailbox_import.probe.diagnosis import Finding, diagnose
from flask_mailbox_import.probe.faults import ReplyRefused
from flask_mailbox_import.probe.replies import parse_reply

AT_AUTH = [
    (535, "5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "bad_credentials"),
    (
        535,
        "5.7.8 Username and Password not accepted. For more information, go to",
        "bad_credentials",
    ),
    (535, "Incorrect authentication data", "bad_credentials"),
    (535, "5.7.3 Authentication unsuccessful", "bad_credentials"),
    (435, "4.7.8 Error: authentication failed: generic failure", "bad_credentials"),
    (534, "5.7.9 Application-specific password required. Learn more at", "app_password_required"),
    (535, "5.7.0 (#AUTH005) Too many bad auth attempts.", "app_password_required"),
    (535, "Login Fail. Please enter your authorization code to login.", "app_password_required"),
    (
        535,
        "5.7.139 Authentication unsuccessful, basic authentication is disabled.",
        "oauth_required",
    ),
    (535, "5.7.139 SmtpClientAuthentication is disabled for the Tenant.", "smtp_auth_disabled"),
    (
        535,
        "5.7.139 ... the user credentials were incorrect, security defaults policy",
        "policy_blocked",
    ),
    (535, "the request did not meet the criteria to be authenticated", "policy_blocked"),
    (550, "Mailbox cannot be accessed [SERVER]", "mailbox_unavailable"),
    (550, "User has no permission", "protocol_disabled"),
    (
        535,
        "5.7.8 Error: authentication failed: Invalid authentication mechanism",
        "mechanism_unsupported",
    ),
    (454, "4.7.0 Too many login attempts, please try again later.", "too_many_attempts"),
    (535, "auth failed (this user authenticate too many times)", "too_many_attempts"),
    (535, "Authentication rate limit from one source exceeded", "too_many_attempts"),
    (454, "4.7.0 Maximum number of connections from user+IP exceeded", "too_many_connections"),
    (454, "4.7.0 Temporary authentication failure: Connection lost", "temporary_failure"),
    (530, "A SSL/TLS-connection is required for authentication.", "starttls_required"),
    (530, "5.7.0 Must issue a STARTTLS command first.", "starttls_required"),
    (504, "5.7.4 Unrecognized authentication type", "mechanism_unsupported"),
    (503, "AUTH command used when not advertised", "starttls_required"),
]


def found(stage: Stage, code: int | None, text: str | bytes, email: str = "") -> Finding:
    data = text.encode() if isinstance(text, str) else text
    provider = provider_of("mail.example.com", email)
    protocol = Protocol.SMTP if code else Protocol.IMAP
    return diagnose(login(protocol), stage, ReplyRefused(code, data), provider)


@pytest.mark.parametrize(("code", "text", "expected"), AT_AUTH)
def test_replies_to_a_login(code, text, expected):
    assert found(Stage.AUTH, code, text).code.value == expected


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        (Stage.GREETING, 421, "4.7.0 IP not in whitelist, closing connection.", "ip_blocked"),
        (Stage.GREETING, 554, "5.7.1 Service unavailable; client blocked", "ip_blocked"),
        (Stage.GREETING, 554, "SMTP synchronization error", "tls_mode_mismatch"),
        (Stage.GREETING, 421, "Too many concurrent connections", "too_many_connections"),
        (
            Stage.EHLO,
            421,
            "4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade",
            "tls_version",
        ),
        (Stage.EHLO, 501, "5.5.4 Invalid domain name", "helo_rejected"),
        (Stage.TLS, 454, "TLS not available due to local problem", "server_misconfigured"),
        (Stage.TLS, 502, "5.5.1 Command not implemented", "starttls_unsupported"),
        (Stage.TLS, 421, "4.3.2 try again", "temporary_failure"),
    ],
)
def test_replies_before_the_login(stage, code, text, expected):
    assert found(stage, code, text).code.value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", "bad_credentials"),
        ("NO LOGIN failed.", "bad_credentials"),
        ("NO [EXPIRED] Authentication failed.", "password_expired"),
        ("NO [CONTACTADMIN] Login disabled for this user", "account_disabled"),
        ("NO [UNAVAILABLE] Temporary authentication failure.", "temporary_failure"),
        ("NO [UNAVAILABLE] Maximum number of connections exceeded", "too_many_connections"),
        ("NO [LIMIT] x", "too_many_connections"),
        ("NO [ALERT] Application-specific password required", "app_password_required"),
        ("NO [PRIVACYREQUIRED] x", "starttls_required"),
        ("NO\nNO [WEBALERT https://x.example/y] Web login required.", "web_login_required"),
        ("NO server is unavailable, try again later", "temporary_failure"),
        ("BAD Request is throttled. Suggested Backoff Time: 178755 ms", "rate_limited"),
        ("BAD what?", "protocol_error"),
        ("BYE Temporary problem, please try again later", "temporary_failure"),
        ("BYE", "connection_closed"),
    ],
)
def test_replies_to_an_imap_login(text, expected):
    assert found(Stage.AUTH, None, text).code.value == expected


def test_a_mailbox_that_does_not_open_is_no_wrong_password():
    assert found(Stage.SELECT, None, "NO nope").code is Code.MAILBOX_UNAVAILABLE
    assert found(Stage.SELECT, None, "NO SELECT Unsafe Login.").code is Code.CLIENT_ID_REQUIRED


def test_both_codes_are_told_and_each_line_counts():
    text = "5.7.9 Application-specific password\n5.7.9 required. Learn more at"
    finding = found(Stage.AUTH, 534, text)
    assert finding.code is Code.APP_PASSWORD_REQUIRED
    assert finding.reply == "534 5.7.9 Application-specific password required. Learn more at"


def test_a_refused_login_is_not_tried_again_whatever_its_words():
    assert not found(Stage.AUTH, 535, "too many login failures").may_pass
    assert not found(Stage.AUTH, None, "NO [AUTHENTICATIONFAILED] slow down").may_pass
    assert not found(Stage.AUTH, 454, "4.7.0 invalid username or password").may_pass
    assert found(Stage.AUTH, 454, "too many login attempts").may_pass


def test_replies_in_other_alphabets():
    assert parse_reply(535, "Пароль".encode()).words == "Пароль"
    text = "请使用授权码登录"
    assert parse_reply(535, text.encode("gb18030")).words == text
    assert found(Stage.AUTH, 535, text.encode("gb18030")).code is Code.APP_PASSWORD_REQUIRED
    assert parse_reply(535, b"caf\xe9 \xff").words == "caf\xe9 \xff"


def test_no_reply_keeps_the_rules_busy():
    """A reply made for it costs little more than a plain one: backtracking is bounded."""

    def seconds(text: str) -> float:
        started = time.perf_counter()
        found(Stage.AUTH, 535, text)
        return time.perf_counter() - started

    plain = seconds("a b " * 250)
    words = ("bann", "blocked", "lock", "auth", "password", "connection", "limit", "too many ")
    assert max(seconds(word * 300) for word in words) < 60 * plain


def test_a_banner_is_never_shown():
    finding = found(Stage.GREETING, 554, "5.7.1 redis 7.2 on db-internal")
    assert (finding.code, finding.reply) == (Code.IP_BLOCKED, "554 5.7.1")


def test_replies_of_the_wild_are_named_right_also_by_who_never_saw_the_provider():
    """The benchmark tells more: ``python tests/benchmarks/diagnosis.py``."""
    path = TESTS / "benchmarks"
    module = runpy.run_path(str(path / "diagnosis.py"))
    replies = json.loads((path / "replies.json").read_text())
    rows = [each for each in replies if each["set"] == "in view"]
    left_out = module["leave_one_out"](rows, replies, strict=True)
    with_all = [(each, module["judge"](each)) for each in rows]
    right, retry, plain = (
        sum(each["cause"] == code for each, code in left_out) / len(rows),
        sum(module["retried"](each["cause"]) == module["retried"](code) for each, code in left_out),
        [each for each, code in with_all if code == "bad_credentials" != each["cause"]],
    )
    assert right >= 0.85
    assert retry / len(rows) >= 0.95
    assert plain == []


def test_a_plain_refusal_means_what_it_means_at_the_provider():
    assert found(Stage.AUTH, 535, "Invalid login", "a@aol.com").code is Code.APP_PASSWORD_REQUIRED
    assert found(Stage.AUTH, 535, "Invalid login", "a@gmail.com").code is Code.BAD_CREDENTIALS
    assert found(Stage.AUTH, None, "NO LOGIN failed", "a@live.com").code is Code.OAUTH_REQUIRED
    refused = Finding(code=Code.BAD_CREDENTIALS, stage=Stage.AUTH)
    gmail = provider_of("smtp.gmail.com", "a@example.com")
    reason = failure_of_test(refused, login(), gmail)
    assert reason.error == "Authentication failed. Check username/password."
    assert "wrong password" in reason.hint
    assert "app password" in reason.hint
    assert "https://support.google.com/accounts/answer/185833" in reason.hint
