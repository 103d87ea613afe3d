"""Hosts, ports and DNS answers of an attacker, from ``data/hostile_hosts.json``.

Cases whose text decides run in this process, and in a network of their own as all others do: every
address of the world answers there, so that whatever the guard let through would arrive.

A step of ``dns`` is one look-up's answer (see ``stub_dns``); an empty ``smtpsecure`` is STARTTLS.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import every_address_child
import network_namespace
import pytest
from project_paths import read_data

pytestmark = pytest.mark.slow

CASES = read_data("hostile_hosts.json")
BY_ID = {case["id"]: case for case in CASES}
#: The text alone decides: no answer of a name server is part of these.
TEXTS = [case for case in CASES if "smtphost" in case["input"] and "dns" not in case["input"]]
NAMES = [case for case in CASES if "dns" in case["input"]]
SPECIAL = BY_ID["dns-021-every-special-address"]["input"]["dns_each"]
TURNS = BY_ID["dns-023-timing-uniform"]["input"]["dns_in_turn"]

COLUMNS = ("email", "password", "smtphost", "smtpport", "imaphost", "imapport")
#: What a resolver with a search list would complete a name to.
RESOLV_CONF = "nameserver 127.0.0.1\nsearch google.internal corp.example\n"
HOSTS = "127.0.0.1 localhost\n10.0.0.5 db.corp.example\n93.184.216.35 relay.corp.example\n"
FAMILIES = ("A", "AAAA")
#: A good server, for the rows beside those of an attacker.
GOOD, GOOD_ADDRESS = "smtp.good.example", "93.184.216.36"
EVIL = "mx.attacker.example"


def file_of(rows: Iterable[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({"password": "pw", "imaphost": "imap.example.com", **row})
    return text.getvalue()


def row_of(case: dict[str, Any]) -> dict[str, str]:
    cells = {name: text for name, text in case["input"].items() if name in COLUMNS}
    return {"email": f"{case['id']}@x.com", **cells}


def rows_to(hosts: Iterable[str], user: str = "row") -> list[dict[str, str]]:
    return [{"email": f"{user}{n}@x.com", "smtphost": host} for n, host in enumerate(hosts)]


def scene(
    name: str,
    rows: Iterable[dict[str, str]],
    dns: dict[str, Any],
    *,
    latency: float = 0,
    **settings: object,
) -> dict[str, Any]:
    file = file_of(rows)
    return {"id": name, "csv": file, "dns": dns, "latency": latency, "settings": settings}


def scene_of(case: dict[str, Any]) -> dict[str, Any]:
    return scene(
        case["id"], [row_of(case)], case["input"]["dns"], **case["input"].get("settings", {})
    )


def scenes() -> Iterable[dict[str, Any]]:
    yield scene("texts", map(row_of, TEXTS), {})
    yield from map(scene_of, NAMES)
    special = {f"mx{number}.attacker.example": [[each]] for number, each in enumerate(SPECIAL)}
    yield scene("special", rows_to(special), special)
    for number, answer in enumerate(TURNS):
        yield scene(f"turn{number}", rows_to([EVIL]), {EVIL: [answer]}, latency=0.4)
    silent = [f"silent{number}.attacker.example" for number in range(20)]
    answers = {**{name: [None] for name in silent}, GOOD: [[GOOD_ADDRESS]]}
    yield scene("silent", rows_to([*silent, GOOD]), answers, CONCURRENCY=21)
    changing = {GOOD: [[GOOD_ADDRESS], ["127.0.0.1"]]}
    yield scene("changing", rows_to([GOOD] * 5) + rows_to([GOOD], "again"), changing)


@pytest.fixture(scope="module")
def world() -> dict[str, Any]:
    """Play every scene in one process; return the report of each by its name."""
    names = {case["input"]["smtphost"] for case in NAMES if case["expect"]["code"] == "imported"}
    order = {
        "resolv_conf": RESOLV_CONF,
        "hosts": HOSTS,
        "names": [GOOD, *sorted(name.removesuffix(".") for name in names)],
        "scenes": list(scenes()),
    }
    return network_namespace.run(Path(every_address_child.__file__), order)


def codes_of(errors: list[dict[str, str]]) -> dict[str, str]:
    return {error["email"].removesuffix("@x.com"): error["code"] for error in errors}


def test_every_case_is_run():
    assert len(BY_ID) == len(CASES)
    run = {case["id"] for case in [*TEXTS, *NAMES]}
    assert set(BY_ID) - run == {"dns-021-every-special-address", "dns-023-timing-uniform"}
    # The rest are our own. Three of the shared ones are ports that are read by now.
    assert sum(not case["id"].startswith("our-") for case in CASES) == 88


@pytest.mark.parametrize("field", [None, "skipConnectionTest", "dryRun"])
def test_a_text_that_is_no_host_or_port_never_leaves_this_process(make_host, watch, field):
    host = make_host(ALLOWED_NETWORKS=[])
    fields = {field: "true"} if field else {}
    data = host.post(file_of(map(row_of, TEXTS)), **fields).json["data"]
    assert codes_of(data["errors"]) == {case["id"]: case["expect"]["code"] for case in TEXTS}
    assert watch.connects == watch.look_ups == []
    assert host.mailboxes() == []


def test_a_text_that_is_no_host_or_port_is_not_asked_of_a_name_server(world):
    seen = world["texts"]
    assert codes_of(seen["errors"]) == {case["id"]: case["expect"]["code"] for case in TEXTS}
    assert seen["questions"] == seen["native"] == seen["connects"] == []


def test_the_refusal_names_the_column_of_the_other_server(world):
    (error,) = [each for each in world["texts"]["errors"] if each["email"].startswith("dns-020")]
    assert "imaphost" in error["error"]


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case["id"])
def test_what_is_asked_and_reached_for_a_name(world, case):
    seen, expected = world[case["id"]], case["expect"]
    assert codes_of(seen["errors"]).get(case["id"], "imported") == expected["code"]
    asked = expected.get("asked", list(case["input"]["dns"]))
    assert sorted(seen["questions"]) == sorted([name, kind] for name in asked for kind in FAMILIES)
    assert seen["native"] == []
    if "tried" in expected:
        assert len(seen["connects"]) == expected["tried"]
        return
    reached = expected.get("reached", [])
    assert seen["connects"] == [[address, every_address_child.MAIL_PORT] for address in reached]
    assert [address for address, _, _ in seen["logins"]] == reached
    assert bool(seen["stored"]) == (expected["code"] == "imported")
    if "stored" in expected:
        assert list(seen["stored"].values()) == [expected["stored"]]
    if "tls_name" in expected:
        assert seen["tls_names"] == [expected["tls_name"]]


def test_no_special_address_is_reached_whatever_name_it_hides_behind(world):
    seen = world["special"]
    assert set(codes_of(seen["errors"]).values()) == {"dns_failure"}
    assert len(seen["errors"]) == len(SPECIAL) == 69
    assert seen["connects"] == []
    assert len(seen["questions"]) == 2 * len(SPECIAL)


def test_a_refused_target_is_told_in_the_words_of_a_name_that_does_not_exist(world):
    words = {
        (re.sub(r"(?<=is called )\S+(?=\.$)", "NAME", error["error"]), error["hint"])
        for seen in world.values()
        for error in seen["errors"]
        if error["code"] == "dns_failure"
    }
    # A name without a dot may be a part of a password, and is not repeated.
    assert {error for error, _ in words} == {
        "No server is called NAME.",
        "No mail server of this name can be reached.",
    }
    assert len({hint for _, hint in words}) == 1


def test_a_refused_target_takes_as_long_as_a_name_that_does_not_exist(world):
    turns = [world[f"turn{number}"] for number in range(len(TURNS))]
    assert all(seen["connects"] == [] for seen in turns)
    seconds = [seen["seconds"] for seen in turns]
    assert max(seconds) < 1.5 * min(seconds)


def test_names_that_are_never_answered_starve_nobody(world):
    seen = world["silent"]
    assert set(codes_of(seen["errors"]).values()) == {"dns_failure"}
    assert len(seen["errors"]) == 20
    ((address, _, seconds),) = seen["logins"]
    assert address == GOOD_ADDRESS
    assert seconds < seen["seconds"] / 2


def test_no_answer_and_no_silence_holds_an_import_up(world):
    # DNS_TIMEOUT is 2 s or less, CONNECT_TIMEOUT 1 s where nothing answers.
    assert {name: seen["seconds"] for name, seen in world.items() if seen["seconds"] > 4} == {}


def test_a_name_is_asked_for_once_in_an_import_by_all_its_rows_and_tries(world):
    seen = world["changing"]
    assert seen["errors"] == []
    assert sorted(seen["questions"]) == [[GOOD, "A"], [GOOD, "AAAA"]]
    assert seen["connects"] == [[GOOD_ADDRESS, every_address_child.MAIL_PORT]] * 7
