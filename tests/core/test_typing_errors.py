"""Names that are one typing error away from a known one."""

from __future__ import annotations

import pytest

from flask_mailbox_import.core.typing_errors import Likeness, server_of_own_domain

KNOWN = Likeness(
    [
        *("smtp.gmail.com", "smtp1.example.com", "smtp.aol.com", "posteo.de", "smtp-us.corp.com"),
        *("smtps.aruba.it", "mail.tenant-a.host.net", "smtp.mail.com", "mail.twc.com"),
    ]
)


@pytest.mark.parametrize(
    "name",
    [
        *("smtp.gmail.co", "smtp.gmail.comm", "smtp.gmial.com", "smtp.gnail.com"),
        *("mstp.gmail.com", "smpt.gmail.com", "mtp.gmail.com", "smtp.gmai.com", "smtp.gmaill.com"),
    ],
)
def test_one_error_is_found(name):
    assert KNOWN.of(name) == "smtp.gmail.com"


@pytest.mark.parametrize(
    "name",
    [
        *("smtp.gmail.com", "smtp.gmal.co", "smtp.liamg.com", "imap.gmail.com", ""),
        *("smtp2.example.com", "smtp.example.com", "smtp11.example.com", "x" * 300),
        *("smtp.aon.com", "posteo.be", "smtp-uk.corp.com", "smtp.aruba.it", "smtp.mail.co"),
        *("mail.tenant-b.host.net", "mail.tic.com", "smtp.mail.cm", "smtps.gmail.com"),
    ],
)
def test_the_same_name_more_errors_and_other_names_are_not(name):
    assert KNOWN.of(name) == ""


@pytest.mark.parametrize(
    ("host", "domain", "meant"),
    [
        ("smtp.exmaple.com", "example.com", "smtp.example.com"),
        ("mail.exampel.co.uk", "example.co.uk", "mail.example.co.uk"),
        ("exmaple.com", "example.com", "example.com"),
        ("smtp.example.com", "example.com", ""),
        ("smtp.elsewhere.com", "example.com", ""),
        ("smtp.aon.at", "aol.at", ""),
        ("com", "example.com", ""),
        ("smtp.exmaple.com", "", ""),
    ],
)
def test_a_server_of_the_addresses_own_domain(host, domain, meant):
    assert server_of_own_domain(host, domain) == meant
