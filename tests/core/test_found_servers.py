"""Which server a domain's provider or DNS records name, and which of them may get a password."""

from __future__ import annotations

import pytest

from flask_mailbox_import.core.found_servers import DomainServers, servers_of_table, with_records
from flask_mailbox_import.core.mail_records import MailRecords, ServiceTarget
from flask_mailbox_import.core.mailboxes import DEFAULT_PORTS, Security
from flask_mailbox_import.core.providers import Server, Username


def srv(host: str, port: int = 465) -> tuple[ServiceTarget, ...]:
    return (ServiceTarget(host=host, port=port, priority=0, weight=0),)


def servers(domain: str = "d.example", **records: tuple) -> DomainServers:
    known = servers_of_table(domain, DEFAULT_PORTS)
    return with_records(known, domain, MailRecords(**records), DEFAULT_PORTS)


def smtp_of(**records: tuple) -> Server | None:
    found = servers(**records).smtp
    return found.server if found is not None else None


def test_the_table_knows_a_provider_wholly():
    found = servers_of_table("gmail.com", DEFAULT_PORTS)
    assert found.is_complete
    assert found.smtp.server == Server("smtp.gmail.com", 465, Security.TLS)
    assert found.imap.server == Server("imap.gmail.com", 993, Security.TLS)


def test_a_port_that_is_not_allowed_is_not_found():
    assert servers_of_table("gmail.com", (587, 993)).smtp is None
    assert smtp_of(submissions=srv("smtp.d.example", 4650)) is None


def test_tls_from_the_start_comes_first():
    both = {
        "submissions": srv("a.d.example"),
        "submission": srv("b.d.example", 587),
    }
    assert smtp_of(**both) == Server("a.d.example", 465, Security.TLS)
    assert smtp_of(submission=both["submission"]) == Server("b.d.example", 587, Security.STARTTLS)


def test_the_first_target_with_an_allowed_port_counts():
    targets = srv("a.d.example", 1025) + srv("b.d.example")
    assert smtp_of(submissions=targets) == Server("b.d.example", 465, Security.TLS)


@pytest.mark.parametrize("host", ["d.example", "mail.d.example", "a.b.d.example"])
def test_a_server_inside_the_domain_counts(host):
    assert smtp_of(submissions=srv(host)).host == host


@pytest.mark.parametrize("host", ["mail.other.example", "xd.example", "example", "com"])
def test_a_server_outside_is_only_suggested(host):
    found = servers(submissions=srv(host))
    assert found.smtp is None
    is_name = "." in host
    assert (found.suggested_smtp.host if found.suggested_smtp else None) == (
        host if is_name else None
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "a_b.d.example", ""])
def test_what_is_no_server_name_is_nothing(host):
    assert servers(submissions=srv(host)) == DomainServers()


def test_a_server_of_the_table_counts_in_any_domain():
    assert smtp_of(submission=srv("smtp.office365.com", 587)).host == "smtp.office365.com"


def test_mx_leads_to_a_provider_of_the_table():
    found = servers(mx=("aspmx.l.google.com", "alt1.aspmx.l.google.com"))
    assert found.smtp.server.host == "smtp.gmail.com"
    assert found.imap.server.host == "imap.gmail.com"


@pytest.mark.parametrize(
    "mx", [("mail.d.example",), ("mx.d.example", "aspmx.l.google.com"), ("mx.sendgrid.net",)]
)
def test_other_mx_hosts_lead_nowhere(mx):
    assert servers(mx=mx) == DomainServers()


def test_srv_comes_before_mx_and_each_half_is_found_by_itself():
    found = servers(submissions=srv("smtp.d.example"), mx=("aspmx.l.google.com",))
    assert found.smtp.server.host == "smtp.d.example"
    assert found.imap.server.host == "imap.gmail.com"


def test_a_server_outside_is_suggested_beside_the_receiving_provider():
    found = servers(submissions=srv("mail.other.example"), mx=("aspmx.l.google.com",))
    assert found.smtp.server.host == "smtp.gmail.com"
    assert found.suggested_smtp == Server("mail.other.example", 465, Security.TLS)
    assert found.suggested_imap is None


def test_a_server_that_takes_only_keys_for_sending_is_not_used():
    found = servers(submission=srv("smtp.sendgrid.net", 587) + srv("smtp.d.example", 587))
    assert found.smtp.server.host == "smtp.d.example"
    found = servers("sendgrid.net", submission=srv("smtp.sendgrid.net", 587))
    assert found.smtp == servers_of_table("sendgrid.net", DEFAULT_PORTS).smtp
    assert smtp_of(submission=srv("smtp.sendgrid.net", 587)) is None


def test_a_domain_may_say_that_it_has_no_such_server():
    found = servers(imap=srv("", 0), imaps=srv("", 0), mx=("aspmx.l.google.com",))
    assert found.imap is None
    assert found.smtp.server.host == "smtp.gmail.com"


def test_what_dns_says_does_not_change_the_table():
    found = servers("gmail.com", submissions=srv("smtp.gmail.com.evil.example"))
    assert found == servers_of_table("gmail.com", DEFAULT_PORTS)


def test_the_form_of_the_user_name_is_the_providers():
    forms = {servers_of_table(each, DEFAULT_PORTS).smtp.username for each in ("gmail.com",)}
    assert forms == {Username.ADDRESS}
