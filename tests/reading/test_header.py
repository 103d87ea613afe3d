"""Which column of a file is which of ours: names, spellings, mappings, and what is refused."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, read

from flask_mailbox_import.core.errors import FileError
from flask_mailbox_import.core.rows import COLUMNS
from flask_mailbox_import.reading.header import Matcher

REST = ["email", "password", "smtphost", "imaphost"]


def names(header: list[str], mapping: dict[str, str | None] | None = None) -> list[str | None]:
    return list(Matcher(mapping or {}).match(header).names)


def fault(header: list[str], mapping: dict[str, str | None] | None = None) -> FileError:
    with pytest.raises(FileError) as caught:
        names(header, mapping)
    return caught.value


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    "spelt",
    [
        str.upper,
        str.title,
        lambda name: f"  {name}\t",
        lambda name: f"\ufeff{name}\u200b",
        lambda name: "_".join(name),
        lambda name: f"{name[:4]}-{name[4:]}",
        lambda name: f"{name[:4]}\u00a0{name[4:]}".title(),
        lambda name: f"{name} *",
        lambda name: f"{name} [required]",
    ],
)
def test_a_name_is_known_however_it_is_spelt(column, spelt):
    header = [spelt(column), *(each for each in REST if each != column)]
    assert names(header)[0] == column


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("SMTP Server", "smtphost"),
        ("Mail Password", "password"),
        ("From Name", "displayname"),
        ("smtpHost", "smtphost"),
        ("smtp_server_port", "smtpport"),
        ("SMTP", "smtphost"),
        ("Outgoing mail server (SMTP)", "smtphost"),
        ("Incoming Server Port", "imapport"),
        ("IncomingMailServerUsername", "imapusername"),
        ("HOST_SMTP", "smtphost"),
        ("smtp_login", "smtpusername"),
        ("imap pass", "imappassword"),
        ("App Password", "password"),
        ("password/app_password", "password"),
        ("E-Mail-Adresse", "email"),
        ("Passwort", "password"),
        ("PostAusgangsserver", "smtphost"),
        ("Port Posteingangsserver", "imapport"),
        ("Contraseña", "password"),
        ("Mot de passe IMAP/SMTP", "password"),
        ("Servidor de Saída (SMTP)", "smtphost"),
        ("Hasło", "password"),
        ("Пароль", "password"),
        ("SMTP服务器", "smtphost"),
        ("SMTP Encryption", "smtpsecure"),
        ("imap_use_ssl", "imapsecure"),
        ("smtpTls", "smtptls"),
        ("smtp_server_starttls", "smtpstarttls"),
        ("First Name", "firstname"),
        ("Nachname", "lastname"),
        ("User name", "username"),
        ("host", "smtphost"),
        ("port", "smtpport"),
    ],
)
def test_what_people_call_our_columns(theirs, ours):
    assert names([theirs, *(each for each in REST if each != ours)])[0] == ours


@pytest.mark.parametrize(
    "theirs",
    [
        *("Recovery Email", "Reply-To Email", "reply_to", "Email verified", "email_status"),
        *("SMTP status", "smtp_enabled", "imap_enabled", "use_imap", "smtp_daily_limit"),
        *("Old password", "Password changed at", "Password hash", "SMTP authentication"),
        *("user_id", "Secret Key", "Signature", "Daily Limit", "pop3_host", "POP server"),
        *("Domain", "ID", "IMAP folder", "Warmup Enabled", "source_password"),
        *("App password enabled", "User active", "smtp_account_id", "Last active", "First email"),
        *("Sending name", "SMTP name", "Outbound name", "IMAP sender name", "SMTP server id"),
        *("imap_uid", "SMTP login active", "Login enabled", "Login in use", "User address"),
        *("Password settings", "Use app password", "Password (hashed)", "Server password"),
        *("Login URL", "User URL", "Login Server", "Password URL", "Password Server"),
        *("Sending address", "SMTP (enabled)", "SMTP (yes/no)", "Server", "Insecure", "Address"),
    ],
)
def test_columns_of_other_meaning_are_not_used(theirs):
    matched = Matcher().match([*REST, theirs])
    assert matched.names[-1] is None
    assert [(each.row, each.column, each.code) for each in matched.warnings] == [
        (1, theirs, "unknown_column")
    ]


def test_a_name_without_a_protocol_is_smtps_or_what_is_left():
    assert names(["email", "password", "host", "port", "imap_host", "imap_port"])[2:4] == [
        "smtphost",
        "smtpport",
    ]
    assert names(["email", "password", "smtp_host", "host", "port", "smtp_port"])[3:5] == [
        "imaphost",
        "imapport",
    ]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("SMTP Host,Port,IMAP Host,Port", ["smtphost", "smtpport", "imaphost", "imapport"]),
        ("IMAP Host,Port,SSL,SMTP Host", ["imaphost", "imapport", "imapsecure", "smtphost"]),
        (
            "Incoming Server,Port In,Outgoing Server,Port Out",
            ["imaphost", "imapport", "smtphost", "smtpport"],
        ),
    ],
)
def test_a_port_behind_a_host_is_that_servers(header, found):
    assert names(["Email", "Password", *header.split(",")])[2:] == found


def test_a_mailbox_in_which_one_cell_is_a_name_is_not_repeated():
    found = fault(["bob", "CANARY", "smtp.x.com", "465", "ssl", "imap.x.com"])
    assert "CANARY" not in f"{found} {found.details}"


def test_two_columns_of_one_name_that_may_be_either_servers_are_neithers():
    header = ["Host", "Port", "Host", "Port", "Email", "Password"]
    assert fault(header).details["missing"] == ["smtphost", "imaphost"]


def test_what_a_header_says_in_brackets_is_left_out_where_it_changes_nothing():
    header = ["Email (name@firma.de)", "Password [Required]", "SMTP Host (e.g. smtp.x.com)", "IMAP"]
    assert names(header) == REST
    assert names([*REST, "SMTP Port (587 or 465)"])[4] == "smtpport"


def test_a_file_whose_first_row_is_a_mailbox_is_not_repeated():
    found = fault(["ann lee ann@x.test CANARY", "smtp host", "password", "imap host"])
    assert "CANARY" not in f"{found} {found.details}"


def test_the_smtp_password_stands_in_for_the_password():
    header = ["Email", "SMTP Password", "IMAP Password", "SMTP Host", "IMAP Host"]
    assert names(header)[1:3] == ["password", "imappassword"]
    assert fault(["Email", "IMAP Password", "SMTP Host", "IMAP Host"]).details["missing"] == [
        "password"
    ]


@pytest.mark.parametrize("double", ["password", "PASSWORD", "App Password", "pass_word"])
def test_a_column_that_is_there_twice_is_refused_with_both_names(double):
    found = fault([*REST, double])
    assert found.reason == "duplicate_column"
    assert found.details == {"column": "password", "found": ["password", double]}
    assert "password" in found.message
    assert double in found.message


def test_what_is_missing_is_named_together_with_what_is_there():
    found = fault(["email", "pass", "Notes"])
    assert found.details["missing"] == ["smtphost", "imaphost"]
    assert found.details["found"] == ["email", "pass", "Notes"]
    assert "no column smtphost and no column imaphost" in found.message
    assert "email, pass, Notes" in found.message
    assert "smtp.gmail.com" in found.message
    assert "a cell of its own" in fault(["my mailboxes and their passwords"]).message
    assert "separated by '::'" in fault(["email::password::smtphost::imaphost"]).message
    assert "separated by a space" in fault(["email password smtphost imaphost"]).message


def test_a_mapping_goes_before_what_a_name_means():
    mapping = {"Mail 2": "email", "Geheim": "Password", "Note": None}
    header = ["Email", "Mail 2", "Geheim", "Note", "smtphost", "imaphost"]
    assert names(header, mapping) == [None, "email", "password", None, "smtphost", "imaphost"]


def test_a_mapping_tells_columns_of_like_name_apart():
    header = [*REST, "E-Mail"]
    assert names(header, {"E-Mail": None}) == [*REST, None]
    assert names(header, {"E-Mail": "email"}) == [None, *REST[1:], "email"]
    assert names(["e mail", *REST[1:]], {"E-MAIL": "email"}) == REST


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"nope": "email"}, "no column 'nope'"),
        ({"email": "adress"}, "'adress' is none of our columns"),
        ({"email": "smtpport", "password": "SMTP-Port"}, "smtpport is named more than once"),
        ({"email": "email", "E-Mail": "displayname"}, "'E-Mail' is there twice"),
    ],
)
def test_a_mapping_that_is_wrong_is_told(mapping, words):
    found = fault(REST, mapping)
    assert found.reason == "invalid_mapping"
    assert words in found.message


@pytest.mark.parametrize("options", [{"find_servers": True}, {"servers": {"smtphost": "s.x.com"}}])
@pytest.mark.parametrize(
    ("text", "told", "separator"),
    [
        ("a@x.com,pw\nb@x.com,pw2\n", "in a cell of its own: email, password.", ""),
        ("nothing,known\n1,2\n", "in a cell of its own: email, password.", ""),
        ("email password\na@x.com pw\n", "separated by", "a space"),
        ("email#password\na@x.com#pw\n", "separated by", "'#'"),
        ("Mail#Passwort#Name\na@x.com#pw#A\n", "separated by", "'#'"),
    ],
)
def test_a_file_without_servers_is_told_of_the_two_columns_that_it_needs(
    options, text, told, separator
):
    with pytest.raises(FileError) as caught:
        read(text.encode(), CONFIG, **options)
    assert caught.value.reason == "missing_column"
    assert told in caught.value.message
    assert separator in caught.value.message
    assert "smtphost" not in caught.value.message
    assert caught.value.details["missing"] == ["email", "password"]


@pytest.mark.parametrize("name", ["Email address", "Mail server", "User name", "Email account"])
def test_a_name_of_two_words_is_no_header_in_one_cell(name):
    with pytest.raises(FileError) as caught:
        read(f"{name}\nx\n".encode(), CONFIG, find_servers=True)
    assert "separated by" not in caught.value.message
