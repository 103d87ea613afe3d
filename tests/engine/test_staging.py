"""Failed rows once more: as they are, or corrected."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from database_contents import age, change, status_of
from import_calls import call, ended, look, retry, rows_of, sent
from mailbox_files import Header, file_of, row
from sqlalchemy import event
from waiting import wait_for

from flask_mailbox_import import ImportNotRunnable

pytestmark = pytest.mark.usefixtures("gate")

BUSY = b"454 4.7.0 Temporary authentication failure\r\n"

#: Bodies of which it is not clear what is meant.
ODD = [
    {"rows": [2]},
    {"rows": [3, 7]},
    {"rows": [1]},
    {"rows": ["3"]},
    {"rows": [True]},
    {"rows": 3},
    {"rows": [3.0]},
    {"rows": [6]},
    {"rows": [-3]},
    {"row": [3]},
    [3],
    "3",
    {"corrections": {"3": {"smtp host": "x"}}},
    {"corrections": {"3": {"tag": "x"}}},
    {"corrections": {"3": "x"}},
    {"corrections": {"3": {"smtpport": 5.5}}},
    {"corrections": {"3": {"smtpport": None}}},
    {"corrections": {"3": {}, "03": {}}},
    {"corrections": {"three": {}}},
    {"corrections": {"9999999999": {}}},
    {"corrections": {"3": {"smtphost": "\ud800"}}},
    {"corrections": {"6": {"smtphost": "localhost"}}},
    {"changes": {}},
    {"changes": [{}]},
    {"changes": [{"where": {"code": "bad_credentials"}}]},
    {"changes": [{"where": {}, "set": {}}]},
    {"changes": [{"where": {"code": "bad"}, "set": {}}]},
    {"changes": [{"where": {"code": 3}, "set": {}}]},
    {"changes": [{"where": {"smtphost": 3}, "set": {}}]},
    {"changes": [{"where": {"smtpport": "x"}, "set": {}}]},
    {"changes": [{"where": {"smtpport": True}, "set": {}}]},
    {"changes": [{"where": {"smtpport": ""}, "set": {}}]},
    {"changes": [{"where": {"smtpport": []}, "set": {}}]},
    {"changes": [{"where": {"code": None}, "set": {}}]},
    {"changes": [{"where": {"code": [], "smtphost": "x"}, "set": {}}]},
    {"changes": [{"where": {"email": "no@x.com"}, "set": {}}]},
    {"changes": [{"where": {"code": "bad_credentials"}, "set": {"smtp host": "x"}}]},
    {"changes": [{"where": {"code": "bad_credentials"}, "set": {"smtpport": 5.5}}]},
    {"changes": [{"where": {"code": "bad_credentials"}, "set": {}, "or": {}}]},
    {"changes": [{"where": {"code": "dns_failure"}, "set": {}}]},
    {"changes": [{"where": {"code": "bad_credentials", "smtphost": "x.com"}, "set": {}}]},
]


@pytest.fixture
def server(mail_server):
    """Know one right password, and no one called ``busy`` today."""

    def reply(session) -> bytes:
        user, password = session.logins[-1]
        if user.startswith("busy"):
            return BUSY
        return b"235 2.7.0 ok\r\n" if password == "pw" else b"535 5.7.8 no\r\n"

    return mail_server(replies={"AUTH": reply})


@pytest.fixture(params=["inline", pytest.param("thread", marks=pytest.mark.slow)])
def host(request, make_host, server):
    return make_host(server.port, RUNNER=request.param, RETRIES=0)


def failed(host) -> list[tuple[int, str]]:
    """Post a file of which the first row passes; return the import's id."""
    (port,) = host.app.config["MAILBOX_IMPORT_ALLOWED_PORTS"][6:]
    csv = file_of(port, "ok") + row("no@x.com", "bad", port) + row("busy@x.com", "pw", port)
    csv += row("odd@x.com", "pw", 99) + "shifted@x.com,pw,localhost,,587,false,more\n"
    data = host.post(csv).json["data"]
    assert [each["code"] for each in data["errors"]] == [
        *("bad_credentials", "temporary_failure", "port_not_allowed", "wrong_column_count"),
    ]
    return data["importId"]


def codes(host, import_id: str) -> dict[int, str | None]:
    return {each["row"]: each["code"] for each in rows_of(host, import_id)}


def test_by_itself_what_may_pass_in_a_while_is_tested_again_and_nothing_else(host, server):
    import_id = failed(host)
    assert [each["row"] for each in rows_of(host, import_id) if each["retryable"]] == [4]
    server.replies.pop("AUTH")
    server.sessions.clear()
    for body in ({}, None, {"rows": []}, {"rows": None, "corrections": None}):
        answer = retry(host, import_id, body)
        assert answer.status_code == 202, answer.text
        ended(host, import_id)
    assert server.logins == [("busy@x.com", "pw")]
    assert codes(host, import_id) == {
        2: None,
        3: "bad_credentials",
        4: None,
        5: "port_not_allowed",
        6: "wrong_column_count",
    }
    assert look(host, import_id)["imported"] == 2


def test_rows_that_are_named_are_tested_again_and_corrected(host, server):
    import_id = failed(host)
    server.sessions.clear()
    answer = retry(
        host,
        import_id,
        {
            "rows": [3],
            "corrections": {
                "3": {"password": "pw", "displayname": "N. O."},
                "5": {"smtpport": server.port, "smtpsecure": False, "password": ""},
            },
        },
    )
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/mailboxes/imports/{import_id}"
    assert ended(host, import_id)["imported"] == 3
    assert sorted(server.logins) == [("no@x.com", "pw"), ("odd@x.com", "pw")]
    names = {each.email: each.display_name for each in host.mailboxes()}
    assert names == {"ok@x.com": "", "no@x.com": "N. O.", "odd@x.com": ""}
    assert codes(host, import_id)[3] is None


def test_a_correction_that_is_wrong_fails_its_row_at_once(host, server):
    import_id = failed(host)
    server.sessions.clear()
    answer = retry(host, import_id, {"corrections": {"3": {"smtphost": "no host", "password": ""}}})
    assert (answer.status_code, answer.json["data"]["status"]) == (202, "finished")
    (error,) = [each for each in answer.json["data"]["errors"] if each["row"] == 3]
    assert (error["code"], error["smtp"]) == ("invalid_host", None)
    assert server.sessions == []
    # What was given first is still there.
    retry(host, import_id, {"corrections": {"3": {"smtphost": "localhost"}}})
    assert ended(host, import_id)["failed"] == 4
    assert server.logins == [("no@x.com", "bad")]


def test_a_change_corrects_every_row_that_matches_and_no_other(host, server):
    import_id = failed(host)
    server.sessions.clear()
    right = {"password": "pw", "displayname": "All"}
    changes = [
        {"where": {"smtphost": "LocalHost", "smtpport": server.port}, "set": right},
        {"where": {"code": "bad_credentials"}, "set": {"displayname": "No"}},
        {"where": {"code": "port_not_allowed", "smtpport": "99"}, "set": {}},
    ]
    own = {"4": {"displayname": "Own"}}
    answer = retry(host, import_id, {"changes": changes, "corrections": own})
    assert answer.status_code == 202, answer.text
    ended(host, import_id)
    # What our own pace may have caused is tried again.
    assert set(server.logins) == {("busy@x.com", "pw"), ("no@x.com", "pw")}
    assert codes(host, import_id) == {
        2: None,
        3: None,
        4: "temporary_failure",
        5: "port_not_allowed",
        6: "wrong_column_count",
    }
    server.replies.pop("AUTH")
    change_all = [{"where": {"code": "temporary_failure"}, "set": {}}]
    assert retry(host, import_id, {"changes": change_all}).status_code == 202
    ended(host, import_id)
    names = {each.email: each.display_name for each in host.mailboxes()}
    assert names == {"ok@x.com": "", "no@x.com": "No", "busy@x.com": "Own"}


def test_a_change_of_many_rows_takes_few_statements(make_host, server):
    host = make_host(server.port, RUNNER="inline", MAX_ROWS=1200)
    csv = Header + "".join(row(f"m{number}@x.com", "pw", 99) for number in range(1200))
    import_id = host.post(csv).json["data"]["importId"]
    heard: list[str] = []
    with host.app.app_context():
        engine = host.db.engine
    event.listen(engine, "before_cursor_execute", lambda *heard_of: heard.append(heard_of[2]))
    mend = {"smtphost": "no host", "smtpport": 587}
    change_all = [{"where": {"code": "port_not_allowed"}, "set": mend}]
    assert retry(host, import_id, {"changes": change_all}).status_code == 202
    assert sum(each.startswith("UPDATE mailbox_import_row") for each in heard) == 3
    assert len(heard) < 40
    assert set(codes(host, import_id).values()) == {"invalid_host"}


def test_a_correction_may_make_a_row_a_double(host, server):
    import_id = failed(host)
    server.sessions.clear()
    corrections = {"3": {"email": "ok@x.com"}, "4": {"email": "new@x.com"}}
    corrections["5"] = {**corrections["4"], "smtpport": str(server.port)}
    retry(host, import_id, {"corrections": corrections})
    done = ended(host, import_id)
    assert (done["imported"], done["skipped"], done["failed"]) == (2, 2, 1)
    assert codes(host, import_id) == {
        2: None,
        3: "duplicate",
        4: None,
        5: "duplicate_in_file",
        6: "wrong_column_count",
    }
    assert [each.email for each in host.mailboxes()] == ["ok@x.com", "new@x.com"]


def test_what_cannot_be_meant_changes_nothing(idle):
    host, import_id, before = idle
    key = host.create_key()
    texts = ["{", "nul", '{"rows": [3], "rows": [4]}', "[" * 100_000, "\xff"]
    for text in [json.dumps(each) for each in ODD] + texts:
        data = text.encode("latin-1")
        answer = call(host, "POST", f"/{import_id}/retry", key=key, data=data)
        assert (answer.status_code, answer.json["reason"]) == (400, "invalid_field"), text[:80]
    assert call(host, "POST", f"/{import_id}/retry", data=b" " * 600_000).status_code == 413
    assert look(host, import_id) == before


@pytest.fixture
def idle(make_host, server):
    host = make_host(server.port, RUNNER="thread", RETRIES=0)
    import_id = failed(host)
    return host, import_id, look(host, import_id)


def test_shifted_cells_are_not_tested_as_they_are_but_may_be_given_anew(idle, server):
    host, import_id, _ = idle
    given = {"password": "pw", "smtphost": "localhost", "smtpport": server.port}
    assert retry(host, import_id, {"corrections": {"6": given}}).status_code == 202
    ended(host, import_id)
    assert server.logins[-1] == ("shifted@x.com", "pw")
    assert codes(host, import_id)[6] is None


def test_of_what_is_erased_the_password_is_to_be_given_again(idle, server):
    host, import_id, _ = idle
    age(host, timedelta(hours=24, minutes=1))
    assert host.run("purge").exit_code == 0
    assert not any(each["retryable"] for each in rows_of(host, import_id))
    count = len(server.sessions)
    assert retry(host, import_id).status_code == 202
    for body in ({"rows": [3]}, {"corrections": {"3": {"smtphost": "localhost"}}}):
        answer = retry(host, import_id, body)
        assert (answer.status_code, answer.json["reason"]) == (400, "invalid_field")
        assert "password" in answer.json["message"]
    # Nothing else is kept either: what is not given is not there.
    retry(host, import_id, {"corrections": {"3": {"password": "pw"}}})
    assert codes(host, import_id)[3] == "missing_credentials"
    assert len(server.sessions) == count
    given = {"password": "pw", "smtphost": "localhost", "smtpport": server.port}
    retry(host, import_id, {"corrections": {"3": given}})
    ended(host, import_id)
    assert server.logins[-1] == ("no@x.com", "pw")


def test_one_that_runs_or_waits_or_was_never_run_is_not_changed(make_host, server, gate):
    server.replies["AUTH"] = gate
    host = make_host(server.port, RUNNER="thread", CONCURRENCY=1)
    csv = Header + row("never@x.com", "pw", 99) + row("a@x.com", "pw", server.port)
    import_id = sent(host, csv)
    wait_for(lambda: gate.came)
    answer = retry(host, import_id, {"rows": [2]})
    assert (answer.status_code, answer.json["reason"]) == (409, "import_running")
    gate.open()
    ended(host, import_id)
    for status in ("queued", "checked"):
        change(host, import_id, status=status)
        assert retry(host, import_id, {"rows": [2]}).status_code == 409
        # Nor where it has been so since it was looked at.
        with host.app.app_context(), pytest.raises(ImportNotRunnable):
            host.store().put_back(import_id, "w1", {})
        assert status_of(host, import_id) == status
    change(host, import_id, status="finished")
