"""What replies of real servers are taken for, by their words, numbers and the stage."""

from __future__ import annotations

import pytest

from flask_mailbox_import import Code
from flask_mailbox_import.probe.diagnosis import decode_reply, diagnose
from flask_mailbox_import.probe.smtp import ReplyRefused
from flask_mailbox_import.records import Stage
from flask_mailbox_import.words import reason_for

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
    (503, "AUTH command used when not advertised", "auth_not_offered"),
]


@pytest.mark.parametrize(("code", "text", "expected"), AT_AUTH)
def test_replies_to_a_login(code, text, expected):
    assert diagnose(Stage.AUTH, ReplyRefused(code, text.encode())).code.value == expected


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
    assert diagnose(stage, ReplyRefused(code, text.encode())).code.value == expected


def test_both_codes_are_told_and_each_line_counts():
    text = b"5.7.9 Application-specific password\n5.7.9 required. Learn more at"
    finding = diagnose(Stage.AUTH, ReplyRefused(534, text))
    assert (finding.code, finding.reply_code, finding.enhanced) == (
        Code.APP_PASSWORD_REQUIRED,
        534,
        "5.7.9",
    )


def test_a_535_is_not_tried_again_whatever_its_words():
    assert not diagnose(Stage.AUTH, ReplyRefused(535, b"too many login failures")).may_pass
    assert diagnose(Stage.AUTH, ReplyRefused(454, b"too many login attempts")).may_pass


def test_replies_in_other_alphabets():
    assert decode_reply("Пароль".encode()) == "Пароль"
    assert decode_reply("请使用授权码登录".encode("gb18030")) == "请使用授权码登录"
    assert decode_reply(b"caf\xe9 \xff") == "caf\xe9 \xff"


ROWS_OF_THE_FILE = {
    *("missing_email", "invalid_email", "missing_credentials", "missing_imap_host"),
    *("invalid_host", "invalid_port", "port_not_allowed", "invalid_boolean"),
    *("control_character", "field_too_long", "wrong_column_count"),
}


@pytest.mark.parametrize("code", [each for each in Code if each.value not in ROWS_OF_THE_FILE])
def test_every_code_has_its_words(code):
    reason = reason_for(code)
    assert reason.error.endswith(".")
    assert reason.hint.endswith(".")
