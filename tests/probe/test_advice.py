"""What to do about a failed test: by what the row has, and by what its provider takes."""

from __future__ import annotations

import re

import pytest

from flask_mailbox_import.core.codes import OF_THE_FILE, Code
from flask_mailbox_import.core.mailboxes import Login, Protocol, Security, Stage
from flask_mailbox_import.core.providers import SECTIONS, provider_of
from flask_mailbox_import.core.secret import Secret
from flask_mailbox_import.probe.advice import failure_of_test
from flask_mailbox_import.probe.diagnosis import Finding

PORTS = (25, 465, 587, 2525, 143, 993)


def login(
    host: str = "smtp.x.com",
    port: int = 587,
    security: Security = Security.STARTTLS,
    username: str = "a@x.com",
    protocol: Protocol = Protocol.SMTP,
) -> Login:
    return Login(
        protocol=protocol,
        host=host,
        port=port,
        security=security,
        username=username,
        password=Secret("pw"),
    )


def advice(code: Code, row: Login, email: str = "a@x.com", **facts: object):
    finding = Finding(code=code, stage=Stage.AUTH, **facts)
    return failure_of_test(finding, row, provider_of(row.host, email))


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("port", PORTS)
def test_no_hint_tells_a_row_to_use_what_it_has(port, protocol, security):
    hosts = {each.smtp.host for each in SECTIONS if each.smtp is not None}
    for host in ("smtp.x.com", *sorted(hosts)):
        row = login(host, port, security, protocol=protocol)
        setting = f"{protocol.value}secure={str(security is Security.TLS).lower()}"
        for code in Code:
            if code in _OF_THE_PROBE:
                hint = advice(code, row).hint
                own = rf"port {port} with {setting}\b|[Uu]se (?:port )?{port}\b(?! with)"
                assert not re.search(own, hint), (code, host, hint)
                if port in (protocol.tls_port, protocol.starttls_port):
                    assert f"or {port}" not in hint
                    assert f"{port} or" not in hint


_OF_THE_PROBE = frozenset(Code) - OF_THE_FILE


@pytest.mark.parametrize(
    ("code", "port", "hint"),
    [
        (Code.STARTTLS_REQUIRED, 587, "Use port 465 with smtpsecure=true."),
        (Code.STARTTLS_REQUIRED, 465, "Use port 587 with smtpsecure=false."),
        (Code.AUTH_NOT_OFFERED, 587, "Use port 465 with smtpsecure=true."),
        (
            Code.AUTH_NOT_OFFERED,
            25,
            "Use port 587 with smtpsecure=false, or port 465 with smtpsecure=true.",
        ),
        (Code.TLS_MODE_MISMATCH, 587, "Ask the provider which port and encryption it wants."),
        (Code.STARTTLS_UNSUPPORTED, 587, "Use port 465 with smtpsecure=true."),
        (
            Code.CONNECTION_REFUSED,
            587,
            "Check the server name, or use port 465 with smtpsecure=true.",
        ),
        (
            Code.CONNECTION_REFUSED,
            2525,
            "Check the server name and the port: most providers use 587 or 465.",
        ),
    ],
)
def test_a_port_that_is_not_the_rows_own_is_named(code, port, hint):
    assert advice(code, login(port=port)).hint == hint


def test_a_server_that_does_not_exist_is_named_unless_it_may_be_a_part_of_a_password():
    assert advice(Code.DNS_FAILURE, login("smtp.exmaple.com")).error == (
        "No server is called smtp.exmaple.com."
    )
    assert advice(Code.DNS_FAILURE, login("hunter2")).error == (
        "No mail server of this name can be reached."
    )


def test_a_server_that_is_nearly_a_known_one_and_takes_no_login_is_asked_about():
    # Many such names exist, and lead to somebody who waits for typing errors.
    for code in (Code.DNS_FAILURE, Code.CONNECTION_TIMEOUT, Code.TLS_CERT_HOSTNAME):
        assert advice(code, login("smtp.gmial.com")).hint == "Did you mean smtp.gmail.com?"
    assert "gmail" not in advice(Code.BAD_CREDENTIALS, login("smtp.gmial.com")).hint


@pytest.mark.parametrize(
    ("host", "port", "protocol", "meant"),
    [
        ("imap.gmail.com", 993, Protocol.SMTP, "smtp.gmail.com"),
        ("pop.gmail.com", 587, Protocol.SMTP, "smtp.gmail.com"),
        ("imap.zoho.eu", 465, Protocol.SMTP, "smtp.zoho.eu"),
        ("secureimap.t-online.de", 465, Protocol.SMTP, "securesmtp.t-online.de"),
        ("smtp.gmail.com", 993, Protocol.IMAP, "imap.gmail.com"),
    ],
)
def test_a_providers_server_for_the_other_protocol_is_told_apart(host, port, protocol, meant):
    row = login(host, port, Security.TLS, protocol=protocol)
    for code in (Code.CONNECTION_TIMEOUT, Code.WRONG_PROTOCOL, Code.CONNECTION_REFUSED):
        assert advice(code, row).hint == f"Did you mean {meant}?"


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("aspmx.l.google.com", "smtp.gmail.com"),
        ("alt2.aspmx.l.google.com", "smtp.gmail.com"),
        ("x-com.mail.protection.outlook.com", "smtp.office365.com"),
    ],
)
def test_a_server_that_only_receives_mail_is_told_apart(host, server):
    for code in (Code.CONNECTION_TIMEOUT, Code.AUTH_NOT_OFFERED, Code.STARTTLS_REQUIRED):
        assert advice(code, login(host)).hint == (
            f"{host} receives mail and takes no logins; use {server}."
        )
    # As a server for reading it is not judged by this table.
    row = login(host, 993, Security.TLS, protocol=Protocol.IMAP)
    assert "receives mail" not in advice(Code.CONNECTION_TIMEOUT, row).hint


def test_the_provider_of_the_address_names_its_own_server():
    row = login("mail.gmail.example", 587, username="a@gmail.com")
    hint = advice(Code.DNS_FAILURE, row, "a@gmail.com").hint
    assert hint == "Gmail uses smtp.gmail.com, port 465 with smtpsecure=true."
    imap = login("mail.gmail.example", 993, Security.TLS, protocol=Protocol.IMAP)
    # It has the port already.
    assert advice(Code.DNS_FAILURE, imap, "a@gmail.com").hint == "Gmail uses imap.gmail.com."


@pytest.mark.parametrize(
    "host",
    [
        *("email-smtp.eu-west-1.amazonaws.com", "smtp.eu.mailgun.org", "smtp.eu.sendgrid.net"),
        *("sandbox.smtp.mailtrap.io", "smtppro.zoho.com"),
    ],
)
def test_of_a_providers_servers_no_other_one_is_named(host):
    for code in (Code.CONNECTION_TIMEOUT, Code.CONNECTION_REFUSED, Code.TLS_CERT_HOSTNAME):
        hint = advice(code, login(host)).hint
        assert " uses " not in hint
        assert ".com," not in hint


def test_a_server_of_another_port_or_encryption_has_its_own_named():
    row = login("mobile.charter.net", 587, Security.STARTTLS)
    assert advice(Code.WRONG_PROTOCOL, row).hint == "Use smtpsecure=true."
    row = login("smtp.gmail.com", 25, Security.STARTTLS)
    assert advice(Code.CONNECTION_REFUSED, row).hint == "Use port 465 with smtpsecure=true."


def test_a_receiving_server_of_a_service_with_regions_is_told_without_another():
    hint = advice(Code.CONNECTION_TIMEOUT, login("inbound-smtp.eu-west-1.amazonaws.com")).hint
    assert "receives mail" in hint
    assert "us-east-1" not in hint


@pytest.mark.parametrize(
    ("form", "username", "said"),
    [
        ("local part", "a@x.com", "set smtpusername to a."),
        ("address", "a", "leave smtpusername empty."),
        ("local part", "a", ""),
        ("address", "a@x.com", ""),
    ],
)
def test_a_user_name_of_another_form_than_the_providers_is_said(form, username, said):
    provider = next(
        each for each in SECTIONS if each.username and each.username.value == form and each.smtp
    )
    domain = next(iter(provider.domains.plain), "x.com")
    row = login(provider.smtp.host, username=username.replace("x.com", domain))
    finding = Finding(code=Code.BAD_CREDENTIALS, stage=Stage.AUTH)
    hint = failure_of_test(finding, row, provider).hint
    assert (said in hint) if said else ("as user name" not in hint)


def test_of_microsoft_365_it_is_said_until_when_an_administrator_can_help():
    row = login("smtp.office365.com")
    for code in (Code.SMTP_AUTH_DISABLED, Code.BAD_CREDENTIALS):
        hint = advice(code, row).hint
        assert "administrator can turn on Authenticated SMTP" in hint
        assert "end of December 2026" in hint
        assert "second half of 2027" in hint
        assert "OAuth" in hint
