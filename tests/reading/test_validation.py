"""What makes a row a mailbox, what is wrong with it otherwise, and doubles in a file."""

from __future__ import annotations

import pytest
from file_reading import HEADER, KEYS, checked_row, mailbox_of, rows_of

from flask_mailbox_import import Code
from flask_mailbox_import.config import Config
from flask_mailbox_import.core.mailboxes import Security
from flask_mailbox_import.core.rows import COLUMNS, RowStatus
from flask_mailbox_import.reading.validation import mark_doubles

TLS, STARTTLS = Security.TLS, Security.STARTTLS


def test_defaults_of_the_contract():
    found = mailbox_of("Bob@Example.com,pw,smtp.example.com,imap.example.com")
    assert (found.email, found.email_key) == ("Bob@example.com", "bob@example.com")
    smtp, imap = found.smtp, found.imap
    assert (smtp.host, smtp.port, smtp.security) == ("smtp.example.com", 587, Security.STARTTLS)
    assert (imap.host, imap.port, imap.security) == ("imap.example.com", 993, Security.TLS)
    assert smtp.username == imap.username == "Bob@Example.com"
    assert smtp.password.reveal() == imap.password.reveal() == "pw"


def test_every_column():
    header = (
        "displayname,imappassword,imapusername,smtppassword,smtpusername,imapsecure,smtpsecure,"
        "imapport,smtpport,imaphost,smtphost,password,email\n"
    )
    line = "Bob B,ip,iu,sp,su,0,TRUE,143,2525,imap.x.com,smtp.x.com,,b@x.com"
    found = mailbox_of(line, header)
    assert found.display_name == "Bob B"
    assert (found.smtp.username, found.smtp.password.reveal()) == ("su", "sp")
    assert (found.imap.username, found.imap.password.reveal()) == ("iu", "ip")
    assert (found.smtp.port, found.smtp.security) == (2525, Security.TLS)
    assert (found.imap.port, found.imap.security) == (143, Security.STARTTLS)


def test_ports_that_only_speak_tls_do_so_whatever_the_file_says():
    found = mailbox_of("b@x.com,pw,smtp.x.com,,465", HEADER[:-1] + ",smtpport\n")
    assert found.smtp.security is Security.TLS
    assert found.imap is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (",pw,smtp.x.com,", Code.MISSING_EMAIL),
        ("b@x,pw,smtp.x.com,", Code.INVALID_EMAIL),
        ("bob,pw,smtp.x.com,", Code.INVALID_EMAIL),
        ("b@x.com,,smtp.x.com,", Code.MISSING_CREDENTIALS),
        ("b@x.com,pw,,", Code.MISSING_CREDENTIALS),
        ("b@x.com,pw,10.0.0.1,", Code.INVALID_HOST),
        ("b@x.com,pw,smtp.x.com,localhost", Code.INVALID_HOST),
        ("b@x.com,pw,smtp.x.com,,66123", Code.INVALID_PORT),
        ("b@x.com,pw,smtp.x.com,,587.5", Code.INVALID_PORT),
        ("b@x.com,pw,smtp.x.com,,22", Code.PORT_NOT_ALLOWED),
        ("b@x.com,pw,smtp.x.com,,,maybe", Code.INVALID_BOOLEAN),
        ("b@x.com,p\x07w,smtp.x.com,", Code.CONTROL_CHARACTER),
        ('b@x.com,"p\nw",smtp.x.com,', Code.CONTROL_CHARACTER),
        ("b@x.com,p\u2028w,smtp.x.com,", Code.CONTROL_CHARACTER),
        ("b@x.com," + "p" * 1025 + ",smtp.x.com,", Code.FIELD_TOO_LONG),
        ("b" * 250 + "@x.com,pw,smtp.x.com,", Code.FIELD_TOO_LONG),
        ("b@x.com,pw,smtp.x.com,,,,extra", Code.WRONG_COLUMN_COUNT),
    ],
)
def test_faults_of_a_row(line, code):
    (row,) = rows_of(HEADER[:-1] + ",smtpport,smtpsecure\n" + line)
    assert (row.status, row.failure.code) == (RowStatus.FAILED, code)
    assert row.failure.hint


def test_a_row_tells_all_its_faults():
    (row,) = rows_of(HEADER + "bob,,smtp.x.com,localhost")
    assert row.failure.code is Code.INVALID_EMAIL
    assert "Also: Missing SMTP host or password. Fill in" in row.failure.hint
    assert "imaphost" in row.failure.hint


@pytest.mark.parametrize("domain", ["b.test", "b.local", "b.internal", "b.TEST"])
def test_special_use_domains_are_addresses(domain):
    assert mailbox_of(f"a@{domain},pw,smtp.x.com,").email == f"a@{domain.lower()}"


def test_doubles_skip_the_later_row_and_a_known_address_goes_first():
    lines = ["a@x.com,1,h.x.com,", "A@x.com,2,h.x.com,", "bad,1,h.x.com,", "k@x.com,1,h.x.com,"]
    lines += ["K@X.com,1,h.x.com,"]
    rows = list(mark_doubles(rows_of(HEADER + "\n".join(lines)), {"k@x.com"}))
    assert [(each.status.value, each.failure and each.failure.code.value) for each in rows] == [
        ("ready", None),
        ("skipped", "duplicate_in_file"),
        ("failed", "invalid_email"),
        ("skipped", "duplicate"),
        ("skipped", "duplicate"),
    ]


def test_a_second_password_for_one_login_is_not_tried():
    header = HEADER[:-1] + ",smtpusername\n"
    lines = ["a@x.com,1,h.x.com,,u", "b@x.com,2,h.x.com,,u", "c@x.com,1,H.x.com,,u"]
    rows = list(mark_doubles(rows_of(header + "\n".join(lines)), set()))
    assert [each.status.value for each in rows] == ["ready", "failed", "ready"]
    assert rows[1].failure.code is Code.DUPLICATE_LOGIN


def test_our_columns_are_those_of_the_contract():
    assert len(COLUMNS) == len(set(COLUMNS)) == 13


def test_a_refused_second_password_leaves_the_address_free_for_a_later_row():
    header = HEADER[:-1] + ",smtpusername\n"
    lines = ["a@x.com,1,h.x.com,,u", "b@x.com,2,h.x.com,,u", "b@x.com,3,other.x.com,,"]
    rows = list(mark_doubles(rows_of(header + "\n".join(lines)), set()))
    assert [each.status.value for each in rows] == ["ready", "failed", "ready"]


@pytest.mark.parametrize(
    "text", ["587.5", "5_87", "-587", "5e2", "58.70", "5.87E+01", "587 or 465", "465/587", "ssl"]
)
def test_a_port_that_is_none_stays_none(text):
    assert checked_row(smtpport=text).failure.code.value == "invalid_port"


@pytest.mark.parametrize(
    ("word", "at_587", "at_465"),
    [
        *(
            (word, TLS, TLS)
            for word in ("true", "1", "YES", "on", "ssl", "SSL/TLS", "smtps", "WAHR")
        ),
        *(
            (word, STARTTLS, TLS)
            for word in ("false", "0", "Não", "off", "STARTTLS", "STARTTLS (587)")
        ),
        *((word, STARTTLS, TLS) for word in ("tls", "TLSv1.2", "auto", "")),
    ],
)
def test_tls_in_words(word, at_587, at_465):
    for port, security in (("587", at_587), ("465", at_465)):
        assert checked_row(smtpsecure=word, smtpport=port).mailbox.smtp.security is security


def test_where_nothing_is_said_of_imap_its_port_tells():
    assert checked_row(imapport="143").mailbox.imap.security is STARTTLS
    assert checked_row(imapport="993").mailbox.imap.security is TLS
    assert checked_row(imapport="143", imapsecure="true").mailbox.imap.security is TLS


@pytest.mark.parametrize("word", ["none", "None", "plain", "no encryption", "keine"])
def test_no_encryption_is_refused_unless_the_host_allows_it(word):
    found = checked_row(smtpsecure=word)
    assert found.failure.code.value == "invalid_boolean"
    assert "not sent in clear" in found.failure.error
    allowed = Config.from_mapping({**KEYS, "MAILBOX_IMPORT_ALLOW_PLAINTEXT": True})
    assert checked_row(allowed, smtpsecure=word).mailbox.smtp.security is STARTTLS


def test_columns_named_after_a_kind_of_tls():
    assert checked_row(smtpTls="true").mailbox.smtp.security is STARTTLS
    assert checked_row(smtpTls="true", smtpport="465").mailbox.smtp.security is TLS
    assert checked_row(smtpTls="ssl").mailbox.smtp.security is TLS
    assert checked_row(smtp_starttls="yes", smtp_ssl="").mailbox.smtp.security is STARTTLS
    assert checked_row(use_ssl="true", use_tls="false").mailbox.smtp.security is TLS
