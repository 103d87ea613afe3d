"""The pages of one import, from the check to the result; what is typed there stays."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from mailbox_files import ROW, Header, row
from page_imports import UPLOAD, csrf_token, upload


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
    done = client.post(answer.location, data={"csrf_token": csrf_token(check.text)})
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
    again = client.post(answer.location, data={"csrf_token": csrf_token(check.text)})
    assert again.location == done.location
    assert len(server.logins) == 2


def test_a_skipped_test(client, host):
    answer = upload(client, Header + ROW, skipConnectionTest="true")
    check = client.get(answer.location).text
    assert "Import 1 mailbox without a test" in check
    done = client.post(answer.location, data={"csrf_token": csrf_token(check)})
    assert "1 mailbox imported" in client.get(done.location).text
    assert [each.status for each in host.mailboxes()] == ["pending"]


def test_a_file_without_one_good_row_is_corrected_on_the_page_of_its_import(client):
    answer = upload(client, Header + "bad,pw,smtp.x.com,,,\n")
    check = client.get(answer.location).text
    assert "No row of this file can be imported as it is." in check
    assert re.findall("<button[^>]*>([^<]+)<", check) == ["Correct them here", "Delete this upload"]
    done = client.post(answer.location, data={"csrf_token": csrf_token(check)})
    assert "Correct row 2" in client.get(done.location).text


def test_an_upload_that_is_not_imported_is_deleted_on_its_check_page(client):
    answer = upload(client, Header + ROW)
    check = client.get(answer.location).text
    address = re.search(r'action="([^"]+/delete)"', check)[1]
    gone = client.post(address, data={"csrf_token": csrf_token(check)}, follow_redirects=True)
    assert "The import is removed." in gone.text
    assert client.get(answer.location).status_code == 404


def test_another_workspaces_import_is_not_there(client, host):
    location = upload(client, Header + ROW).location
    host.extension.workspace_loader(lambda: "w2")
    foreign = client.get(location)
    unknown = client.get("/mailboxes/import/nope/check")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.data == unknown.data
    assert client.get(location.removesuffix("/check")).status_code == 404
    assert client.post(location).status_code == 404


def test_columns_that_are_not_used_are_told(client):
    location = upload(client, Header[:-1] + ",SMTP Prot\n" + ROW).location
    assert "Not used: the column <bdi>SMTP Prot</bdi>." in client.get(location).text


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


def failed(host, rows: str) -> str:
    """Return the address of the page of an import whose rows fail, or wait, untested."""
    answer = host.post(Header + rows, skipConnectionTest="1")
    return f"{UPLOAD}/{answer.json['data']['importId']}"


def test_what_was_typed_stays_where_the_form_is_refused_but_no_password(host, client):
    address = failed(host, "a@x.com,pw,smtp.x.com,,abc,false\nb@x.com,pw,smtp.x.com,,abc,false\n")
    typed = {"2.smtpport": "465", "2.password": "typed secret", "2.smtphost": "smtp.x.com"}
    answer = client.post(f"{address}/retry", data=typed)
    assert answer.status_code == 400
    assert 'name="2.smtpport" type="text"' in answer.text
    assert re.search(r'name="2\.smtpport"[^>]*value="465"', answer.text)
    assert re.search(r'name="3\.smtpport"[^>]*value="abc"', answer.text)
    assert answer.text.count('<details class="mbi-fix" open>') == 1
    assert "typed secret" not in answer.text


def test_a_correction_that_is_none_is_told_and_kept(host, client):
    address = failed(host, "a@x.com,,smtp.x.com,,,\nb@x.com,,smtp.x.com,,,\n")
    page = client.get(address).text
    typed = {"2.password": "right", "2.smtpport": "abc", "3.password": "right too"}
    form = {"csrf_token": csrf_token(page), **typed}
    answer = client.post(f"{address}/retry", data=form)
    assert answer.status_code == 422
    assert "Not tested. Row 2: The column smtpport is not a port number." in answer.text
    assert re.search(r'name="2\.smtpport"[^>]*value="abc"', answer.text)
    assert answer.text.count('<details class="mbi-fix" open>') == 1
    # The other row is done, and the password of this one is not typed again.
    assert [each.email for each in host.mailboxes()] == ["b@x.com"]
    form = {"csrf_token": csrf_token(answer.text), "2.smtpport": "587"}
    assert client.post(f"{address}/retry", data=form).status_code == 303
    assert [each.clear for each in host.mailboxes()] == ["right too", "right"]


def test_what_cannot_be_a_server_is_not_shown_in_its_field(host, client):
    # A comma in a password that nobody quoted has moved the cells.
    page = client.get(failed(host, "a@x.com,Tr0ub4,d0r&3,smtp.x.com\n")).text
    assert 'name="2.smtphost"' in page
    assert "d0r" not in page


def test_failed_rows_come_in_pages(host, client):
    address = failed(host, "bad,pw,smtp.x.com,,,\n" * 130)
    first = client.get(address).text
    assert first.count("<tr id=") == 100
    more = re.search(r'href="([^"]+cursor=101[^"]*)"', first)[1].replace("&amp;", "&")
    rest = client.get(more.partition("#")[0]).text
    assert rest.count("<tr id=") == 30
    assert "More rows" not in rest


def test_a_form_address_leads_to_the_page(host, client):
    address = failed(host, row("a@x.com", "pw", 587, host="smtp.x.com"))
    for each in ("cancel", "continue", "retry", "delete", "check"):
        answer = client.get(f"{address}/{each}")
        assert (answer.status_code, answer.location) == (303, address)
    assert len(host.mailboxes()) == 1


def test_an_import_that_is_gone_has_a_page_with_ways_on(client):
    answer = client.get(f"{UPLOAD}/{'0' * 32}")
    assert answer.status_code == 404
    assert "It may have been removed." in answer.text
    assert 'href="/mailboxes/imports"' in answer.text


@pytest.mark.parametrize("cursor", ["", "x", "-1", "12345678901"])
def test_a_wrong_cursor_shows_failed_rows_from_the_first(client, host, cursor):
    page = failed(host, "bad,pw,smtp.x.com,,,\n")
    assert "Correct row 2" in client.get(f"{page}?show=failed&cursor={cursor}").text
    refused = client.post(
        f"{page}/retry?show=failed&cursor={cursor}",
        data={"csrf_token": csrf_token(client.get(page).text), "2.smtphost": "typed.x.com"},
    )
    assert refused.status_code == 422
    assert 'value="typed.x.com"' in refused.text


@pytest.mark.parametrize(("button", "size"), [("cancel", 700_000), ("retry", 2_000_000)])
def test_a_form_that_is_too_large_shows_the_page_of_its_import(client, host, button, size):
    page = failed(host, "bad,pw,smtp.x.com,,,\n")
    answer = client.post(f"{page}/{button}", data={"x": "x" * size})
    assert answer.status_code == 413
    assert "Correct row 2" in answer.text


@pytest.mark.parametrize(("password", "count"), [("pw", 1), ("", 0)])
def test_a_password_is_unchanged_only_where_one_is_kept(client, host, password, count):
    text = client.get(failed(host, f"bad,{password},smtp.x.com,,,\n")).text
    assert "Correct row 2" in text
    assert text.count('placeholder="unchanged"') == count
