"""API keys: their form, when they were used last, and that a revoked one is one everywhere."""

from __future__ import annotations

import re
import sqlite3
import string
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from database_contents import tables
from host_apps import Host, new_host
from sqlalchemy import event

from flask_mailbox_import.signals import api_key_used

TEMPLATE = "/v1/mailboxes/import/smtp/template.csv"
BASE_62 = string.digits + string.ascii_letters


def call(host: Host, key: str, **headers: str) -> int:
    client = host.app.test_client()
    return client.get(TEMPLATE, headers={"X-Api-Key": key, **headers}).status_code


def find(host: Host, key: str):
    with host.app.app_context():
        return host.app.extensions["mailbox_import"].api_keys.find(key)


def used(host: Host):
    """Return when the one key was used last, as the database has it."""
    with host.app.app_context():
        model = host.extension.models.api_key
        return host.db.session.scalar(host.db.select(model.last_used_at))


def age(host: Host, by: timedelta) -> None:
    with host.app.app_context():
        model = host.extension.models.api_key
        found = host.db.session.scalars(host.db.select(model)).one()
        found.last_used_at -= by
        host.db.session.commit()


def statements(host: Host) -> list[str]:
    """Return a list that grows by each statement that the app executes from now on."""
    heard: list[str] = []
    with host.app.app_context():
        event.listen(
            host.db.engine,
            "before_cursor_execute",
            lambda _connection, _cursor, statement, *_others: heard.append(statement),
        )
    return heard


def typos(key: str) -> set[str]:
    """Return what a key becomes by one slip: another character, one more, one less, two swapped."""
    found = {key.lower(), key.upper(), key.swapcase(), f"{key} ", f" {key}", f"{key}\n", key * 2}
    for place in range(len(key)):
        before, after = key[:place], key[place + 1 :]
        found |= {before + each + after for each in BASE_62 + "_-.İ"}
        found |= {before + each + key[place:] for each in BASE_62 + "_"}
        found |= {before + after, before + after[:1] + key[place] + after[1:]}
    return found - {key}


def test_the_form_of_a_key(host):
    keys = [host.create_key() for _ in range(20)]
    platform = host.create_key("w1", "w2", platform=True)
    assert all(re.fullmatch("sk_[0-9A-Za-z]{38}", each) for each in keys)
    assert re.fullmatch("sk_user_[0-9A-Za-z]{38}", platform)
    assert len({each[3:35] for each in keys}) == 20


@pytest.mark.parametrize("platform", [False, True])
def test_a_key_with_a_slip_is_refused_without_asking_the_database(host, platform):
    key = host.create_key(platform=platform)
    wrong = typos(key)
    assert len(wrong) > 5000
    heard = statements(host)
    with host.app.app_context():
        keys = host.app.extensions["mailbox_import"].api_keys
        assert [each for each in wrong if keys.find(each)] == []
    assert heard == []
    assert call(host, key, **{"X-Workspace-Id": "w1"}) == 200
    assert heard


def test_one_kind_of_key_is_not_the_other(host):
    key = host.create_key()
    assert find(host, key.replace("sk_", "sk_user_")) is None
    assert find(host, host.create_key("w1", "w2", platform=True).replace("user_", "")) is None


def test_the_last_use_is_noted_at_most_once_a_minute(host):
    key = host.create_key()
    assert used(host) is None
    assert "never used" in host.run("keys").output
    assert call(host, key) == 200
    first = used(host)
    assert f"{first:%Y-%m-%d %H:%M} UTC" in host.run("keys").output
    heard = statements(host)
    assert [call(host, key) for _ in range(3)] == [200] * 3
    age(host, timedelta(seconds=50))
    del heard[:]
    assert call(host, key) == 200
    assert [each for each in heard if not each.startswith("SELECT")] == []
    assert used(host) == first - timedelta(seconds=50)
    age(host, timedelta(seconds=10))
    assert call(host, key) == 200
    assert used(host) >= first


def test_a_call_that_is_refused_for_another_reason_is_a_use_too(host):
    key = host.create_key("w1")
    assert call(host, key, **{"X-Workspace-Id": "w2"}) == 403
    assert used(host) is not None


def test_calls_at_once_note_one_use(host):
    key, together = host.create_key(), threading.Barrier(4)
    answers, told = [], []

    def receive(_app: object, **facts: object) -> None:
        told.append(facts)

    def one() -> None:
        together.wait(10)
        answers.append(call(host, key))

    threads = [threading.Thread(target=one) for _ in range(4)]
    with api_key_used.connected_to(receive, host.app):
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
    assert answers == [200] * 4
    assert told == [{"api_key_id": 1}]


@pytest.mark.slow
def test_a_database_that_somebody_else_writes_to_keeps_no_key_out(host):
    key = host.create_key()
    path = host.app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert call(host, key) == 200
        assert used(host) is None
        other.execute("ROLLBACK")
    assert call(host, key) == 200
    assert used(host) is not None


def test_no_list_and_no_table_holds_a_key(host):
    keys = [host.create_key(), host.create_key("w1", "w2", platform=True)]
    listed = host.run("keys").output
    assert re.findall(r"(?m)^\d+\tsk_(?:user_)?\w{4}\.\.\.\t(\w+)\t(\S+)\t", listed) == [
        *[("workspace", "w1"), ("platform", "w1,w2")],
    ]
    for key in keys:
        secret = key[key.rindex("_") + 5 :]
        for place in range(len(secret) - 8):
            assert secret[place : place + 8] not in listed + str(tables(host))


def test_a_revoked_key_is_refused_at_once_by_another_process_as_well(tmp_path: Path, ca_file):
    database = tmp_path / "one.sqlite"
    with closing(new_host(database, ca_file)) as one, closing(new_host(database, ca_file)) as two:
        keys = [one.create_key(), one.create_key()]
        assert [call(two, each) for each in keys] == [200, 200]
        assert one.run("revoke-key", "1").output == "Key 1 is revoked.\n"
        assert [call(two, each) for each in keys] == [401, 200]
        assert two.run("keys").output.count("\n") == 1
        assert two.run("revoke-key", "1").exit_code == 1
        assert [call(one, each) for each in keys] == [401, 200]


def test_only_the_hash_of_a_key_is_stored(host):
    key = host.create_key("w1")
    with host.app.app_context():
        stored = host.db.session.scalars(host.db.select(host.extension.models.api_key)).one()
        assert key not in str(vars(stored))
