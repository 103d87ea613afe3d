"""How many imports run at once, and that nothing lifts the limit of refused logins."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from database_contents import age
from import_calls import WRONG_PASSWORD, call, ended, retry, sent
from mailbox_files import Header, file_of, row, rows_on, untested
from page_imports import csrf_token, upload
from sqlalchemy import event, func
from waiting import wait_for

from flask_mailbox_import import ImportOptions, TooManyWaiting
from flask_mailbox_import.signals import limit_reached


def test_refused_logins_are_limited(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=2)
    csv = Header + row("a@x.com", "no", server.port) + row("b@x.com", "no", server.port)
    assert host.post(csv).status_code == 200
    refused = host.post(csv)
    assert refused.status_code == 429
    assert refused.json["reason"] == "too_many_refused_logins"
    assert 3590 < int(refused.headers["Retry-After"]) <= 3600
    assert host.post(csv, key=host.create_key("other")).status_code == 200


def test_refused_logins_are_waited_for_until_the_oldest_count_no_more(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=2)
    for name, minutes in (("a", 10), ("b", 40)):
        assert host.post(Header + row(f"{name}@x.com", "no", server.port)).status_code == 200
        age(host, timedelta(minutes=minutes))
    answer = host.post(Header + row("c@x.com", "no", server.port))
    assert answer.status_code == 429
    # Of two, one may be refused; the oldest counts for ten more minutes.
    assert 590 < int(answer.headers["Retry-After"]) <= 600


def test_who_finds_no_place_is_told_when_one_is_likely_to_be_free(make_host, mail_server, gate):
    server = mail_server(pause=0.2)
    slow = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, slow.port, RUNNER="thread", MAX_RUNNING=1, CONCURRENCY=1)
    names = [f"u{each}" for each in range(20)]
    sent(host, file_of(server.port, *names) + rows_on(slow, 20))
    wait_for(lambda: len(host.mailboxes()) >= 10)
    waits = int(host.post(file_of(server.port, "one")).headers["Retry-After"])
    assert 1 <= waits <= 60
    assert waits != 30
    gate.open()


def test_too_many_running(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port, MAX_RUNNING=1)
    csv = Header + row("a@x.com", "pw", server.port)
    inner = []

    def during_login(_session):
        inner.append(host.post(csv))
        return b"235 ok\r\n"

    server.replies["AUTH"] = during_login
    assert host.post(csv).status_code == 200
    assert [each.status_code for each in inner] == [429]
    assert inner[0].json["reason"] == "too_many_running"


def test_a_queue_is_no_way_around_the_limit_of_refused_logins(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    limits = {"MAX_RUNNING": 1, "MAX_REFUSED_LOGINS": 5}
    host = make_host(server.port, RUNNER="thread", **limits)
    files = [file_of(server.port, *(f"{n}-{k}" for k in range(5)), password="no") for n in "abc"]
    first, *others = [sent(host, each) for each in files]
    skips = sent(host, untested(1), skipConnectionTest="true")
    gate.open()
    assert ended(host, skips)["imported"] == 1
    assert ended(host, first)["failed"] == 5
    for each in others:
        assert ended(host, each, "interrupted")["ready"] == 5
        assert call(host, "POST", f"/{each}/continue").status_code == 429
    assert len(server.logins) == 5


def test_staged_files_do_not_get_round_the_limit_of_refused_logins(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=1)
    host.extension.workspace_loader(lambda: "w1")
    client = host.app.test_client()
    csv = [Header + row(f"u{each}@x.com", "no", server.port) for each in range(2)]
    locations = [upload(client, each).location for each in csv]
    answers = []
    for location in locations:
        token = csrf_token(client.get(location).text)
        answers.append(client.post(location, data={"csrf_token": token}))
    assert [each.status_code for each in answers] == [303, 429]
    assert "wait an hour" in answers[1].text
    assert len(server.logins) == 1


@pytest.mark.slow
def test_guesses_count_whatever_the_address_claims(make_host, mail_server):
    """An address of another provider neither changes the words nor hides the guess."""
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=3)
    csv = "email,password,smtphost,imaphost,smtpport,smtpusername\n" + "".join(
        f"u{each}@outlook.com,pw{each},localhost,,{server.port},victim{each}\n" for each in range(3)
    )
    data = host.post(csv).json["data"]
    assert [each["error"] for each in data["errors"]] == [WRONG_PASSWORD] * 3
    assert host.post(Header + rows_on(server, 1)).status_code == 429


@pytest.mark.usefixtures("gate")
def test_retries_do_not_lift_the_limit_of_refused_logins(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, RUNNER="inline", MAX_REFUSED_LOGINS=3)
    import_id = host.post(file_of(server.port, "a", "b")).json["data"]["importId"]
    one = {"corrections": {"2": {"password": "guess"}}}
    assert retry(host, import_id, one).status_code == 202
    assert len(server.logins) == 3
    for answer in (retry(host, import_id, one), host.post(file_of(server.port, "c"))):
        assert (answer.status_code, answer.json["reason"]) == (429, "too_many_refused_logins")
    # Nor does it to forget the import, or to test nothing.
    assert call(host, "DELETE", f"/{import_id}").status_code == 204
    age(host, timedelta(minutes=59))
    host.run("purge")
    assert host.post(file_of(server.port, "c")).status_code == 429
    assert len(server.logins) == 3
    age(host, timedelta(minutes=2))
    host.run("purge")
    with host.app.app_context():
        for model in (host.extension.models.import_, host.extension.models.row):
            assert host.db.session.scalar(host.db.select(func.count()).select_from(model)) == 0
    assert host.post(file_of(server.port, "c")).status_code == 200


@pytest.mark.usefixtures("gate")
def test_the_limit_is_no_matter_of_imports_that_test_nothing_nor_of_unknown_ones(
    make_host, mail_server
):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=1)
    assert host.post(file_of(server.port, "a")).json["data"]["failed"] == 1
    assert retry(host, "0" * 32).status_code == 404
    bad = host.post(Header + row("b@x.com", "pw", 99), skipConnectionTest="1").json["data"]
    answer = retry(host, bad["importId"], {"corrections": {"2": {"smtpport": 587}}})
    assert (answer.status_code, answer.json["data"]["imported"]) == (202, 1)


def test_a_retry_without_a_place_changes_nothing(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_RUNNING=1)
    key = host.create_key()
    answer = host.post(Header + row("a@x.com", "no", server.port), key)
    address = f"/v1/mailboxes/imports/{answer.json['data']['importId']}"
    client, headers = host.app.test_client(), {"X-Api-Key": key}
    with host.app.app_context(), host.extension.importer._place("w1"):
        answer = client.post(f"{address}/retry", headers=headers, json={"rows": [2]})
        assert answer.status_code == 429
        answer = client.post("/v1/mailboxes/connection-test", headers=headers)
        assert answer.status_code == 429
    assert client.get(address, headers=headers).json["data"]["failed"] == 1
    assert client.post(f"{address}/retry", headers=headers, json={"rows": [2]}).status_code == 202
    assert len(server.logins) == 2


def test_the_limit_that_is_reached_is_named(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", MAX_RUNNING=2)
    told = []

    def hear(_app, **facts):
        told.append(facts["limit"])

    first = sent(host, file_of(server.port, "a"))
    wait_for(lambda: gate.came)
    with limit_reached.connected_to(hear, host.app):
        answer = host.post(file_of(server.port, "b"))
    assert (answer.status_code, answer.json["reason"]) == (429, "too_many_running")
    assert "of this workspace" in answer.json["message"]
    assert told == ["WORKSPACE_RUNNING"]
    # What tests nothing takes no place, whoever runs it.
    with host.app.app_context():
        options = ImportOptions(workspace_id="w1", skip_connection_test=True)
        file = io.BytesIO(untested(1).encode())
        import_id = host.extension.importer.stage_file(file, options)
        assert host.extension.importer.continue_import(import_id, workspace_id="w1").imported == 1
    gate.open()
    ended(host, first)


def test_what_cannot_be_started_after_all_is_not_kept(make_host, mail_server, gate):
    """Others have filled the queue between the look at it and the start."""
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", MAX_RUNNING=1, WORKSPACE_QUEUED=1)
    first = sent(host, file_of(server.port, "a"))
    wait_for(lambda: gate.came)
    others = []

    def be_quicker(_connection, _cursor, statement, *_rest) -> None:
        if "smtp_code IN" in statement and not others:
            others.append(None)
            others.append(sent(host, file_of(server.port, "b")))

    with host.app.app_context():
        event.listen(host.db.engine, "before_cursor_execute", be_quicker)
        file, options = (
            io.BytesIO(file_of(server.port, "c").encode()),
            ImportOptions(workspace_id="w1"),
        )
        with pytest.raises(TooManyWaiting):
            host.extension.importer.start_file(file, options)
        kept = [each.import_id for each in host.extension.importer.imports(workspace_id="w1").items]
    assert sorted(kept) == sorted([first, others[1]])
    gate.open()
    ended(host, others[1])
