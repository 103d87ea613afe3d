"""Files that are not in Unicode: never guessed, asked about; on the page, by call, by command."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest
from checking import read
from sqlalchemy import update

from flask_mailbox_import.config import Config
from flask_mailbox_import.core.encodings import ENCODINGS, encoding_named
from flask_mailbox_import.core.errors import FileError, UnclearFile
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.reading.question import encoding_choices
from flask_mailbox_import.storage.models import now

CONFIG = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]})
TEXT = (
    "email,password,smtphost,imaphost,displayname\n"
    "zoe@x.test,Grö\u00dfe#CANARY,smtp.x.test,imap.x.test,Zoë Müller\n"
    "b@x.test,pw,smtp.x.test,,François\n"
)
WINDOWS = TEXT.encode("cp1252")


def fault(data: bytes, encoding: str | None = None) -> UnclearFile:
    with pytest.raises(UnclearFile) as caught:
        read(data, CONFIG, encoding=encoding)
    return caught.value


def test_a_file_that_is_not_in_unicode_is_not_read_but_asked_about():
    found = fault(WINDOWS)
    assert found.details["guess"] == "windows-1252"
    assert found.details["line"] == 2
    assert found.details["samples"] == [
        {"row": 2, "column": "displayname", "text": "Zoë Müller"},
        {"row": 3, "column": "displayname", "text": "François"},
        {"row": 2, "column": "password", "text": "ßö"},
    ]
    assert "give windows-1252 as its encoding. If not, save the file" in found.message
    assert {"windows-1252", "macintosh"} <= set(found.details["encodings"])
    assert "CANARY" not in f"{found} {found.details}"


@pytest.mark.parametrize(
    ("codec", "name"), [("cp1252", "Müller"), ("mac_roman", "Müller"), ("cp1251", "Анна Иванова")]
)
def test_the_guess_reads_the_file_as_it_was_written(codec, name):
    data = TEXT.replace("Zoë Müller", name).replace("Größe", "x").replace("ç", "c").encode(codec)
    rows = read(data, CONFIG, encoding=fault(data).details["guess"]).rows
    assert rows[0].mailbox.display_name == name


def test_letters_that_stand_in_a_header_or_in_a_password_alone_are_shown_so():
    header = TEXT.replace("displayname", "Größe").encode("cp1252")
    assert "Größe" in [each["text"] for each in fault(header).details["samples"]]
    alone = TEXT.replace("Zoë Müller", "Zo").replace("François", "F").encode("cp1252")
    assert [each["text"] for each in fault(alone).details["samples"]] == ["ßö"]


def test_a_host_before_the_password_does_not_show_that_nothing_has_moved():
    header = "smtphost,smtpport,email,password,displayname,imaphost\n"
    line = "smtp.x.test,587,a@x.test,pa,Größe#CANARY,Bob,imap.x.test\n"
    found = fault((header + line).encode("cp1252"))
    assert "CANARY" not in f"{found} {found.details}"


def test_of_a_row_whose_cells_have_moved_only_letters_are_shown():
    data = TEXT.replace("b@x.test,pw,", "b@x.test,Pä,CANARÝ,").encode("cp1252")
    shown = [each["text"] for each in fault(data).details["samples"]]
    assert "CANAR" not in "".join(shown)
    assert "Zoë Müller" in shown


def choices_of(data: bytes) -> list[tuple[str, tuple[str, ...]]]:
    found = encoding_choices(data, CONFIG, {})
    return [(each.name, tuple(sample.text for sample in each.samples)) for each in found]


def test_the_samples_tell_the_encodings_apart_by_a_letter_of_any_row():
    names = ("Müller", "Jäger", "Köhler", "Größe", "Weiß")
    rows = [f"{each[0].lower()}@x.test,pw,h.x.test,,{each}\n" for each in names]
    text = TEXT.splitlines(keepends=True)[0] + "".join(rows) + "z@x.test,pa€ss,h.x.test,,Z\n"
    choices = dict(choices_of(text.encode("iso8859_15")))
    assert any("€" in sample for sample in choices["iso-8859-15"])
    assert len(set(choices.values())) == len(choices)
    assert not any("pa" in sample for samples in choices.values() for sample in samples)


@pytest.mark.parametrize(
    "name", ["Müller\u00a0GmbH", "« Société »", "Müller\nGmbH", "Mül\u00adler"]
)
def test_letters_that_cannot_be_seen_take_no_encoding_away(name):
    name = name.replace("« ", "«\u00a0")
    data = TEXT.replace("Zoë Müller", f'"{name}"').encode("cp1252")
    assert "windows-1252" in dict(choices_of(data))


@pytest.mark.parametrize("name", [name for name, *_ in ENCODINGS])
def test_every_encoding_that_is_offered_can_be_asked_for(name):
    codec = next(codec for each, codec, _ in ENCODINGS if each == name)
    letters = "".join(map(chr, range(0xA1, 0xE50))).encode(codec, "ignore").decode(codec)
    word = next(each for each in letters if each.isalpha() and not each.isascii())
    text = TEXT.replace("Größe", word).replace("Zoë Müller", "Z").replace("ç", "c")
    rows = read(text.encode(codec), CONFIG, encoding=name).rows
    assert rows[0].mailbox.smtp.password.reveal() == f"{word}#CANARY"


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *(("cp1252", "windows-1252"), ("latin-1", "windows-1252"), ("ISO_8859-1", "windows-1252")),
        *(("MacRoman", "macintosh"), ("utf8", "utf-8"), ("SJIS", "shift_jis")),
        ("gbk", "gb18030"),
    ],
)
def test_an_encoding_by_its_other_names(alias, name):
    assert encoding_named(alias) == name


def test_an_encoding_that_does_not_fit_is_refused():
    with pytest.raises(FileError) as caught:
        read(b"\x81" + WINDOWS, CONFIG, encoding="windows-1252")
    assert caught.value.reason == "unreadable_encoding"
    assert "guess" not in caught.value.details


def test_a_byte_order_mark_decides_whatever_is_asked_for():
    rows = read(TEXT.encode("utf-8-sig"), CONFIG, encoding="windows-1252").rows
    assert rows[0].mailbox.display_name == "Zoë Müller"


def test_the_call_answers_with_the_guess_and_takes_it(make_host):
    host = make_host()
    answer = host.post(WINDOWS, dryRun="true")
    assert (answer.status_code, answer.json["reason"]) == (400, "unreadable_encoding")
    assert "Zoë Müller" in answer.json["message"]
    guess = answer.json["details"]["guess"]
    answer = host.post(WINDOWS, skipConnectionTest="true", encoding=guess)
    assert answer.json["data"]["imported"] == 2
    assert {each.clear for each in host.mailboxes()} == {"Größe#CANARY", "pw"}


def test_the_command_takes_an_encoding_and_columns(make_host, tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(WINDOWS.replace(b"displayname", b"Rufname"))
    command = ["run", str(path), "--workspace", "w1", "--skip-connection-test"]
    host = make_host()
    assert host.run(*command).exit_code == 2
    assert host.run(*command, "--encoding", "klingon").exit_code == 2
    assert host.run(*command, "--encoding", "latin1", "--column", "nope").exit_code == 2
    found = host.run(*command, "--encoding", "latin1", "--column", "Rufname=displayname")
    assert found.exit_code == 0
    assert {each.display_name for each in host.mailboxes()} == {"Zoë Müller", "François"}


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
    address = upload(client, WINDOWS, tag="spring").location
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
    address = upload(client, WINDOWS).location
    (kept,) = imports(host)
    assert b"CANARY" not in kept.sealed_file
    client.post(address, data={"encoding": "windows-1252"})
    (read,) = imports(host)
    assert (read.sealed_file, read.file_expires_at) == (None, None)


def test_a_wrong_answer_is_told_and_asked_again(client):
    address = upload(client, WINDOWS).location
    asked = "Choose the line"
    for encoding, words in (("", asked), ("klingon", asked), ("utf-8", "not utf-8")):
        answer = client.post(address, data={"encoding": encoding})
        assert answer.status_code == 422
        assert words in answer.text
        assert "Zoë Müller" in answer.text


def test_an_answer_from_a_second_tab_starts_nothing(host, client):
    address = upload(client, WINDOWS).location
    for encoding in ("windows-1252", "macintosh"):
        assert client.post(address, data={"encoding": encoding}).location == address
    assert "Test and import 2 mailboxes" in client.get(address).text
    assert [each.status for each in host.rows()] == ["ready", "ready"]


def test_a_file_that_waits_is_not_run_and_is_nobody_elses(host, client):
    address = upload(client, WINDOWS).location
    import_id = address.split("/")[-2]
    assert client.get(f"/mailboxes/import/{import_id}").location == address
    assert host.run("continue", import_id).exit_code == 1
    host.extension.workspace_loader(lambda: "w2")
    assert client.get(address).status_code == 404
    assert client.post(address, data={"encoding": "macintosh"}).status_code == 404
    assert [each.sealed_file is None for each in imports(host)] == [False]


def test_a_file_that_nobody_answers_for_is_erased(host, client):
    address = upload(client, WINDOWS).location
    with host.app.app_context():
        model = host.extension.models.import_
        old = now() - timedelta(seconds=1)
        host.db.session.execute(update(model).values(file_expires_at=old))
        host.db.session.commit()
    assert "This file waited too long to be read" in client.get(address).text
    assert client.post(address).status_code == 200
    assert [each.sealed_file for each in imports(host)] == [None]


def test_what_else_is_wrong_with_a_file_is_told_before_its_letters_are_asked_about(client):
    answer = upload(client, WINDOWS.replace(b"imaphost", b"nothing"))
    assert answer.status_code == 422
    assert "no column imaphost" in answer.text


def test_a_mapping_given_at_the_upload_is_kept_for_the_answer(client):
    data = WINDOWS.replace(b"displayname", b"Rufname")
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
