"""The servers of many domains, as a name server of ours tells them."""

from __future__ import annotations

import pytest
from file_reading import CONFIG
from name_server import NameServer

from flask_mailbox_import.core.found_servers import DomainServers
from flask_mailbox_import.core.mailboxes import Security
from flask_mailbox_import.core.providers import Server
from flask_mailbox_import.probe.discovery import MAX_DOMAINS, find_servers

TLS, STARTTLS = Security.TLS, Security.STARTTLS
GOOGLE = Server("smtp.gmail.com", 465, TLS), Server("imap.gmail.com", 993, TLS)
MICROSOFT = Server("smtp.office365.com", 587, STARTTLS), Server("outlook.office365.com", 993, TLS)
NONE = None, None
#: What each kind of domain has in DNS, ``D`` for the domain, and the servers that are found of it.
KINDS = {
    "inside": (
        {"_submissions._tcp.D SRV": ["0 1 465 smtp.D."], "_imaps._tcp.D SRV": ["0 1 993 imap.D."]},
        lambda d: (Server(f"smtp.{d}", 465, TLS), Server(f"imap.{d}", 993, TLS)),
    ),
    "starttls": (
        {"_submission._tcp.D SRV": ["0 1 587 mail.D."], "_imap._tcp.D SRV": ["0 1 143 mail.D."]},
        lambda d: (Server(f"mail.{d}", 587, STARTTLS), Server(f"mail.{d}", 143, STARTTLS)),
    ),
    "both": (
        {
            "_submission._tcp.D SRV": ["0 1 587 old.D."],
            "_submissions._tcp.D SRV": ["5 0 465 b.D.", "1 0 465 a.D.", "0 0 2465 c.D."],
        },
        lambda d: (Server(f"a.{d}", 465, TLS), None),
    ),
    "alias": (
        {
            "_submissions._tcp.D SRV": [
                "CNAME srv.D.",
                "srv.D@0 0 465 smtp.D.",
            ]
        },
        lambda d: (Server(f"smtp.{d}", 465, TLS), None),
    ),
    "outside": (
        {"_submissions._tcp.D SRV": ["0 0 465 mail.hoster-a.example."]},
        lambda _: NONE,
    ),
    "lookalike": ({"_imaps._tcp.D SRV": ["0 0 993 xD."]}, lambda _: NONE),
    "of the table": (
        {"_submission._tcp.D SRV": ["0 0 587 smtp.office365.com."]},
        lambda _: (MICROSOFT[0], None),
    ),
    "google": ({"D MX": ["1 aspmx.l.google.com.", "5 alt1.aspmx.l.google.com."]}, lambda _: GOOGLE),
    "microsoft": (
        {"D MX": ["0 d-example.mail.protection.outlook.com."]},
        lambda _: MICROSOFT,
    ),
    "own mx": ({"D MX": ["10 mail.D."]}, lambda _: NONE),
    "null": (
        {"D MX": ["0 ."], "_submissions._tcp.D SRV": ["0 0 0 ."]},
        lambda _: NONE,
    ),
    "broken in part": (
        {"_imaps._tcp.D SRV": "SERVFAIL", "D MX": ["1 aspmx.l.google.com."]},
        lambda _: GOOGLE,
    ),
    "nothing": ({}, lambda _: NONE),
}


def planned() -> tuple[dict[tuple[str, str], list[str]], dict[str, tuple]]:
    """Return the zone of the domains, five of a kind, and what is to be found of each."""
    zone, wanted = {}, {}
    for kind, (records, expected) in KINDS.items():
        for number in range(5):
            domain = f"{kind.replace(' ', '-')}{number}.example"
            wanted[domain] = expected(domain)
            for name, texts in records.items():
                owner, _, type_ = name.replace("D", domain).partition(" ")
                is_fault = isinstance(texts, str)
                zone[owner, type_] = (
                    texts if is_fault else [each.replace("D", domain) for each in texts]
                )
    return zone, wanted


def servers_of(found: DomainServers) -> tuple[Server | None, Server | None]:
    return tuple(each.server if each is not None else None for each in (found.smtp, found.imap))


def test_domains_have_the_servers_that_they_name():
    zone, wanted = planned()
    with NameServer(zone) as server:
        found = find_servers(wanted, CONFIG, [server.address])
    assert len(found) == len(wanted) == 65
    wrong = {
        each: servers_of(found[each]) for each in wanted if servers_of(found[each]) != wanted[each]
    }
    assert wrong == {}
    unanswered = [each for each, servers in found.items() if servers.is_unanswered]
    assert unanswered == [f"broken-in-part{number}.example" for number in range(5)]
    named = found["outside0.example"].suggested_smtp
    assert named == Server("mail.hoster-a.example", 465, TLS)


def test_the_table_needs_no_question():
    with NameServer() as server:
        found = find_servers(["gmail.com"], CONFIG, [server.address])
    assert servers_of(found["gmail.com"]) == GOOGLE
    assert server.questions == []


@pytest.mark.parametrize("labels", [8, 9])
def test_a_domain_of_many_labels_is_not_asked_for(labels):
    domain = ".".join(["d"] * (labels - 1) + ["example"])
    with NameServer() as server:
        found = find_servers([domain], CONFIG, [server.address])
    assert found[domain].is_unanswered is (labels > 8)
    assert found[domain].is_too_long is (labels > 8)
    assert len(server.questions) == (5 if labels == 8 else 0)


def test_a_domain_whose_records_have_no_name_is_not_asked_for():
    longest = ".".join(["d" * 60, "d" * 60, "d" * 60, "d" * 44, "example"])
    with NameServer() as server:
        found = find_servers([longest, f"d{longest}"], CONFIG, [server.address])
    assert [each.is_unanswered for each in found.values()] == [False, True]
    assert len(server.questions) == 5


def test_so_many_domains_are_asked_for():
    domains = [f"d{number}.example" for number in range(MAX_DOMAINS + 3)]
    with NameServer() as server:
        found = find_servers(domains, CONFIG, [server.address])
    assert [each for each in domains if found[each].is_unanswered] == domains[MAX_DOMAINS:]
