"""The upload page: what it says before, and what of a file that is faulty or unclear."""

from __future__ import annotations

import re

import pytest
from http_forms import FORM, form, part
from mailbox_files import ROW, Header
from page_imports import UPLOAD, csrf_token, upload


def choose(client, csv: str, **columns: str):
    """Upload a file whose columns are asked for, and answer."""
    asked = upload(client, csv)
    assert asked.status_code == 422
    address = re.search(
        r'<form class="mbi-form mbi-mapping" method="post" action="([^"]+)"', asked.text
    )[1]
    chosen = {f"column-{name}": theirs for name, theirs in columns.items()}
    return client.post(address, data={"csrf_token": csrf_token(asked.text), **chosen})


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
    token = part("csrf_token", csrf_token(client.get(UPLOAD).text))
    for unchosen in (b"", part("file", "", 'filename=""')):
        answer = client.post(UPLOAD, data=form(token, unchosen, csv=None), content_type=FORM)
        assert answer.status_code == 422
        assert "Select the file" in answer.text


def paste(client, text: str, *parts: bytes, csv: str | None = None):
    token = part("csrf_token", csrf_token(client.get(UPLOAD).text))
    body = form(token, part("pasted", text), *parts, csv=csv, skipConnectionTest="true")
    return client.post(UPLOAD, data=body, content_type=FORM)


def test_rows_are_pasted_with_headings_and_without(client, host):
    answer = paste(client, "E-mail\tPassword\tSMTP\tIMAP\na@x.com\tp, w\tsmtp.x.com\t\n")
    check = client.get(answer.location).text
    client.post(answer.location, data={"csrf_token": csrf_token(check)})
    answer = paste(client, "b@x.com, p;w, smtp.x.com, imap.x.com\n")
    check = client.get(answer.location).text
    client.post(answer.location, data={"csrf_token": csrf_token(check)})
    assert [(each.email, each.clear, each.smtp_host) for each in host.mailboxes()] == [
        ("a@x.com", "p, w", "smtp.x.com"),
        ("b@x.com", "p;w", "smtp.x.com"),
    ]


def test_a_file_and_pasted_rows_are_not_taken_together(client, host):
    answer = paste(client, Header + ROW, csv=Header + ROW)
    assert answer.status_code == 422
    assert answer.text.count("Choose a file or paste rows, not both.</") == 2
    assert 'href="#pasted"' in answer.text
    assert host.rows() == []


def test_pasted_rows_have_the_limit_of_a_file(client):
    answer = paste(client, Header + "x" * 500_000)
    assert answer.status_code == 413
    assert 'href="#pasted"' in answer.text


def test_what_was_pasted_is_not_shown_again(client):
    answer = paste(client, "email\na@x.com\tS3cret\n")
    assert answer.status_code == 422
    assert "S3cret" not in answer.text


def test_a_tag_that_is_too_long(client):
    answer = upload(client, Header + ROW, tag="x" * 65)
    assert answer.status_code == 422
    assert "longer than 64 characters" in answer.text


def test_limits_and_columns_are_told_before_the_upload(client):
    page = client.get(UPLOAD).text
    assert "Up to 500 mailboxes" in page
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


def test_an_error_stands_at_its_field(client):
    page = upload(client, Header + ROW, tag="x" * 65).text
    assert 'href="#tag"' in page
    assert 'id="tag-error"' in page
    assert 'id="file-error"' not in page
    page = upload(client, "").text
    assert 'aria-describedby="file-hint file-error" aria-invalid="true"' in page
