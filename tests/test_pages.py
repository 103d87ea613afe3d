"""The pages without a browser: who may see them, what they say, and where they lead."""

from __future__ import annotations

import re
from datetime import timedelta

import jinja2
import pytest
from conftest import Header, row
from flask import redirect, render_template_string, request
from flask_wtf import CSRFProtect

from flask_mailbox_import.web.rendering import linked

UPLOAD = "/mailboxes/import"
ROW = "a@example.com,pw,smtp.example.com,,587,false\n"


@pytest.fixture
def host(make_host, request):
    made = make_host(**getattr(request, "param", {}))
    made.app.jinja_env.undefined = jinja2.StrictUndefined
    made.extension.workspace_loader(lambda: "w1")
    return made


def token_of(page: str) -> str:
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


PART = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'


def post(client, address: str, *parts: str):
    """Post a form byte by byte: the test client's own way leaves large ones on disk."""
    body = "".join(parts) + "--b--\r\n"
    return client.post(address, data=body, content_type="multipart/form-data; boundary=b")


def upload(client, csv: str, **fields: str):
    fields = {"csrf_token": token_of(client.get(UPLOAD).text), **fields}
    texts = [PART.format(name, "", text) for name, text in fields.items()]
    return post(client, UPLOAD, PART.format("file", '; filename="m.csv"', csv), *texts)


def test_upload_check_result(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "pw"})
    host = make_host(server.port)
    host.extension.workspace_loader(lambda: "w1")
    client = host.app.test_client()
    csv = Header + row("a@x.com", "pw", server.port) + row("b@x.com", "no", server.port)
    csv += row("A@x.com", "pw", server.port) + "bad,pw,localhost,,,\n"
    answer = upload(client, csv, tag=" spring ")
    assert answer.status_code == 303
    check = client.get(answer.location)
    assert "Test and import 2 mailboxes" in check.text
    assert re.findall(r'id="count-(\w+)">(\d+)<', check.text) == [
        ("ready", "2"),
        ("skipped", "1"),
        ("failed", "1"),
    ]
    assert "This is not a valid email address." in check.text
    assert host.mailboxes() == server.sessions == []
    done = client.post(answer.location, data={"csrf_token": token_of(check.text)})
    assert done.status_code == 303
    assert done.location == answer.location.removesuffix("/check")
    result = client.get(done.location).text
    assert '<h1 class="mbi-h1">1 mailbox imported, 2 failed</h1>' in result
    assert "<title>1 mailbox imported, 2 failed</title>" in result
    assert re.findall(r'<tr id="row-(\d+)" data-code="(\w+)">', result) == [
        ("3", "bad_credentials"),
        ("5", "invalid_email"),
    ]
    skipped = client.get(f"{done.location}?show=skipped").text
    assert re.findall(r'<tr id="row-(\d+)" data-code="(\w+)">', skipped) == [
        ("4", "duplicate_in_file")
    ]
    assert "Authentication failed. Check username/password." in result
    assert [(each.email, each.status, each.tag) for each in host.mailboxes()] == [
        ("a@x.com", "active", "spring")
    ]
    # Back to the check page, and the button once more: neither does anything twice.
    assert client.get(answer.location).location == done.location
    again = client.post(answer.location, data={"csrf_token": token_of(check.text)})
    assert again.location == done.location
    assert len(server.logins) == 2


def test_a_skipped_test(client, host):
    answer = upload(client, Header + ROW, skipConnectionTest="true")
    check = client.get(answer.location).text
    assert "Import 1 mailbox without a test" in check
    done = client.post(answer.location, data={"csrf_token": token_of(check)})
    assert "1 mailbox imported" in client.get(done.location).text
    assert [each.status for each in host.mailboxes()] == ["pending"]


def test_a_file_without_one_good_row_is_corrected_on_the_page_of_its_import(client):
    answer = upload(client, Header + "bad,pw,smtp.x.com,,,\n")
    check = client.get(answer.location).text
    assert "No row of this file can be imported as it is." in check
    assert re.findall("<button[^>]*>([^<]+)<", check) == ["Correct them here", "Delete this upload"]
    done = client.post(answer.location, data={"csrf_token": token_of(check)})
    assert "Correct row 2" in client.get(done.location).text


def test_an_upload_that_is_not_imported_is_deleted_on_its_check_page(client):
    answer = upload(client, Header + ROW)
    check = client.get(answer.location).text
    address = re.search(r'action="([^"]+/delete)"', check)[1]
    gone = client.post(address, data={"csrf_token": token_of(check)}, follow_redirects=True)
    assert "The import is removed." in gone.text
    assert client.get(answer.location).status_code == 404


def choose(client, csv: str, **columns: str):
    """Upload a file whose columns are asked for, and answer."""
    asked = upload(client, csv)
    assert asked.status_code == 422
    address = re.search(
        r'<form class="mbi-form mbi-mapping" method="post" action="([^"]+)"', asked.text
    )[1]
    chosen = {f"column-{name}": theirs for name, theirs in columns.items()}
    return client.post(address, data={"csrf_token": token_of(asked.text), **chosen})


@pytest.mark.parametrize("more", ["", ",Comment"])
def test_a_file_without_a_column_of_servers_for_reading_is_for_sending(client, more):
    answer = choose(client, f"Email,Password,Server{more}\na@x.com,pw,smtp.x.com,\n", imaphost=" ")
    assert "1 row in the file" in client.get(answer.location).text


def test_a_column_that_is_chosen_twice_is_asked_for_again(client):
    csv = "email,password,Rechner,Other\na@x.com,pw,smtp.x.com,\n"
    answer = choose(client, csv, smtphost="Rechner", imaphost="Rechner")
    assert answer.status_code == 422
    assert "A column is chosen twice: choose another one, or that there is none." in answer.text
    assert answer.text.count('<option value="Rechner" selected>') == 2


@pytest.mark.parametrize(
    ("csv", "words", "status"),
    [
        ("", "The file is empty", 422),
        ("email,password\na,b\n", "no column smtphost", 422),
        (Header + ROW * 501, "501 mailboxes, but at most 500", 422),
        (Header + "x" * 500_000, "larger than 500000 bytes", 413),
        (Header + "x" * 600_000, "larger than 500000 bytes", 413),
    ],
)
def test_a_faulty_file_leaves_the_page_with_the_same_words(client, host, csv, words, status):
    answer = upload(client, csv, tag="kept")
    assert answer.status_code == status
    assert words in answer.text
    assert "<title>Error: Import mailboxes</title>" in answer.text
    assert 'href="#file"' in answer.text
    assert host.rows() == []
    if status == 422:
        assert 'value="kept"' in answer.text


def test_no_file_was_chosen(client):
    token = token_of(client.get(UPLOAD).text)
    fields = PART.format("csrf_token", "", token)
    for unchosen in ("", PART.format("file", '; filename=""', "")):
        answer = post(client, UPLOAD, fields, unchosen)
        assert answer.status_code == 422
        assert "Select the file" in answer.text


def test_a_tag_that_is_too_long(client):
    answer = upload(client, Header + ROW, tag="x" * 65)
    assert answer.status_code == 422
    assert "longer than 64 characters" in answer.text


def test_without_the_token_nothing_happens(client, host):
    answer = post(client, UPLOAD, PART.format("file", '; filename="m.csv"', Header + ROW))
    assert answer.status_code == 400
    assert "Your session ended" in answer.text
    assert host.rows() == []
    location = upload(client, Header + ROW, skipConnectionTest="1").location
    assert client.post(location).status_code == 400
    assert host.mailboxes() == []


def test_limits_and_columns_are_told_before_the_upload(client):
    page = client.get(UPLOAD).text
    assert "up to 500 mailboxes" in page
    assert "500 kB" in page
    for name in ("email", "password", "smtphost", "imaphost", "smtpport", "displayname"):
        assert name in page


def test_the_template_has_our_columns_and_an_example_that_is_no_row(client):
    answer = client.get("/mailboxes/import/template.csv")
    assert answer.mimetype == "text/csv"
    assert answer.data.startswith(b"\xef\xbb\xbfemail,password,smtphost,imaphost,smtpport")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "holds only the template" in upload(client, answer.text).text
    location = upload(client, answer.text + "b@x.test,pw,smtp.x.test,\r\n").location
    text = client.get(location).text
    assert "Row 2: This is the example of the template: it is left out." in text
    assert "1 row in the file" in text


def test_another_workspaces_import_is_not_there(client, host):
    location = upload(client, Header + ROW).location
    host.extension.workspace_loader(lambda: "w2")
    foreign = client.get(location)
    unknown = client.get("/mailboxes/import/nope/check")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.data == unknown.data
    assert client.get(location.removesuffix("/check")).status_code == 404
    assert client.post(location).status_code == 404


def test_who_may_see_the_page(client, host, caplog):
    host.extension.workspace_loader(lambda: None)
    assert client.get(UPLOAD).status_code == 401
    host.extension.workspace_loader(lambda: redirect("/login"))
    assert client.get(UPLOAD).location == "/login"
    host.extension.workspace_loader(None)
    assert client.get(UPLOAD).status_code == 403
    assert "@mailbox_import.workspace_loader" in caplog.text


def test_the_pages_headers(client):
    headers = client.get(UPLOAD).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


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


def test_a_hosts_own_page_and_its_own_pieces_take_the_place_of_ours(client, host):
    host.app.jinja_loader = jinja2.DictLoader(
        {
            "mailbox_import/import.html": "{% extends 'mailbox_import/pages/import.html' %}"
            "{% block mbi_content %}own page {{ super() }}{% endblock %}",
            "mailbox_import/_outcome.html": "{% macro outcome() %}own heading{% endmacro %}",
            "mailbox_import/_rows.html": "own rows",
        }
    )
    answer = upload(client, Header + ROW, skipConnectionTest="true")
    check = client.get(answer.location).text
    done = client.post(answer.location, data={"csrf_token": token_of(check)})
    text = client.get(done.location).text
    assert "own page" in text
    assert '<h1 class="mbi-h1">own heading</h1>' in text
    assert "own rows" in text


def failed(client) -> str:
    """Import a file whose one row fails; return the address of its page."""
    answer = upload(client, Header + "bad,pw,smtp.x.com,,,\n")
    check = client.get(answer.location).text
    return client.post(answer.location, data={"csrf_token": token_of(check)}).location


@pytest.mark.parametrize("cursor", ["", "x", "-1", "12345678901"])
def test_a_wrong_cursor_shows_failed_rows_from_the_first(client, cursor):
    page = failed(client)
    assert "Correct row 2" in client.get(f"{page}?show=failed&cursor={cursor}").text
    refused = client.post(
        f"{page}/retry?show=failed&cursor={cursor}",
        data={"csrf_token": token_of(client.get(page).text), "2.smtphost": "typed.x.com"},
    )
    assert refused.status_code == 422
    assert 'value="typed.x.com"' in refused.text


@pytest.mark.parametrize(("button", "size"), [("cancel", 700_000), ("retry", 2_000_000)])
def test_a_form_that_is_too_large_shows_the_page_of_its_import(client, button, size):
    page = failed(client)
    answer = client.post(f"{page}/{button}", data={"x": "x" * size})
    assert answer.status_code == 413
    assert "Correct row 2" in answer.text


def test_the_style_sheets_are_served(client):
    page = client.get(UPLOAD).text
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert len(sheets) == 2
    for sheet in sheets:
        with client.get(sheet) as answer:
            assert answer.mimetype == "text/css"


@pytest.mark.parametrize("first", [True, False])
def test_under_a_hosts_csrf_protection_our_page_answers(make_host, first):
    host = make_host()
    host.extension.workspace_loader(lambda: "w1")
    CSRFProtect(host.app)
    client = host.app.test_client()
    location = upload(client, Header + ROW, skipConnectionTest="1").location
    address = UPLOAD if first else location
    answer = post(client, address, PART.format("tag", "", "x"))
    assert answer.status_code == 400
    assert "Your session ended: try again." in answer.text
    assert token_of(answer.text)
    big = client.post(UPLOAD, data=b"x" * 600_000, content_type="multipart/form-data; boundary=b")
    assert big.status_code == 413
    assert "larger than 500000 bytes" in big.text
    host.extension.workspace_loader(lambda: None)
    assert post(client, UPLOAD).status_code == 401


def test_a_hook_that_reads_the_form_leaves_the_api_its_json(make_host):
    host = make_host()
    host.app.before_request(lambda: request.form and None)
    answer = host.app.test_client().post(
        "/v1/mailboxes/import/smtp",
        data=b"x" * 600_000,
        content_type="multipart/form-data; boundary=b",
    )
    assert (answer.status_code, answer.json["reason"]) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("value", "button"),
    [("0", "Test and import"), ("FALSE", "Test and import"), ("1", "without a test")],
)
def test_booleans_are_the_apis(client, value, button):
    location = upload(client, Header + ROW, skipConnectionTest=value).location
    assert button in client.get(location).text


@pytest.mark.parametrize(
    ("field", "value"), [("skipConnectionTest", "no"), ("nope", "1"), ("dryRun", "true")]
)
def test_a_field_that_means_nothing_here_is_refused(client, host, field, value):
    answer = upload(client, Header + ROW, **{field: value})
    assert answer.status_code == 422
    assert field in answer.text
    assert host.rows() == []


def test_a_json_body_is_no_form(client):
    assert client.post(UPLOAD, json=[1]).status_code == 400


def test_an_error_stands_at_its_field(client):
    page = upload(client, Header + ROW, tag="x" * 65).text
    assert 'href="#tag"' in page
    assert 'id="tag-error"' in page
    assert 'id="file-error"' not in page
    page = upload(client, "").text
    assert 'aria-describedby="file-hint file-error" aria-invalid="true"' in page


def test_columns_that_are_not_used_are_told(client):
    location = upload(client, Header[:-1] + ",SMTP Prot\n" + ROW).location
    assert "Not used: the column <bdi>SMTP Prot</bdi>." in client.get(location).text


def test_staged_files_do_not_get_round_the_limit_of_refused_logins(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_REFUSED_LOGINS=1)
    host.extension.workspace_loader(lambda: "w1")
    client = host.app.test_client()
    csv = [Header + row(f"u{each}@x.com", "no", server.port) for each in range(2)]
    locations = [upload(client, each).location for each in csv]
    answers = []
    for location in locations:
        token = token_of(client.get(location).text)
        answers.append(client.post(location, data={"csrf_token": token}))
    assert [each.status_code for each in answers] == [303, 429]
    assert "wait an hour" in answers[1].text
    assert len(server.logins) == 1


def test_what_is_kept_of_a_row_is_erased_in_time(client, host):
    location = upload(client, Header + ROW).location
    with host.app.app_context():
        (found,) = host.db.session.scalars(host.db.select(host.extension.models.row))
        found.record_expires_at -= timedelta(days=2)
        host.db.session.commit()
    client.get(location)
    assert [each.sealed_record for each in host.rows()] == [None]


@pytest.mark.parametrize("import_id", ["%00", "..", "a%2Fb", "0" * 500])
def test_odd_ids_are_not_there(client, import_id):
    assert client.get(f"/mailboxes/import/{import_id}/check").status_code == 404


def test_only_our_own_links_are_links():
    hint = "See https://aka.ms/smtp_auth_disabled or https://evil.example/x <b> a@x.com"
    assert linked(hint) == (
        'See <a class="mbi-link" href="https://aka.ms/smtp_auth_disabled" '
        'rel="noopener noreferrer">https://aka.ms/smtp_auth_disabled</a>'
        " or https://evil.example/x &lt;b&gt; a@x.com"
    )
