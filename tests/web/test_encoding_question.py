"""A file that is not in Unicode: the call answers with a guess, the page asks and keeps it."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest
from mailbox_files import ACCENTED_FILE
from sqlalchemy import update

from flask_mailbox_import.storage.models import now


def test_the_call_answers_with_the_guess_and_takes_it(make_host):
    host = make_host()
    answer = host.post(ACCENTED_FILE, dryRun="true")
    assert (answer.status_code, answer.json["reason"]) == (400, "unreadable_encoding")
    assert "Zoë Müller" in answer.json["message"]
    guess = answer.json["details"]["guess"]
    answer = host.post(ACCENTED_FILE, skipConnectionTest="true", encoding=guess)
    assert answer.json["data"]["imported"] == 2
    assert {each.clear for each in host.mailboxes()} == {"Größe#CANARY", "pw"}


@pytest.fixture
def host(make_host):
    made = make_host()
    made.app.config["WTF_CSRF_ENABLED"] = False
    made.extension.workspace_loader(lambda: "w1")
    return made


def upload(client, data: bytes, **fields: str):
    file = (io.BytesIO(data), "m.csv")
    return client.post("/mailboxes/import", data={"file": file, **fields})


def test_the_page_shows_the_letters_in_each_encoding_and_asks(host, client):
    address = upload(client, ACCENTED_FILE, tag="spring").location
    page = client.get(address).text
    assert "Which letters look right?" in page
    assert page.index("Zoë Müller") < page.index("ZoÎ M\u00b8ller")
    assert re.search(r'value="windows-1252"[^>]*checked', page, re.S)
    assert "CANARY" not in page
    assert host.rows() == []
    answer = client.post(address, data={"encoding": "windows-1252"})
    assert (answer.status_code, answer.location) == (303, address)
    assert "Test and import 2 mailboxes" in client.get(address).text
    assert [each.tag for each in imports(host)] == ["spring"]


def test_the_file_is_kept_sealed_and_only_until_it_is_read(host, client):
    address = upload(client, ACCENTED_FILE).location
    (kept,) = imports(host)
    assert b"CANARY" not in kept.sealed_file
    client.post(address, data={"encoding": "windows-1252"})
    (read,) = imports(host)
    assert (read.sealed_file, read.file_expires_at) == (None, None)


def test_a_wrong_answer_is_told_and_asked_again(client):
    address = upload(client, ACCENTED_FILE).location
    asked = "Choose the line"
    for encoding, words in (("", asked), ("klingon", asked), ("utf-8", "not utf-8")):
        answer = client.post(address, data={"encoding": encoding})
        assert answer.status_code == 422
        assert words in answer.text
        assert "Zoë Müller" in answer.text


def test_an_answer_from_a_second_tab_starts_nothing(host, client):
    address = upload(client, ACCENTED_FILE).location
    for encoding in ("windows-1252", "macintosh"):
        assert client.post(address, data={"encoding": encoding}).location == address
    assert "Test and import 2 mailboxes" in client.get(address).text
    assert [each.status for each in host.rows()] == ["ready", "ready"]


def test_a_file_that_waits_is_not_run_and_is_nobody_elses(host, client):
    address = upload(client, ACCENTED_FILE).location
    import_id = address.split("/")[-2]
    assert client.get(f"/mailboxes/import/{import_id}").location == address
    assert host.run("continue", import_id).exit_code == 1
    host.extension.workspace_loader(lambda: "w2")
    assert client.get(address).status_code == 404
    assert client.post(address, data={"encoding": "macintosh"}).status_code == 404
    assert [each.sealed_file is None for each in imports(host)] == [False]


def test_a_file_that_nobody_answers_for_is_erased(host, client):
    address = upload(client, ACCENTED_FILE).location
    with host.app.app_context():
        model = host.extension.models.import_
        old = now() - timedelta(seconds=1)
        host.db.session.execute(update(model).values(file_expires_at=old))
        host.db.session.commit()
    assert "This file waited too long to be read" in client.get(address).text
    assert client.post(address).status_code == 200
    assert [each.sealed_file for each in imports(host)] == [None]


def test_what_else_is_wrong_with_a_file_is_told_before_its_letters_are_asked_about(client):
    answer = upload(client, ACCENTED_FILE.replace(b"imaphost", b"nothing"))
    assert answer.status_code == 422
    assert "no column imaphost" in answer.text


def test_a_mapping_given_at_the_upload_is_kept_for_the_answer(client):
    data = ACCENTED_FILE.replace(b"displayname", b"Rufname")
    address = upload(client, data, columnMapping=json.dumps({"Rufname": "displayname"})).location
    client.post(address, data={"encoding": "windows-1252"})
    client.get(address)
    assert "Not used" not in client.get(address).text


def imports(host) -> list:
    with host.app.app_context():
        model = host.extension.models.import_
        found = host.db.session.scalars(host.db.select(model)).all()
        for each in found:
            each.sealed_file  # noqa: B018 (deferred: loaded here)
        host.db.session.expunge_all()
        return found
