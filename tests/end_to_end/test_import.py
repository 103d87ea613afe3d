"""The whole path: a file in, every login tested on a real connection, mailboxes in the database."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from mailbox_files import Header, row

from flask_mailbox_import import SealError

FDS = Path("/proc/self/fd")


def test_good_rows_become_active_and_bad_ones_say_why(make_host, mail_server):
    server = mail_server(accounts={"a@example.com": "right", "c@example.com": "pässwörd"})
    host = make_host(server.port)
    csv = Header + "".join(
        [
            row("a@example.com", "right", server.port),
            row("b@example.com", "wrong", server.port),
            row("c@example.com", "pässwörd", server.port),
            row("A@example.com", "other", server.port),
            "d@example.com,,localhost,,,\n",
        ]
    )
    answer = host.post(csv, tag="  new \t tag ")
    assert answer.status_code == 200
    data = answer.json["data"]
    assert answer.json == {
        "success": True,
        "data": {
            "imported": 2,
            "skipped": 1,
            "failed": 2,
            "errors": [
                {
                    "email": "b@example.com",
                    "error": "Authentication failed. Check username/password.",
                    "row": 3,
                    "code": "bad_credentials",
                    "hint": data["errors"][0]["hint"],
                    "reply": "535 5.7.8 no",
                    "smtphost": "localhost",
                    "smtpport": server.port,
                    "smtp": {
                        "code": "bad_credentials",
                        "error": "Authentication failed. Check username/password.",
                    },
                    "imap": None,
                },
                {
                    "email": "d@example.com",
                    "error": "Missing SMTP host or password",
                    "row": 6,
                    "code": "missing_credentials",
                    "hint": data["errors"][1]["hint"],
                    "reply": "",
                    "smtphost": "localhost",
                    "smtpport": 587,
                    "smtp": None,
                    "imap": None,
                },
            ],
            "importId": data["importId"],
            "warnings": [
                {
                    "row": 5,
                    "column": "password",
                    "code": "other_password",
                    "message": data["warnings"][0]["message"],
                }
            ],
        },
    }
    saved = host.mailboxes()
    assert [(each.email, each.status, each.tag, each.clear) for each in saved] == [
        ("a@example.com", "active", "new tag", "right"),
        ("c@example.com", "active", "new tag", "pässwörd"),
    ]
    assert {each.import_id for each in saved} == {data["importId"]}
    assert sorted(server.logins) == [
        ("a@example.com", "right"),
        ("b@example.com", "wrong"),
        ("c@example.com", "pässwörd"),
    ]


def test_a_second_import_skips_what_is_there_and_tests_nothing(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)
    csv = Header + row("a@example.com", "pw", server.port)
    host.post(csv)
    data = host.post(csv).json["data"]
    assert (data["imported"], data["skipped"], data["failed"], data["errors"]) == (0, 1, 0, [])
    assert len(server.sessions) == 1


def test_another_workspace_has_its_own_mailboxes(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)
    csv = Header + row("a@example.com", "pw", server.port)
    host.post(csv)
    data = host.post(csv, key=host.create_key("w2")).json["data"]
    assert data["imported"] == 1
    assert len(host.mailboxes("w1")) == len(host.mailboxes("w2")) == 1


def test_a_skipped_test_stores_pending_and_opens_no_connection(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)
    csv = Header + row("a@example.com", "pw", server.port)
    assert host.post(csv, skipConnectionTest="true").json["data"]["imported"] == 1
    assert [each.status for each in host.mailboxes()] == ["pending"]
    assert server.sessions == []


def test_a_dry_run_stores_nothing_and_opens_no_connection(make_host, mail_server):
    server = mail_server()
    host = make_host(server.port)
    csv = "email,password,smtphost,imaphost,Notes\n" + "a@example.com,pw,localhost,,x\n,pw,h,,\n"
    data = host.post(csv, dryRun="1").json["data"]
    assert data.pop("warnings") == [
        {
            "row": 1,
            "column": "Notes",
            "code": "unknown_column",
            "message": "The column Notes is not used.",
        }
    ]
    assert "importId" not in data
    assert (data["imported"], data["skipped"], data["failed"]) == (1, 0, 1)
    assert data["dryRun"] is True
    assert host.mailboxes() == host.rows() == server.sessions == []


@pytest.mark.slow
def test_five_hundred_rows_are_one_call_and_501_are_refused_whole(make_host, mail_server):
    server = mail_server(settle_at=20)
    host = make_host(server.port)
    lines = [row(f"u{number}@example.com", "pw", server.port) for number in range(501)]
    refused = host.post(Header + "".join(lines))
    assert refused.status_code == 400
    assert refused.json["reason"] == "too_many_rows"
    assert "501" in refused.json["message"]
    assert "500" in refused.json["message"]
    assert host.rows() == []
    data = host.post(Header + "".join(lines[:500])).json["data"]
    assert (data["imported"], data["failed"]) == (500, 0)
    assert len(host.mailboxes()) == 500
    assert len(server.logins) == 500
    assert server.open_most == 20


def test_the_host_opens_the_passwords_with_one_call_each(make_host):
    host = make_host()
    csv = "email,password,smtphost,imaphost,imappassword,displayname\n"
    csv += "a@x.com,smtp päss,smtp.x.com,imap.x.com,imap pass,Ann A\n"
    csv += "b@x.com,pw,smtp.x.com,,,\n"
    host.post(csv, skipConnectionTest="true")
    with host.app.app_context():
        model = host.extension.models.mailbox
        ann, bob = host.db.session.scalars(host.db.select(model).order_by(model.email))
        assert (ann.smtp_password(), ann.imap_password()) == ("smtp päss", "imap pass")
        assert (bob.smtp_password(), bob.imap_password(), bob.imap_host) == ("pw", None, None)
        assert (ann.display_name, ann.imap_port, ann.imap_security) == ("Ann A", 993, "tls")
        assert "smtp" not in repr(ann)
        ann.sealed_smtp_password, bob.sealed_smtp_password = (
            bob.sealed_smtp_password,
            ann.sealed_smtp_password,
        )
        for moved in (ann, bob):
            with pytest.raises(SealError):
                moved.smtp_password()
        host.db.session.rollback()


def test_rows_with_the_same_login_are_tested_once_and_another_password_is_not_tried(
    make_host, mail_server
):
    server = mail_server(accounts={"shared": "pw"})
    host = make_host(server.port)
    csv = "email,password,smtphost,imaphost,smtpport,smtpusername\n" + "".join(
        f"{email},{password},localhost,,{server.port},shared\n"
        for email, password in [("a@x.com", "pw"), ("b@x.com", "pw"), ("c@x.com", "guess")]
    )
    data = host.post(csv).json["data"]
    assert data["imported"] == 2
    assert [each["code"] for each in data["errors"]] == ["duplicate_login"]
    assert server.logins == [("shared", "pw")]


def test_passwords_of_finished_rows_are_erased_and_failed_ones_expire(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port)
    host.post(Header + row("a@x.com", "pw", server.port) + row("b@x.com", "no", server.port))
    good, bad = host.rows()
    assert good.sealed_record is None
    assert bad.sealed_record is not None
    assert bad.record_expires_at is not None


def test_failed_passwords_are_not_kept_where_the_host_says_so(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, KEEP_FAILED_SECRETS=0)
    host.post(Header + row("b@x.com", "no", server.port) + "c@x.com,pw,,,,\n")
    assert [each.sealed_record for each in host.rows()] == [None, None]


@pytest.mark.slow
def test_temporary_refusals_are_tried_again_and_refused_logins_are_not(make_host, mail_server):
    replies = iter([b"454 4.7.0 try later\r\n"])
    busy = mail_server(replies={"AUTH": lambda _session: next(replies, b"235 ok\r\n")})
    strict = mail_server(accounts={})
    host = make_host(busy.port, strict.port)
    csv = Header + row("a@x.com", "pw", busy.port) + row("b@x.com", "pw", strict.port)
    data = host.post(csv).json["data"]
    assert (data["imported"], data["failed"]) == (1, 1)
    assert len(busy.logins) == 2
    assert len(strict.logins) == 1


@pytest.mark.slow
@pytest.mark.parametrize("implicit", [False, True])
def test_imports_leave_no_descriptor_open(make_host, mail_server, implicit):
    server = mail_server(implicit_tls=implicit)
    host = make_host(server.port, MAX_RUNNING=50)
    secure = str(implicit).lower()

    def one(number: int) -> None:
        csv = Header + row(f"u{number}@x.com", "pw", server.port, secure=secure)
        assert host.post(csv, key=key).json["data"]["imported"] == 1

    key = host.create_key()
    one(0)
    with host.app.app_context():
        host.db.engine.dispose()
    before = len(list(FDS.iterdir()))
    for start in range(1, 51, 10):
        threads = [threading.Thread(target=one, args=(start + each,)) for each in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(server.sessions) == 51
    server.close()
    with host.app.app_context():
        host.db.engine.dispose()
    assert len(list(FDS.iterdir())) <= before
