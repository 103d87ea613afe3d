"""Mailboxes that are there already: updated by a file, or tested because they are pending."""

from __future__ import annotations

from datetime import timedelta

import pytest
from database_contents import age
from import_calls import call, delete, ended, look, retry, rows_of, sent
from mailbox_files import file_of
from waiting import wait_for

TEST = "/v1/mailboxes/connection-test"
WIDE = "email,password,smtphost,imaphost,smtpport,displayname,imappassword\n"


def saved(host) -> dict[str, tuple]:
    return {
        each.email: (each.clear, each.status, each.tag, each.import_id) for each in host.mailboxes()
    }


def pending(host, csv: str, **fields: str) -> str:
    data = host.post(csv, skipConnectionTest="1", **fields).json["data"]
    assert data["failed"] == data["skipped"] == 0
    return data["importId"]


def test_an_update_brings_other_credentials_and_keeps_whose_the_mailbox_is(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)
    first = pending(host, file_of(server.port, "a", password="old"), tag="one")
    csv = file_of(server.port, "A", "b", password="new")
    data = host.post(csv, onDuplicate="update", tag="two").json["data"]
    assert [data[each] for each in ("imported", "updated", "skipped", "failed")] == [2, 1, 0, 0]
    second = data["importId"]
    assert saved(host) == {
        "A@x.com": ("new", "active", "two", first),
        "b@x.com": ("new", "active", "two", second),
    }
    assert (look(host, second)["updated"], look(host, first)["updated"]) == (1, 0)
    assert delete(host, second, query="?mailboxes=true").status_code == 204
    assert list(saved(host)) == ["A@x.com"]
    # Without a tag, the old one stays; without a test, nobody knows whether the password works.
    host.post(file_of(server.port, "a", password="x"), onDuplicate="update", skipConnectionTest="1")
    assert saved(host) == {"a@x.com": ("x", "pending", "two", first)}


def test_without_an_update_what_is_there_is_skipped_and_not_tested(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)
    pending(host, file_of(server.port, "a", password="old"))
    before = saved(host)
    for fields in ({}, {"onDuplicate": "skip"}):
        data = host.post(file_of(server.port, "a", password="new"), **fields).json["data"]
        assert (data["skipped"], "updated" in data) == (1, False)
    assert (saved(host), server.sessions) == (before, [])


def test_an_update_whose_test_fails_leaves_the_mailbox_as_it_is(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "old"})
    host = make_host(server.port)
    host.post(file_of(server.port, "a", password="old"))
    before = saved(host)
    data = host.post(file_of(server.port, "a", password="no"), onDuplicate="update").json["data"]
    assert (data["failed"], data["updated"], data["errors"][0]["row"]) == (1, 0, 2)
    assert saved(host) == before


def test_a_dry_run_says_how_many_would_be_updated(make_host):
    host = make_host()
    pending(host, file_of(587, "a"))
    answer = host.post(file_of(587, "a", "b", "B"), onDuplicate="update", dryRun="1")
    data = answer.json["data"]
    assert (data["imported"], data["updated"], data["skipped"]) == (2, 1, 1)
    assert [each["code"] for each in data["warnings"]] == ["updates"]
    assert "updated" not in host.post(file_of(587, "a"), dryRun="1").json["data"]


def test_an_update_without_imap_leaves_nothing_of_it_behind(make_host):
    host = make_host()
    pending(host, WIDE + "a@x.com,pw,smtp.x.com,imap.x.com,587,Ann,other\n")
    host.post(
        "email,password,smtphost,imaphost\na@x.com,new,smtp.x.com,\n",
        onDuplicate="update",
        skipConnectionTest="1",
    )
    with host.app.app_context():
        found = host.db.session.scalars(host.db.select(host.extension.models.mailbox)).one()
        assert (found.smtp_password(), found.imap_password()) == ("new", None)
        imap = ("imap_host", "imap_port", "imap_security", "imap_username")
        assert [getattr(found, each) for each in imap] == [None] * 4
        # The file has no such column, and says nothing of it.
        assert found.display_name == "Ann"


def test_an_update_with_imap_brings_its_password_too(make_host):
    host = make_host()
    pending(host, "email,password,smtphost,imaphost\na@x.com,old,smtp.x.com,\n")
    line = "a@x.com,new,smtp.x.com,imap.x.com,587,Bob,other\n"
    host.post(WIDE + line, onDuplicate="update", skipConnectionTest="1")
    with host.app.app_context():
        found = host.db.session.scalars(host.db.select(host.extension.models.mailbox)).one()
        assert (found.smtp_password(), found.imap_password()) == ("new", "other")
        assert (found.imap_host, found.display_name) == ("imap.x.com", "Bob")


@pytest.mark.parametrize("runner", ["inline", "thread"])
def test_pending_mailboxes_are_tested_and_those_that_pass_are_active(
    make_host, mail_server, runner, gate
):
    assert gate.came == 0
    server = mail_server(accounts={"a@x.com": "pw", "c@x.com": "pw"})
    host = make_host(server.port, RUNNER=runner)
    first = pending(host, file_of(server.port, "a", "b"), tag="one")
    pending(host, file_of(server.port, "c", password="no"), tag="two")
    host.post(file_of(server.port, "c"), onDuplicate="update")
    server.sessions.clear()
    before = {each.email: each.created_at for each in host.mailboxes()}
    answer = call(host, "POST", TEST)
    assert answer.status_code == 202
    import_id = answer.json["data"]["id"]
    assert answer.headers["Location"] == f"/v1/mailboxes/imports/{import_id}"
    done = ended(host, import_id)
    assert (done["imported"], done["failed"], done["updated"]) == (1, 1, 1)
    assert (done["errors"][0]["email"], done["errors"][0]["code"]) == ("b@x.com", "bad_credentials")
    assert sorted(server.logins) == [("a@x.com", "pw"), ("b@x.com", "pw")]
    found = saved(host)
    assert found["a@x.com"] == ("pw", "active", "one", first)
    assert found["b@x.com"] == ("pw", "pending", "one", first)
    assert {each.email: each.created_at for each in host.mailboxes()} == before
    assert [each["mailboxStatus"] for each in rows_of(host, import_id)] == ["active", None]
    # Nothing was added by it.
    assert delete(host, import_id, query="?mailboxes=1").status_code == 204
    assert saved(host) == found


def test_where_none_is_pending_there_is_nothing_to_do(make_host):
    host = make_host(RUNNER="thread")
    pending(host, file_of(587, "a"))
    answer = call(host, "POST", TEST, key=host.create_key("w2"))
    assert (answer.status_code, answer.json["reason"]) == (400, "no_rows")
    assert call(host, "GET", key=host.create_key("w2")).json["data"] == []


def test_a_mailbox_that_is_removed_meanwhile_does_not_come_back(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread")
    first = pending(host, file_of(server.port, "a"))
    import_id = call(host, "POST", TEST).json["data"]["id"]
    wait_for(lambda: gate.came)
    delete(host, first, query="?mailboxes=1")
    gate.open()
    done = ended(host, import_id)
    assert (done["failed"], done["errors"][0]["code"]) == (1, "internal")
    assert host.mailboxes() == []


def test_a_corrected_password_that_passes_is_the_one_that_is_saved(
    make_host, mail_server, imap_server
):
    accounts = {"a@x.com": "right"}
    server, reader = mail_server(accounts=accounts), imap_server(accounts=accounts)
    host = make_host(server.port, reader.port, TEST_IMAP=True)
    columns = "email,password,smtphost,imaphost,smtpport,imapport,imapsecure\n"
    line = f"a@x.com,wrong,localhost,localhost,{server.port},{reader.port},false\n"
    first = pending(host, columns + line, tag="one")
    import_id = call(host, "POST", TEST).json["data"]["id"]
    assert look(host, import_id)["failed"] == 1
    retry(host, import_id, {"corrections": {"1": {"password": "right"}}})
    assert look(host, import_id)["imported"] == 1
    assert saved(host) == {"a@x.com": ("right", "active", "one", first)}
    with host.app.app_context():
        found = host.db.session.scalars(host.db.select(host.extension.models.mailbox)).one()
        assert found.imap_password() == "right"


def test_a_pending_mailbox_keeps_its_two_passwords(make_host, mail_server, imap_server):
    server, reader = mail_server(), imap_server()
    host = make_host(server.port, reader.port, TEST_IMAP=True)
    columns = "email,password,smtphost,imaphost,smtpport,imapport,imapsecure,imappassword\n"
    lines = [
        f"{name}@x.com,send,localhost,localhost,{server.port},{reader.port},false,{read}\n"
        for name, read in (("a", "read"), ("b", ""))
    ]
    pending(host, columns + "".join(lines))
    import_id = call(host, "POST", TEST).json["data"]["id"]
    assert look(host, import_id)["imported"] == 2, look(host, import_id)
    with host.app.app_context():
        found = host.db.session.scalars(host.db.select(host.extension.models.mailbox)).all()
        passwords = [(each.smtp_password(), each.imap_password()) for each in found]
    assert passwords == [("send", "read"), ("send", "send")]
    assert sorted(reader.logins) == [("a@x.com", "read"), ("b@x.com", "send")]


def test_refused_logins_of_pending_mailboxes_count(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=1)
    pending(host, file_of(server.port, "a"))
    assert call(host, "POST", TEST).status_code == 202
    before = call(host, "GET").json["data"]
    assert call(host, "POST", TEST).status_code == 429
    assert call(host, "GET").json["data"] == before
    age(host, timedelta(hours=1, minutes=1))
    assert call(host, "POST", TEST).status_code == 202
    assert len(server.logins) == 2


def test_an_update_by_a_runner_is_told_by_the_import(make_host, gate):
    assert gate.came == 0
    host = make_host(RUNNER="thread")
    pending(host, file_of(587, "a"))
    csv = file_of(587, "a", "b")
    import_id = sent(host, csv, onDuplicate="update", skipConnectionTest="1")
    done = ended(host, import_id)
    assert (done["imported"], done["updated"]) == (2, 1)
