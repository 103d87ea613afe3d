"""The same on SQLite, PostgreSQL and MariaDB: what is stored, found again, kept apart, erased."""

from __future__ import annotations

import csv
import io
import time
from datetime import timedelta

import pytest
from databases import fresh_database
from file_reading import options
from mailbox_files import Header, row

from flask_mailbox_import import ImportNotFound, ImportNotRunnable
from flask_mailbox_import.core.imports import ImportStatus
from flask_mailbox_import.web.report import report_csv

pytestmark = pytest.mark.slow

COLUMNS = "email,password,smtphost,imaphost,smtpport,displayname\n"
#: Taken for one another by collations that look at letters alone, or drop spaces at the end.
WORKSPACES = ("acmess", "ACMESS", "acméss", "acme\u0301ss", "acmeß")
REPLIES = {
    "a@x.com": b"235 ok\r\n",
    "b@x.com": "535 没有 🦄\r\n".encode(),
    "c@x.com": b"235 ok\r\n",
}


@pytest.fixture
def host(make_host, database):
    return make_host(database=database)


def stage(host, lines: str, *, ask: bool = False, **given: object) -> str:
    """Keep a file whose logins are not to be tested."""
    file = io.BytesIO((COLUMNS + lines).encode("cp1252"))
    with host.app.app_context():
        return host.extension.importer.stage_file(
            file, options(**{"skip_connection_test": True, **given}), ask=ask
        )


def untested(count: int) -> str:
    """Return the lines of mailboxes whose passwords all differ."""
    return "".join(f"{email},{pw},smtp.x.com,,,\n" for email, pw in passwords(count).items())


def passwords(count: int) -> dict[str, str]:
    return {f"u{each}@x.com": f"pw {each}" for each in range(count)}


def test_an_import_from_file_to_report(make_host, database, mail_server):
    server = mail_server(accounts={"a@x.com": "right", "c@x.com": "pässwörd 密码"})
    host = make_host(server.port, database=database)
    lines = [
        f"a@x.com,right,localhost,,{server.port},Zoë 株式会社 🦄\n",
        f"b@x.com,wrong,localhost,,{server.port},\n",
        f"A@X.com,right,localhost,,{server.port},\n",
        f"c@x.com,pässwörd 密码,localhost,,{server.port},👩🏽\n",
        f"no🦄address,pw,localhost,,{server.port},\n",
    ]
    first = host.post(COLUMNS + "".join(lines), tag="Größe 🏷").json["data"]
    assert (first["imported"], first["skipped"], first["failed"]) == (2, 1, 2)
    assert [(each["row"], each["email"], each["code"]) for each in first["errors"]] == [
        (3, "b@x.com", "bad_credentials"),
        (6, "no🦄address", "invalid_email"),
    ]
    assert [
        (each.email, each.display_name, each.tag, each.clear, each.status)
        for each in sorted(host.mailboxes(), key=lambda each: each.email)
    ] == [
        ("a@x.com", "Zoë 株式会社 🦄", "Größe 🏷", "right", "active"),
        ("c@x.com", "👩🏽", "Größe 🏷", "pässwörd 密码", "active"),
    ]
    with host.app.app_context():
        importer = host.extension.importer
        summary = importer.summary(first["importId"], workspace_id="w1")
        rows = importer.rows(first["importId"], workspace_id="w1", limit=None)
        report = report_csv(rows.items).decode("utf-8-sig")
    assert (summary.status, summary.imported, summary.ready) == (ImportStatus.FINISHED, 2, 0)
    assert [(each.row, each.failure.code.value) for each in summary.skips] == [
        (4, "duplicate_in_file")
    ]
    assert [each[:3] for each in csv.reader(io.StringIO(report))][1:] == [
        ["2", "a@x.com", "imported"],
        ["3", "b@x.com", "failed"],
        ["4", "A@X.com", "skipped"],
        ["5", "c@x.com", "imported"],
        ["6", "no🦄address", "failed"],
    ]
    again = host.post(COLUMNS + lines[0] + lines[3]).json["data"]
    assert (again["imported"], again["skipped"], again["failed"]) == (0, 2, 0)
    assert len(server.logins) == 3


def test_a_file_is_kept_until_its_encoding_is_named(host):
    import_id = stage(host, "a@x.com,pw,smtp.x.com,,,Zoë Größe\n", ask=True)
    with host.app.app_context():
        importer = host.extension.importer
        assert importer.summary(import_id, workspace_id="w1").asks
        with pytest.raises(ImportNotRunnable):
            importer.continue_import(import_id)
        importer.read_as(import_id, "windows-1252", workspace_id="w1")
        assert importer.continue_import(import_id).imported == 1
    assert [each.display_name for each in host.mailboxes()] == ["Zoë Größe"]


def test_what_expired_is_erased_and_nothing_else(host):
    old, young, kept = (stage(host, untested(2)) for _ in range(3))
    file = stage(host, "a@x.com,pw,smtp.x.com,,,Zoë\n", ask=True)
    with host.app.app_context():
        models, session = host.extension.models, host.db.session
        for each in session.scalars(host.db.select(models.row).filter_by(import_id=old)):
            each.record_expires_at -= timedelta(hours=24, seconds=2)
        session.get(models.import_, file).file_expires_at -= timedelta(hours=24, seconds=2)
        session.commit()
        # Two rows, and the file.
        assert host.extension.importer.erase_expired() == 3
        assert host.extension.importer.continue_import(young).imported == 2
        summary = host.extension.importer.summary(file, workspace_id="w1")
    assert not summary.asks
    assert summary.rows == 0
    assert {each.import_id for each in host.rows() if each.sealed_record} == {kept}


@pytest.mark.parametrize("status", ["queued", "running"])
def test_what_waits_for_its_run_does_not_expire(host, status):
    import_id = stage(host, untested(2))
    with host.app.app_context():
        models, session = host.extension.models, host.db.session
        for each in session.scalars(host.db.select(models.row).filter_by(import_id=import_id)):
            each.record_expires_at -= timedelta(hours=48)
        found = session.get(models.import_, import_id)
        found.status, found.beat = status, int(time.time())
        session.commit()
        assert host.extension.importer.erase_expired() == 0
        if status == "running":
            found.beat = 0
            session.commit()
        assert host.extension.importer.continue_import(import_id).imported == 2


def test_keys_are_found_listed_and_revoked(host):
    keys = [host.create_key("w1"), host.create_key("w1", "größe 🦄", platform=True)]
    line = COLUMNS + untested(1)
    assert [host.post(line, each, dryRun="1").status_code for each in keys] == [200, 400]
    with host.app.app_context():
        api_keys = host.app.extensions["mailbox_import"].api_keys
        first, second = api_keys.list_valid()
        assert (first.workspace_ids, second.workspace_ids) == (("w1",), ("w1", "größe 🦄"))
        assert api_keys.revoke(first.id)
        assert not api_keys.revoke(first.id)
        assert api_keys.list_valid() == [second]
    assert host.post(line, keys[0], dryRun="1").status_code == 401


def test_workspaces_whose_names_look_alike_stay_apart(host):
    ids = {}
    for each in WORKSPACES:
        data = host.post(COLUMNS + untested(1), host.create_key(each), skipConnectionTest="1").json[
            "data"
        ]
        assert (data["imported"], data["skipped"]) == (1, 0), each
        ids[each] = data["importId"]
    assert [len(host.mailboxes(each)) for each in WORKSPACES] == [1] * len(WORKSPACES)
    with host.app.app_context():
        importer = host.extension.importer
        # No import has such an id, but MySQL takes the space at its end for none.
        for each in (*WORKSPACES[1:], "acmess "):
            with pytest.raises(ImportNotFound):
                importer.summary(ids["acmess"], workspace_id=each)
            with pytest.raises(ImportNotFound):
                importer.rows(ids["acmess"], workspace_id=each)
        with pytest.raises(ValueError, match="extra spaces"):
            importer.run_file(io.BytesIO(b""), workspace_id="acmess ")


def test_an_interrupted_import_is_continued(host):
    def interrupt(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    import_id = stage(host, untested(120))
    with host.app.app_context():
        importer = host.extension.importer
        with pytest.raises(KeyboardInterrupt):
            importer.continue_import(import_id, progress=interrupt)
        assert [each.ready for each in importer.unfinished()] == [70]
        assert importer.summary(import_id, workspace_id="w1").status is ImportStatus.INTERRUPTED
        summary = importer.continue_import(import_id)
        assert (summary.imported, summary.ready, summary.failed) == (120, 0, 0)
        assert importer.unfinished() == []
    assert {each.email: each.clear for each in host.mailboxes()} == passwords(120)


def test_five_hundred_rows(host):
    first = host.post(COLUMNS + untested(500), skipConnectionTest="1").json["data"]
    again = host.post(COLUMNS + untested(500), skipConnectionTest="1").json["data"]
    assert (first["imported"], again["skipped"]) == (500, 500)
    assert {each.email: each.clear for each in host.mailboxes()} == passwords(500)


@pytest.fixture
def latin1(tmp_path):
    with fresh_database("mariadb", tmp_path, charset="latin1") as uri:
        yield uri


def test_a_database_of_few_letters_takes_passwords_and_answers_of_many(
    latin1, make_host, mail_server
):
    server = mail_server(
        accounts={"a@x.com": "密码 🦄", "c@x.com": "pw"},
        replies={"AUTH": lambda session: REPLIES[session.logins[-1][0]]},
    )
    host = make_host(server.port, database=latin1)
    csv = Header + "".join(
        row(email, password, server.port)
        for email, password in [("a@x.com", "密码 🦄"), ("b@x.com", "no"), ("c@x.com", "pw")]
    )
    named = row("d🦄", "pw", server.port)
    key = host.create_key("größe 🦄")
    data = host.post(csv + named, key=key, tag="🏷").json["data"]
    assert (data["imported"], data["failed"]) == (2, 2)
    assert data["errors"][0]["reply"] == "535 没有 🦄"
    assert data["errors"][1]["email"] == "d🦄"
    saved = host.mailboxes("größe 🦄")
    assert {each.tag for each in saved} == {"🏷"}
    csv = "displayname,email,password,smtphost,imaphost\n株式会社 🦄,i@例え.jp,pw,smtp.x.com,\n"
    assert host.post(csv, key=key, skipConnectionTest="true").json["data"]["imported"] == 1
    new = host.mailboxes("größe 🦄")[-1]
    assert (new.display_name, new.email) == ("株式会社 🦄", "i@例え.jp")
    assert {each.email: each.clear for each in saved} == {"a@x.com": "密码 🦄", "c@x.com": "pw"}
