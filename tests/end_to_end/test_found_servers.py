"""An import of addresses and passwords alone: the servers are those that the domains name."""

from __future__ import annotations

from pathlib import Path

import found_servers_child
import network_namespace
import pytest

ADDRESSES = {"mail.own.example": "93.184.216.34", "mail.other.example": "93.184.216.35"}
ZONE = {
    **{f"{name} A": [address] for name, address in ADDRESSES.items()},
    # Nobody names these, and both would answer.
    "mail.no.example A": ["93.184.216.36"],
    "smtp.no.example A": ["93.184.216.36"],
    "_submission._tcp.own.example SRV": ["0 0 587 mail.own.example."],
    "_submission._tcp.away.example SRV": ["0 0 587 mail.other.example."],
    "_submission._tcp.in.example SRV": ["0 0 587 inside.in.example."],
    "inside.in.example A": ["10.0.0.1"],
    "no.example MX": ["10 mail.no.example."],
}
CSV = "email,password\n" + "".join(
    f"{name}@{domain},pw-{name}\n"
    for name, domain in (("a", "own"), ("b", "own"), ("c", "away"), ("d", "no"), ("e", "in"))
    for domain in (f"{domain}.example",)
)


FOUR = "email,password,smtphost,imaphost,imapusername\n"
SILENT = {"_imaps._tcp.half.example SRV": "SERVFAIL", "half.example MX": "SERVFAIL"}
UPDATE = {"findServers": "true", "onDuplicate": "update", "skipConnectionTest": "true"}


@pytest.fixture(scope="module")
def updated():
    """Import a mailbox with both servers; then update it twice, while DNS does not answer."""
    line = "k@half.example,old,mail.own.example,imap.own.example,kay\n"
    order = {
        "names": list(ADDRESSES),
        "zone": {**ZONE, **SILENT},
        "calls": [
            {"csv": FOUR + line, "skipConnectionTest": "true"},
            {"csv": "email,password\nk@half.example,new\n", **UPDATE},
            {"csv": "email,password,smtppassword\nk@half.example,,newest\n", **UPDATE},
            {"csv": "email,password\nl@half.example,pw\n", **UPDATE},
        ],
    }
    return network_namespace.run(Path(found_servers_child.__file__), {"csv": "", **order})


def test_an_update_keeps_the_servers_that_the_mailbox_has(updated):
    assert [each["data"]["imported"] for each in updated["answers"]] == [1, 1, 1, 0]
    assert updated["stored"]["k@half.example"] == ["mail.own.example", 587, "pending"]
    said = [each["code"] for each in updated["answers"][1]["data"]["warnings"]]
    assert said == ["updates", "server_kept", "server_kept"]


def test_an_update_keeps_what_the_row_does_not_say_of_reading(updated):
    assert updated["for_reading"]["k@half.example"] == ["imap.own.example", "kay", "new"]


def test_silence_is_said(updated):
    said = [each["code"] for each in updated["answers"][3]["data"]["warnings"]]
    assert said == ["not_looked_up"]


@pytest.fixture(scope="module")
def report():
    order = {
        "names": list(ADDRESSES),
        "zone": ZONE,
        "csv": CSV,
        "calls": [{"findServers": "true", "dryRun": "true"}, {"findServers": "true"}, {}],
    }
    return network_namespace.run(Path(found_servers_child.__file__), order)


def test_what_a_domain_names_is_tested_and_saved(report):
    data = report["answers"][1]["data"]
    assert report["stored"] == {
        f"{name}@own.example": ["mail.own.example", 587, "active"] for name in "ab"
    }
    assert {each["email"]: each["code"] for each in data["errors"]} == {
        "c@away.example": "missing_credentials",
        "d@no.example": "missing_credentials",
        "e@in.example": "dns_failure",
    }
    assert {(each["row"], each["code"]) for each in data["warnings"]} == {
        *((2, "server_found"), (3, "server_found"), (4, "server_suggested"), (6, "server_found"))
    }


def test_no_password_goes_to_a_server_that_nobody_named(report):
    assert sorted(report["logins"]) == [
        ["93.184.216.34", "a@own.example"],
        ["93.184.216.34", "b@own.example"],
    ]


def test_a_dry_run_asks_and_connects_to_nothing(report):
    data = report["answers"][0]["data"]
    assert (data["imported"], data["failed"]) == (3, 2)
    assert report["questions"].count("own.example MX") == 2  # in the dry run, and in the import


def test_without_the_field_the_contract_stands(report):
    assert report["answers"][2]["reason"] == "missing_column"
    assert report["answers"][2]["details"]["missing"] == ["smtphost", "imaphost"]
