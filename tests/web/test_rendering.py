"""The words of the pages: in the catalog, a host's own, translated; what a file holds is text."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import jinja2
import pytest
from babel.messages import mofile, pofile
from catalog import CATALOG, catalog
from flask import render_template_string
from flask_babel import Babel
from mailbox_files import ROW, Header, row
from page_imports import UPLOAD, csrf_token, token_of, upload

from flask_mailbox_import.web.rendering import linked


def test_the_catalog_has_every_text_of_the_pages():
    assert CATALOG.read_text("utf-8") == catalog(), "run python tests/support/catalog.py"
    found = {each.id for each in pofile.read_po(io.BytesIO(catalog().encode()))}
    assert "Check file" in found
    assert ("%(count)d mailbox", "%(count)d mailboxes") in found
    assert "Authentication failed. Check username/password." in found


def show(host):
    host.extension.workspace_loader(lambda: "w1")
    return host.app.test_client()


def test_a_host_has_words_of_its_own(make_host):
    host = make_host(texts={"Check file": "Have a look", "%(count)d failed": "%(count)d to mend"})
    client = show(host)
    assert "Have a look</button>" in client.get(UPLOAD).text
    csv = Header + row("b@x.com", "pw", 587, host="x.y.com") + "bad,,,,,\n"
    answer = host.post(csv, skipConnectionTest="1")
    page = client.get(f"{UPLOAD}/{answer.json['data']['importId']}").text
    assert "1 mailbox imported, 1 to mend" in page


def in_german(host, tmp_path, words: dict[str, str | tuple[str, str]], reader=lambda: "de"):
    """Give a host Flask-Babel and a German catalog with these words; return a client of it."""
    folder = tmp_path / "translations" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    german = pofile.read_po(io.BytesIO(catalog().encode()), locale="de")
    for each in german:
        if (one := each.id[0] if isinstance(each.id, tuple) else each.id) in words:
            each.string = words.pop(one)
    assert not words, "not in the catalog"
    with (folder / "mailbox_import.mo").open("wb") as file:
        mofile.write_mo(file, german)
    host.app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path / "translations")
    Babel(host.app, locale_selector=reader)
    return show(host)


def test_a_translation_of_the_hosts(host, tmp_path):
    client = in_german(
        host,
        tmp_path,
        {
            "Check file": "Datei prüfen",
            "Import mailboxes": "Postfächer importieren",
            "Missing SMTP host or password": "Server oder Passwort fehlt",
            "%(count)d mailbox imported": ("%(count)d Postfach", "%(count)d Postfächer"),
        },
    )
    page = client.get(UPLOAD).text
    assert "Datei prüfen</button>" in page
    assert 'lang="de">' in page
    csv = Header + row("b@x.com", "pw", 587, host="x.y.com") + "c@x.com,,,,,\n"
    answer = host.post(csv, skipConnectionTest="1").json["data"]
    page = client.get(f"{UPLOAD}/{answer['importId']}").text
    assert "1 Postfach" in page
    assert "Server oder Passwort fehlt" in page
    assert "1 Postfach" in page
    # The contract's sentences are those of the JSON answer whatever the language.
    assert answer["errors"][0]["error"] == "Missing SMTP host or password"


def test_an_import_is_read_in_the_readers_language_whoever_ran_it(make_host, mail_server, tmp_path):
    server = mail_server(accounts={"a@x.com": "right"})
    host, language = make_host(server.port), ["en"]
    client = in_german(
        host,
        tmp_path,
        {
            "%(server)s refused the password": "%(server)s: falsches Passwort.",
            "Authentication failed. Check username/password.": "Falsches Passwort.",
            "The password is a number: zeros that it begins with are lost in a spreadsheet.": (
                "Nullen am Anfang fehlen."
            ),
            "Also:": "Dazu:",
            "The column %(column)s is not a port number.": "%(column)s ist keine Zahl.",
            "This is not a valid email address.": "Keine Adresse.",
            "The column %(column)s holds '%(text)s': it is read as empty.": "%(column)s ist leer.",
        },
        reader=lambda: language[0],
    )
    lines = row("a@x.com", "123", server.port) + "bad,pw,smtp.x.com,-,ssl\n"
    answer = host.post(Header + lines).json["data"]
    address = f"{UPLOAD}/{answer['importId']}"
    english = client.get(address).text
    assert "localhost refused the password" in english
    assert "Also: The column smtpport is not a port number." in english
    language[0] = "de"
    for german in (client.get(address).text, client.get(f"{address}/report.csv").text):
        for said in ("alsches Passwort.", "Nullen am Anfang fehlen.", "Keine Adresse."):
            assert said in german
        assert "Dazu: smtpport ist keine Zahl." in german
        assert "Authentication failed" not in german
    assert "imaphost ist leer." in client.get(address).text
    stored = str([vars(each) for each in host.rows()])
    assert "password_digits" in stored
    assert "Authentication failed" not in stored
    assert "port number" not in stored


@pytest.mark.parametrize(
    "own",
    [
        {"Blank rows that are left out: %(rows)s.": "100% leer: %(rows)s"},
        {"Blank rows that are left out: %(rows)s.": "%(zeilen)s leer"},
        {"The column %(column)s is not a port number.": "%(spalte)s: keine Zahl"},
        {"Add it.": " "},
    ],
)
def test_a_wrong_text_of_the_hosts_is_passed_over(make_host, own):
    host = make_host(texts=own)
    client = show(host)
    csv = Header + "\n" + row("a@x.com", "pw ", 587, host="s.x.com") + ",pw,s.x.com,,ssl\n"
    answer = host.post(csv, skipConnectionTest="1").json["data"]
    address = f"{UPLOAD}/{answer['importId']}"
    page = client.get(address).text
    assert "Blank rows that are left out: 1." in page
    assert "The column smtpport is not a port number." in page
    assert client.get(f"{address}/report.csv").status_code == 200


def test_a_text_without_values_may_have_a_percent_sign(make_host):
    ours = (
        "The password begins or ends with a space. It is used as it is: remove the space in the "
        "file if it does not belong there."
    )
    host = make_host(texts={ours: "100% Leerzeichen"})
    csv = Header + row("a@x.com", "pw ", 587, host="s.x.com")
    answer = host.post(csv, skipConnectionTest="1").json["data"]
    assert "100% Leerzeichen" in show(host).get(f"{UPLOAD}/{answer['importId']}").text


@pytest.mark.parametrize("there", [True, False])
def test_an_extension_that_is_not_flask_babel_but_called_so(client, host, monkeypatch, there):
    """As Flask-BabelPlus and Flask-BabelEx do; then Flask-Babel itself may be there or not."""
    if not there:
        monkeypatch.setitem(sys.modules, "flask_babel", None)
    host.app.extensions["babel"] = object()
    page = client.get(UPLOAD)
    assert page.status_code == 200
    assert 'lang="en">' in page.text


def test_a_sentence_that_has_its_values_is_translated_too(make_host):
    words = {
        "The file has %(missing)s.": "Es fehlt: %(missing)s.",
        "no column %(column)s": "Spalte %(column)s",
        "Its columns are: %(columns)s.": "Da ist: %(columns)s.",
        "Add it, or rename the column that holds it.": "Bitte umbenennen.",
        "The column %(column)s is not a port number.": "%(column)s: keine Zahl.",
        "This is %(name)s: %(advice)s.": "Das ist %(name)s: %(advice)s.",
        "a PDF": "ein PDF",
        "Select the file with your mailboxes.": "Bitte eine Datei.",
    }
    host = make_host(texts=words)
    client = show(host)
    token = token_of(client)

    def answer_to(csv: str) -> str:
        file = (io.BytesIO(csv.encode()), "m.csv")
        form = {"csrf_token": token, **({"file": file} if csv else {})}
        return client.post(UPLOAD, data=form, follow_redirects=True).text

    assert "Bitte eine Datei." in answer_to("")
    page = answer_to("email,smtphost,imaphost\na@x.com,b,c\n")
    assert "Es fehlt: Spalte password. Da ist: email, smtphost, imaphost. Bitte umbenennen." in page
    assert "Das ist ein PDF: export the table" in answer_to("%PDF")
    page = answer_to(Header + "a@x.com,pw,smtp.x.com,,abc,false\n")
    assert "smtpport: keine Zahl." in page
    assert "The column smtpport" not in page


@pytest.fixture
def overridden(tmp_path) -> Path:
    folder = tmp_path / "templates" / "mailbox_import"
    folder.mkdir(parents=True)
    return folder


def test_a_host_replaces_one_block_of_a_page(make_host, overridden):
    (overridden / "upload.html").write_text(
        '{% extends "mailbox_import/pages/upload.html" %}'
        "{% block mbi_upload_help %}<p>Ask Kim for the file.</p>{% endblock %}"
    )
    host = make_host()
    host.app.jinja_loader.searchpath.append(str(overridden.parent))
    page = show(host).get(UPLOAD).text
    assert "Ask Kim for the file." in page
    assert "What the file needs" not in page
    assert "Check file" in page


def test_a_hosts_own_page_and_its_own_pieces_take_the_place_of_ours(client, host):
    host.app.jinja_loader = jinja2.DictLoader(
        {
            "mailbox_import/import.html": "{% extends 'mailbox_import/pages/import.html' %}"
            "{% block mbi_content %}own page {{ super() }}{% endblock %}",
            "mailbox_import/_outcome.html": "{% macro mbi_outcome() %}own heading{% endmacro %}",
            "mailbox_import/_result.html": "own result",
        }
    )
    answer = upload(client, Header + ROW, skipConnectionTest="true")
    check = client.get(answer.location).text
    done = client.post(answer.location, data={"csrf_token": csrf_token(check)})
    text = client.get(done.location).text
    assert "own page" in text
    assert '<h1 class="mbi-h1 mbi-good">own heading</h1>' in text
    assert "own result" in text


def test_what_a_file_holds_is_shown_as_text(client):
    answer = upload(client, Header + '"<script>alert(1)</script>",pw,localhost,,,\n')
    page = client.get(answer.location).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_no_inline_script_style_or_handler(client):
    location = upload(client, Header + ROW + "bad,,,,,\n").location
    for page in (client.get(UPLOAD).text, client.get(location).text):
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("host", [{"BASE_TEMPLATE": "host.html"}], indirect=True)
def test_the_hosts_own_layout(client, host):
    host.app.jinja_loader = jinja2.DictLoader(
        {
            "host.html": "<title>{% block title %}{% endblock %} | Host</title>"
            "<nav>host</nav>{% block content %}{% endblock %}"
        }
    )
    with host.app.test_request_context():
        assert render_template_string("{% extends 'host.html' %}")
    answer = client.get(UPLOAD)
    assert "<title>Import mailboxes | Host</title><nav>host</nav>" in answer.text
    assert "mailbox_import.css" in answer.text
    assert "Content-Security-Policy" not in answer.headers


def test_only_our_own_links_are_links():
    hint = "See https://aka.ms/smtp_auth_disabled or https://evil.example/x <b> a@x.com"
    assert linked(hint) == (
        'See <a class="mbi-link" href="https://aka.ms/smtp_auth_disabled" '
        'rel="noopener noreferrer">https://aka.ms/smtp_auth_disabled</a>'
        " or https://evil.example/x &lt;b&gt; a@x.com"
    )
