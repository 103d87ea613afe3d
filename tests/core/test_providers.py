"""Providers: by which server or address each is known, its servers, and the hints for its users."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flask_mailbox_import.core.mailboxes import Security
from flask_mailbox_import.core.providers import (
    PROVIDERS,
    SECTIONS,
    SERVERS,
    PasswordKind,
    Server,
    Username,
    provider_of,
    provider_of_address,
    receiver_of,
)

DATA = Path(__file__).parents[1] / "data"
#: Servers and domains of 117 entries, which were gathered from other programs' data.
SETTINGS = json.loads((DATA / "provider_settings.json").read_text())
#: Names of servers by their provider, names of servers that receive mail, and names of nobody here.
HOSTS = json.loads((DATA / "provider_hosts.json").read_text())
#: Both Microsoft 365 and Outlook.com.
SHARED = {"outlook.office365.com", "smtp.office365.com"}


def name_of(provider):
    return provider.name if provider else None


@pytest.mark.parametrize(
    ("host", "email", "name"),
    [
        ("smtp.gmail.com", "a@example.com", "Gmail"),
        ("SMTP.GMAIL.COM", "a@example.com", "Gmail"),
        ("smtp.office365.com", "a@gmail.com", "Microsoft 365"),
        ("smtp.office365.com", "a@hotmail.com", "Outlook.com"),
        ("outlook.office365.com", "a@live.de", "Outlook.com"),
        ("outlook.office365.com", "a@example.com", "Microsoft 365"),
        ("mail.example.com", "a@hotmail.co.uk", "Outlook.com"),
        ("mail.example.com", "A@AOL.COM", "AOL"),
        ("mail.example.com", "a@yahoo.com.hk", "Yahoo"),
        ("mail.example.com", "a@cox.net", "Yahoo"),
        ("mail.example.com", "a@yahoo.co.jp", "Yahoo Japan"),
        ("smtp.mail.yahoo.co.jp", "a@yahoo.com", "Yahoo Japan"),
        ("mail.example.com", "a@gmail.com.example.com", None),
        ("mail.example.com", "a@notgmail.com", None),
        ("mail.example.com", "a@outlook.com.evil.example", None),
        ("mail.example.com", "", None),
        ("", "", None),
    ],
)
def test_a_provider_is_known_by_its_server_or_else_by_the_address(host, email, name):
    assert name_of(provider_of(host, email)) == name


@pytest.mark.parametrize("row", SETTINGS, ids=lambda each: each["provider"])
def test_every_entry_of_the_settings_is_known(row):
    smtp, imap = (
        Server(each[0], each[1], Security(each[2])) if each else None
        for each in (row["smtp"], row["imap"])
    )
    for domain in row["domains"]:
        provider = provider_of_address(f"ann@{domain}")
        assert provider is not None, domain
        assert (provider.smtp, provider.imap) == (smtp, imap), domain
    servers = {server for each in SECTIONS for server in (each.smtp, each.imap)}
    for server in (smtp, imap):
        assert server in servers
    for host in row["others"]:
        assert provider_of(host, ""), host


@pytest.mark.parametrize(
    ("name", "host"),
    [(name, host) for name, hosts in HOSTS["known"].items() for host in hosts],
)
def test_common_server_names_are_found_and_take_logins(name, host):
    assert name_of(provider_of(host, "")) == name
    assert receiver_of(host) is None


def test_many_common_server_names_are_found():
    hosts = {host for hosts in HOSTS["known"].values() for host in hosts}
    assert len(hosts) >= 101
    # Each provider with servers is among them.
    assert {each.name for each in PROVIDERS if each.hosts.plain} <= set(HOSTS["known"])


@pytest.mark.parametrize(
    ("name", "host"),
    [(name, host) for name, hosts in HOSTS["receivers"].items() for host in hosts],
)
def test_servers_that_only_receive_mail_are_known_and_take_no_logins(name, host):
    assert name_of(receiver_of(host)) == name
    assert name_of(receiver_of(host.upper())) == name
    assert provider_of(host, "") is None


@pytest.mark.parametrize("host", HOSTS["unknown"])
def test_other_names_are_nobodys(host):
    assert provider_of(host, "") is None
    assert receiver_of(host) is None
    assert provider_of_address(f"ann@{host}") is None


@pytest.mark.parametrize("provider", SECTIONS, ids=lambda each: f"{each.name} {each.part}")
def test_no_provider_takes_the_names_of_another(provider):
    for other in SECTIONS:
        if other is provider:
            continue
        for host in other.hosts.plain - SHARED:
            assert not provider.hosts.fullmatch(host), (other.name, host)
            assert not provider.mx.fullmatch(host), (other.name, host)
        for domain in other.domains.plain:
            assert not provider.domains.fullmatch(domain), (other.name, domain)
        for host in other.mx.plain:
            assert not provider.mx.fullmatch(host), (other.name, host)
            assert not provider.hosts.fullmatch(host), (other.name, host)


@pytest.mark.parametrize("provider", SECTIONS, ids=lambda each: f"{each.name} {each.part}")
def test_no_pattern_takes_a_name_with_more_before_or_behind_it(provider):
    for names in (provider.hosts, provider.domains, provider.mx):
        for each in names.plain:
            assert not names.fullmatch(f"{each}.evil.example")
            assert not names.fullmatch(f"evil-{each}")
        for host in sorted(HOSTS["unknown"]):
            assert not names.fullmatch(host)


def test_a_pattern_is_for_the_whole_name():
    for hosts in (*HOSTS["known"].values(), *HOSTS["receivers"].values()):
        for host in hosts:
            evil = f"{host}.evil.example"
            assert (provider_of(evil, ""), receiver_of(evil)) == (None, None)


@pytest.mark.parametrize("provider", SECTIONS, ids=lambda each: f"{each.name} {each.part}")
def test_each_section_tells_where_its_facts_are_from_and_of_when(provider):
    assert re.fullmatch(r"\S.*\S, 20\d\d-(0[1-9]|1[0-2])", provider.source)
    assert provider.hosts.plain or provider.hosts.patterns or provider.domains.plain
    for server in (provider.smtp, provider.imap):
        assert server is None or SERVERS[server.host].name == provider.name or server.host in SHARED


def test_a_part_has_its_own_servers_and_the_hints_of_the_whole():
    whole, part = provider_of_address("ann@zoho.com"), provider_of_address("ann@zoho.eu")
    assert (whole.name, whole.part) == ("Zoho", "")
    assert (part.name, part.part) == ("Zoho", "Europe")
    assert part.smtp == Server("smtp.zoho.eu", 465, Security.TLS)
    assert part.imap == Server("imap.zoho.eu", 993, Security.TLS)
    assert part.hints == whole.hints != {}
    assert part.username is whole.username is Username.ADDRESS
    assert whole in PROVIDERS
    assert part not in PROVIDERS


@pytest.mark.parametrize(
    ("email", "username", "imap_username"),
    [
        ("ann@gmail.com", Username.ADDRESS, Username.ADDRESS),
        ("ann@web.de", Username.LOCAL_PART, Username.LOCAL_PART),
        ("ann@icloud.com", Username.ADDRESS, Username.LOCAL_PART),
        ("ann@naver.com", None, None),
    ],
)
def test_the_form_of_the_user_name_is_told(email, username, imap_username):
    provider = provider_of_address(email)
    assert (provider.username, provider.imap_username) == (username, imap_username)


@pytest.mark.parametrize(
    ("host", "word"), [("smtp.sendgrid.net", "apikey"), ("smtp.resend.com", "resend")]
)
def test_a_user_name_that_is_a_word_is_told(host, word):
    provider = provider_of(host, "")
    assert (provider.username, provider.username_word) == (Username.KEY, word)
    assert provider.password is PasswordKind.KEY


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@gmail.com", PasswordKind.APP),
        ("ann@yahoo.co.uk", PasswordKind.APP),
        ("ann@fastmail.com", PasswordKind.APP),
        ("ann@pobox.com", PasswordKind.APP),
        ("ann@outlook.com", PasswordKind.NONE),
        ("ann@tuta.io", PasswordKind.NONE),
        ("ann@zoho.com", PasswordKind.OWN),
        ("ann@i.ua", None),
    ],
)
def test_the_kind_of_password_is_told(email, password):
    assert provider_of_address(email).password is password


@pytest.mark.parametrize(
    ("email", "password", "fits"),
    [
        ("ann@gmail.com", "abcdefghijklmnop", True),
        ("ann@gmail.com", "abcd efgh ijkl mnop", True),
        ("ann@gmail.com", "abcd efgh ijkl mno1", False),
        ("ann@gmail.com", "hunter2hunter2", False),
        ("ann@yahoo.com", "abcdefghijklmnop", True),
        ("ann@yahoo.com", "abcdefghijklmnopq", False),
        ("ann@icloud.com", "abcd-efgh-ijkl-mnop", True),
        ("ann@icloud.com", "abcdefghijklmnop", True),
    ],
)
def test_the_form_of_an_app_password_is_told(email, password, fits):
    assert bool(provider_of_address(email).app_password.fullmatch(password)) is fits


@pytest.mark.parametrize(
    ("host", "by_account"),
    [
        *(("smtp.gmail.com", True), ("smtp.zoho.eu", True), ("smtp.ionos.com", True)),
        *(("mail.your-server.de", False), ("box5620.bluehost.com", False)),
    ],
)
def test_hosting_companies_may_shut_out_an_address_for_refused_logins(host, by_account):
    assert provider_of(host, "").counts_by_account is by_account


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)
def test_the_hints_of_a_provider_are_sentences(provider):
    for code, hint in provider.hints.items():
        # A link ends without a full stop, or it would be part of the link.
        assert hint.endswith(".") or " https://" in hint.rpartition(".")[0], code
