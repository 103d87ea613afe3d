"""How people write addresses, servers, ports, ticks and what stands in place of a password."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, checked_row, read, warnings_of

from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.mailboxes import Security


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(("Ann Lee <ann@x.com>", "Ann Lee"), ('"Lee, Ann" <ann@x.com>', "Lee, Ann")),
        *(("<ann@x.com>", ""), ("mailto:ann@x.com", ""), ("MAILTO:ann@x.com?subject=Hi", "")),
        *(("ann@x.com;", ""), ("ann@x.com,", ""), ("ann@x.com.", ""), ("ann@x.com\u3002", "")),
        *(("[ann@x.com](mailto:ann@x.com)", ""), ("ann@x.com#mailto:ann@x.com#", "")),
        *(("ann@x.com (Sales)", "Sales"), ("E-Mail: ann@x.com", ""), ("ann\uff20x.com", "")),
        *(("ann(at)x.com", ""), ("ann [at] x.com", "")),
    ],
)
def test_an_address_in_another_form_is_read_and_said(text, name):
    found = checked_row(email=text)
    assert found.mailbox.email == "ann@x.com"
    assert found.mailbox.display_name == name
    assert warnings_of(found) == [("email", "read_as")]
    assert checked_row(email=text, displayname="Own").mailbox.display_name == "Own"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann @x.com", "a space"),
        ("ann@x,com", "','"),
        ("ann\u2010lee@x.com", "'\u2010', hyphen"),
        ("j\u00fcrgen@x.com", "'\u00fc', latin small letter u with diaeresis"),
        ("ann@x.com*", "'*'"),
        ("ann@x.com bob@x.com", "more than one email address"),
        ("ann@x.com; bob@x.com", "more than one email address"),
    ],
)
def test_what_does_not_belong_in_an_address_is_named(text, said):
    failure = checked_row(email=text).failure
    assert failure.code is Code.INVALID_EMAIL
    assert said in failure.error


@pytest.mark.parametrize(
    ("column", "text", "named"),
    [
        ("email", "ann@ex\u0430mple.com", "'\u0430', cyrillic small letter a"),
        ("smtphost", "smtp.x\u0441.com", "'\u0441', cyrillic small letter es"),
        ("smtphost", "smtp.\u0435xample.com", "'\u0435', cyrillic small letter ie"),
    ],
)
def test_a_letter_that_looks_like_another_is_named(column, text, named):
    found = checked_row(**{column: text})
    assert warnings_of(found) == [(column, "look_alike")]
    assert named in found.record.warnings[0].message
    assert warnings_of(checked_row(smtphost="\u043f\u043e\u0447\u0442\u0430.\u0440\u0444")) == []


@pytest.mark.parametrize(
    ("text", "port", "security"),
    [
        *(("smtp://smtp.x.com", 587, "starttls"), ("smtps://smtp.x.com", 465, "tls")),
        *(("https://smtp.x.com/", 587, "starttls"), ("//smtp.x.com", 587, "starttls")),
        *(("smtp.x.com:465", 465, "tls"), ("smtp.x.com:2525", 2525, "starttls")),
        *(("smtp.x.com (SSL)", 465, "tls"), ("smtp.x.com:465/ssl", 465, "tls")),
        *(("smtp.x.com, port 587", 587, "starttls"), ("smtp.x.com 465", 465, "tls")),
        *(("<smtp.x.com>", 587, "starttls"), ("[smtp.x.com]", 587, "starttls")),
        *(("smtp:smtp.x.com", 587, "starttls"), ("smtp.x.com#http://smtp.x.com#", 587, "starttls")),
        *(("smtp.x.com;", 587, "starttls"), ("starttls://smtp.x.com:25", 25, "starttls")),
    ],
)
def test_a_server_in_another_form_is_read_and_said(text, port, security):
    found = checked_row(smtphost=text)
    smtp = found.mailbox.smtp
    assert (smtp.host, smtp.port, smtp.security.value) == ("smtp.x.com", port, security)
    assert warnings_of(found) == [("smtphost", "read_as")]


def test_a_column_of_its_own_goes_before_what_stands_beside_a_server():
    smtp = checked_row(smtphost="smtps://smtp.x.com:465", smtpport="2525", smtpsecure="false")
    assert (smtp.mailbox.smtp.port, smtp.mailbox.smtp.security) == (2525, Security.STARTTLS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://mail.x.com/webmail", "Take out '/webmail'"),
        ("smtp x.com", "a space"),
        ("smtp\u2011relay.x.com", "non-breaking hyphen"),
        ("ann@smtp.x.com", "'@'"),
        ("smtp,x,com", "','"),
        ("*.x.com", "'*'"),
    ],
)
def test_what_does_not_belong_in_a_server_name_is_named(text, said):
    failure = checked_row(smtphost=text).failure
    assert failure.code is Code.INVALID_HOST
    assert said in failure.text


@pytest.mark.parametrize(
    ("text", "port", "security"),
    [
        *(("587/TLS", 587, "starttls"), ("465 SSL", 465, "tls"), ("SSL 465", 465, "tls")),
        *(("port 587", 587, "starttls"), ("Port: 465", 465, "tls"), ("0587", 587, "starttls")),
        *(("\uff15\uff18\uff17", 587, "starttls"), ("\u0665\u0668\u0667", 587, "starttls")),
        *(
            ("587 (STARTTLS)", 587, "starttls"),
            ("2525 SSL", 2525, "tls"),
            ("587;", 587, "starttls"),
        ),
        *(("#587", 587, "starttls"), ("+587", 587, "starttls"), ("TLS:465", 465, "tls")),
    ],
)
def test_a_port_in_another_form_is_read_and_said(text, port, security):
    found = checked_row(smtpport=text)
    assert (found.mailbox.smtp.port, found.mailbox.smtp.security.value) == (port, security)
    assert warnings_of(found) == [("smtpport", "changed_number")]


def test_of_two_ports_none_is_chosen():
    for text in ("587 or 465", "465/587", "25,465,587"):
        assert "more than one port" in checked_row(smtpport=text).failure.error
    for text in ("587 no SSL", "no ssl 587"):
        assert checked_row(smtpport=text).failure.code is Code.INVALID_PORT


@pytest.mark.parametrize(
    ("text", "security"),
    [
        *(("checked", "tls"), ("\u2713", "tls"), ("\u2611", "tls"), ("x", "tls"), ("1.0", "tls")),
        *(("\u2610", "starttls"), ("0.0", "starttls"), ("unchecked", "starttls")),
        *(("STARTTLS/TLS", "starttls"), ("SSL/TLS or STARTTLS", "starttls"), ("SSL 465", "tls")),
        *(("SSL/TLS (465)", "tls"), ("STARTTLS, if available", "starttls"), ("SSL on", "tls")),
        *(("TLS 1.2", "starttls"), ("587", "starttls"), ("?", None), ("maybe", None)),
    ],
)
def test_words_and_ticks_for_encryption(text, security):
    found = checked_row(smtpsecure=text)
    assert (found.mailbox and found.mailbox.smtp.security.value) == security


@pytest.mark.parametrize(
    "text",
    [
        *(
            "********",
            "\u2022\u2022\u2022\u2022",
            "\u25cf\u25cf\u25cf",
            "NULL",
            "\\N",
            "nan",
            "N/A",
        ),
        *("-", "(null)", "<hidden>", "[REDACTED]", "undefined", "{{password}}", " NULL "),
    ],
)
def test_what_stands_in_place_of_a_password_is_not_tested(text):
    failure = checked_row(password=text).failure
    assert failure.code is Code.MISSING_CREDENTIALS
    assert f"holds '{text.strip()}'" in failure.hint
    assert warnings_of(checked_row(password=text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "same as above",
        "???",
        "xxxxxx",
        "tbd",
        "siehe oben",
        "p******d",
        "*****1234",
        "your_password",
        "k.A.",
        *("your-password-here", "ChangeMe!", "kein Passwort", "**", "see vault", "aucun"),
        *("$2y$10$abcdefghijklmnopqrstuv", "{SSHA}abc=", "pbkdf2_sha256$1$x$y", "op://v/i/pw"),
        *("System.Byte[]", "%PW%", "---", "siehe KeePass"),
    ],
)
def test_what_may_be_a_note_in_place_of_a_password_is_said(text):
    found = checked_row(password=text)
    assert found.mailbox.smtp.password.reveal() == text
    assert ("password", "placeholder_password") in warnings_of(found)


@pytest.mark.parametrize("text", ["***a***", "null1", "Nan5!", "x1x1x1", "a-b", "n4/A/"])
def test_a_password_that_is_like_a_placeholder_is_one(text):
    assert checked_row(password=text).mailbox.smtp.password.reveal() == text


@pytest.mark.parametrize("text", ["NULL", "\\N", "nan", "(null)", "N/A", "-", "None"])
def test_what_is_empty_in_one_column_is_empty_in_all(text):
    assert checked_row(imaphost=text).mailbox.imap is None
    assert checked_row(smtphost=text).failure.code is Code.MISSING_CREDENTIALS
    assert checked_row(email=text).failure.code is Code.MISSING_EMAIL
    assert checked_row(smtpport=text).mailbox.smtp.port == 587
    assert checked_row(smtpusername=text).mailbox.smtp.username == "a@x.test"


@pytest.mark.parametrize("text", ["Null", "Nan", "None"])
def test_a_name_that_looks_empty_is_a_name(text):
    assert checked_row(displayname=text).mailbox.display_name == text


@pytest.mark.parametrize("mark", ["'", '"', "`", "\u00b4"])
def test_quotation_marks_of_the_whole_row_are_taken_off_the_password(mark):
    found = checked_row(email=f"{mark}a@x.com{mark}", password=f"{mark}pw{mark}")
    assert found.mailbox.smtp.password.reveal() == "pw"
    assert ("password", "quotation_marks") in warnings_of(found)
    alone = checked_row(password=f"{mark}pw{mark}")
    assert alone.mailbox.smtp.password.reveal() == f"{mark}pw{mark}"
    assert ("password", "password_quotes") in warnings_of(alone)
    # A mark that opens and does not close is the password's own.
    single = checked_row(email=f"{mark}a@x.com{mark}", password=f"{mark}pw")
    assert single.mailbox.smtp.password.reveal() == f"{mark}pw"


@pytest.mark.parametrize("text", ["'=cmd", "'+49", "'-x", "'@x", "'0123", "'+a'b"])
def test_the_guard_against_formulas_is_said(text):
    found = checked_row(password=text)
    assert found.mailbox.smtp.password.reveal() == text
    assert warnings_of(found) == [("password", "formula_guard")]


@pytest.mark.parametrize(
    "text", ["a&amp;b", "a&lt;1", "pass&#39;", "x&#x27;y", "&quot;", "p&eacute;", "&copy;"]
)
def test_what_html_wrote_is_said(text):
    found = checked_row(password=text, displayname="Ann & Bob")
    assert found.mailbox.smtp.password.reveal() == text
    assert warnings_of(found) == [("password", "html_entities")]
    assert ("displayname", "html_entities") in warnings_of(checked_row(displayname=text))


@pytest.mark.parametrize(
    "name",
    [
        "\u0633\u06cc\u0646\u0627 \u0645\u06cc\u200c\u0631\u0648\u0645",
        "\U0001f468\u200d\U0001f4bb Bob",
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)
def test_joiners_that_a_script_needs_stay(name):
    found = checked_row(displayname=name)
    assert found.mailbox.display_name == name
    assert warnings_of(found) == []


@pytest.mark.parametrize(
    "name", ["Ann\u200dLee", "\u200dAnn", "Ann\u200c", "\u202eAnn", "A\u200bnn"]
)
def test_characters_that_nobody_needs_go(name):
    found = checked_row(displayname=name)
    assert found.mailbox.display_name in ("AnnLee", "Ann")
    assert warnings_of(found) == [("displayname", "invisible_characters")]


def test_a_break_in_a_name_is_a_space():
    for text in ("Ann\nLee", "Ann \r\n Lee", "Ann\tLee", "Ann\u2028Lee"):
        assert checked_row(displayname=text).mailbox.display_name == "Ann Lee"


def test_another_password_for_the_same_address_is_said():
    head = "email,password,smtphost,imaphost\n"
    lines = "a@x.com,old,smtp.x.com,\nA@x.com,new,smtp.x.com,\na@x.com,old,smtp.x.com,\n"
    rows = read((head + lines).encode(), CONFIG).rows
    assert [warnings_of(row) for row in rows] == [[], [("password", "other_password")], []]
    assert "Row 2 " in rows[1].record.warnings[0].message
