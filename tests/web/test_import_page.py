"""The pages of one import, from the check to the result; what is typed there stays."""

from __future__ import annotations

import io
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
    assert re.findall(r'<li id="row-(\d+)" data-code="(\w+)">', result) == [
        ("3", "bad_credentials"),
        ("5", "invalid_email"),
        ("4", "duplicate_in_file"),
    ]
    assert "1 mailbox: localhost refused the password" in result
    assert "1 skipped: its address is in the file more than once." in result
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
    assert (
        '<h1 class="mbi-h1 mbi-good">a@example.com imported</h1>' in client.get(done.location).text
    )
    assert [each.status for each in host.mailboxes()] == ["pending"]


def test_a_file_without_one_good_row_is_corrected_on_the_page_of_its_import(client):
    answer = upload(client, Header + "bad,pw,smtp.x.com,,,\n")
    check = client.get(answer.location).text
    assert "No row of this file can be imported as it is." in check
    assert re.findall("<button[^>]*>([^<]+)<", check) == ["Correct them here", "Delete this upload"]
    done = client.post(answer.location, data={"csrf_token": csrf_token(check)})
    assert "bad failed" in client.get(done.location).text


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


def value_of(page: str, name: str) -> str:
    """Return what stands in the field of this name."""
    return re.search(rf'name="{re.escape(name)}"[^>]*value="([^"]*)"', page)[1]


def send(client, address: str, **fields: str):
    """Send the form of an import's failed rows; return the page that it leads to."""
    form = {"csrf_token": csrf_token(client.get(address).text), **fields}
    answer = client.post(f"{address}/retry", data=form)
    assert answer.status_code == 303, answer.text
    return client.get(answer.location)


def box_of(page: str, title: str) -> str:
    """Return the id of the box with this title."""
    return re.search(rf'id="(c\w+)-title">{re.escape(title)}<', page)[1]


def test_what_was_typed_stays_where_the_form_is_refused_but_no_password(host, client):
    address = failed(host, "a@x.com,pw,smtp.x.com,,abc,false\nb@x.com,pw,smtp.x.com,,abc,false\n")
    box = box_of(client.get(address).text, "2 mailboxes: The column smtpport is not a port number.")
    typed = {f"{box}.smtpport": "465", "2.password": "typed secret"}
    answer = client.post(f"{address}/retry", data=typed)
    assert answer.status_code == 400
    assert value_of(answer.text, f"{box}.smtpport") == "465"
    assert "typed secret" not in answer.text
    assert value_of(client.get(address).text, f"{box}.smtpport") == ""


def test_a_wrong_value_for_a_box_is_told_at_its_field_and_kept(host, client):
    address = failed(host, row("a@x.com", "pw", 99) + row("b@x.com", "pw", 99))
    box = box_of(client.get(address).text, "2 mailboxes: port 99 is not allowed")
    page = send(client, address, **{f"{box}.smtpport": "70000", "test": box})
    assert (
        f'<a class="mbi-link" href="#field-{box}-smtpport">Port 70000: use 1 to 65535' in page.text
    )
    field = re.search(f'<input[^>]*name="{box}.smtpport"[^>]*>', page.text)[0]
    assert 'value="70000"' in field
    assert f'aria-invalid="true" aria-describedby="field-{box}-smtpport-error"' in field
    assert host.mailboxes() == []
    # It is told once.
    assert "use 1 to 65535" not in client.get(address).text
    page = send(client, address, **{f"{box}.smtpport": "587", "test": box})
    assert "2 mailboxes imported" in page.text
    assert [each.smtp_port for each in host.mailboxes()] == [587, 587]


def test_one_correction_mends_all_rows_of_a_box_and_no_other(host, client):
    rows = "".join(row(f"m{each}@x.com", "pw", 99) for each in range(60))
    address = failed(host, rows + row("other@x.com", "pw", 98))
    page = client.get(address).text
    box = box_of(page, "60 mailboxes: port 99 is not allowed")
    assert page.count('data-code="port_not_allowed"') == 51
    page = send(client, address, **{f"{box}.smtpport": "465", "test": box}).text
    assert "60 mailboxes imported, 1 failed" in page
    assert {each.smtp_port for each in host.mailboxes()} == {465}


def test_new_passwords_are_kept_until_they_are_tested(host, client):
    rows = "".join(f"m{each}@x.com,,smtp.x.com,,,\n" for each in range(60))
    address = failed(host, rows)
    page = client.get(address).text
    box = box_of(page, "60 mailboxes: Missing SMTP host or password")
    assert page.count('type="password"') == 50
    (save,) = re.findall(r'name="save" value="(c[^"]+)"', page)
    page = send(client, address, **{"2.password": "first", "save": save}).text
    assert "What you typed is kept for a day." in page
    assert page.count('type="password"') == 10
    page = send(client, address, **{"61.password": "last", "save": ""}).text
    assert page.count('placeholder="new password kept"') == 1
    assert "first" not in re.sub("<[^>]*>", "", page)
    page = send(client, address, changed=box).text
    assert "2 mailboxes imported, 58 failed" in page
    assert {each.email: each.clear for each in host.mailboxes()} == {
        "m0@x.com": "first",
        "m59@x.com": "last",
    }
    page = send(client, address, changed=box).text
    assert "Nothing is changed yet: type what is right, and test it then." in page


def test_what_was_typed_for_one_box_is_kept_where_another_is_tested(host, client):
    address = failed(host, row("a@x.com", "pw", 99) + "b@x.com,pw,,,,\n")
    page = client.get(address).text
    port = box_of(page, "1 mailbox: port 99 is not allowed")
    server = box_of(page, "1 mailbox: Missing SMTP host or password")
    typed = {f"{port}.smtpport": "587", f"{server}.smtphost": "smtp.typed.com", "test": port}
    page = send(client, address, **typed).text
    assert "1 mailbox imported, 1 failed" in page
    assert value_of(page, f"{server}.smtphost") == "smtp.typed.com"


def test_one_row_is_opened_corrected_and_tested(host, client):
    address = failed(host, "a@x.com,,smtp.x.com,,,\nb@x.com,,smtp.x.com,,,\n")
    page = send(client, address, correct="3", **{"2.password": "kept"}).text
    assert '<fieldset class="mbi-fieldset mbi-one" id="row-3">' in page
    first = re.search(r'<div class="mbi-fix-fields">.*?<input[^>]*>', page, re.DOTALL)[0]
    assert 'name="3.password"' in first
    assert "autofocus" in first
    typed = {"3.password": "right", "3.smtpport": "abc", "rows": "3"}
    page = send(client, address, **typed)
    assert 'href="#field-3-smtpport">A port is a number: use 1 to 65535' in page.text
    assert value_of(page.text, "3.smtpport") == "abc"
    assert host.mailboxes() == []
    page = send(client, address, **{"3.smtpport": "587", "rows": "3"})
    assert [(each.email, each.clear) for each in host.mailboxes()] == [("b@x.com", "right")]


def test_a_form_without_a_button_tests_the_rows_that_it_changes(host, client):
    address = failed(host, "a@x.com,,smtp.x.com,,,\nb@x.com,,smtp.x.com,,,\n")
    send(client, address, **{"3.password": "right"})
    assert [each.email for each in host.mailboxes()] == ["b@x.com"]
    assert "No row that failed is changed" in send(client, address).text


def test_what_cannot_be_a_server_is_not_shown_in_its_field(host, client):
    # A comma in a password that nobody quoted has moved the cells.
    page = client.get(failed(host, "a@x.com,Tr0ub4,d0r&3,smtp.x.com\n") + "?row=2").text
    assert 'name="2.smtphost"' in page
    assert "d0r" not in page


def test_rows_of_a_box_are_shown_fifty_at_a_time_or_all(host, client):
    address = failed(host, "bad,pw,smtp.x.com,,,\n" * 130)
    first = client.get(address).text
    assert first.count('<li id="row-') == 50
    (link,) = re.findall(r'href="([^"]+)">Show all<', first)
    every = client.get(link.replace("&amp;", "&")).text
    assert every.count('<li id="row-') == 130
    assert "Show all" not in every


def test_causes_beyond_the_first_twenty_are_on_another_page(host, client):
    rows = "".join(row(f"m{each}@x.com", "pw", 30 + each) for each in range(25))
    address = failed(host, rows)
    page = client.get(address).text
    assert page.count('class="mbi-box"') == 20
    (link,) = re.findall(r'href="([^"]+)">More causes<', page)
    rest = client.get(link).text
    assert rest.count('class="mbi-box"') == 5
    assert "More causes" not in rest


def test_pending_mailboxes_of_an_import_are_tested_from_its_page(make_host, mail_server):
    server = mail_server(accounts={"a@x.com": "pw", "b@x.com": "pw"})
    host = make_host(server.port, RUNNER="inline")
    host.extension.workspace_loader(lambda: "w1")
    client = host.app.test_client()
    failed(host, row("older@x.com", "pw", server.port))
    address = failed(host, row("a@x.com", "pw", server.port) + row("b@x.com", "pw", server.port))
    page = client.get(address).text
    assert "2 mailboxes are not tested." in page
    assert "Test these 2 now" in page
    form = {"csrf_token": csrf_token(page)}
    answer = client.post(f"{address}/test-pending", data=form)
    assert "2 mailboxes work" in client.get(answer.location).text
    assert sorted(server.logins) == [("a@x.com", "pw"), ("b@x.com", "pw")]
    assert "are not tested" not in client.get(address).text


@pytest.mark.parametrize("host", [{"MAILBOXES_ENDPOINT": "own_list"}], indirect=True)
@pytest.mark.parametrize("is_there", [True, False])
def test_the_page_leads_to_the_hosts_own_list(host, client, caplog, is_there):
    if is_there:
        host.app.add_url_rule("/own", "own_list", lambda: "")
    page = client.get(failed(host, row("a@x.com", "pw", 587, host="smtp.x.com"))).text
    assert ('href="/own">View your mailboxes<' in page) is is_there
    told = "MAILBOX_IMPORT_MAILBOXES_ENDPOINT is own_list: the app has no such page."
    assert (told not in caplog.text) is is_there


def test_failed_rows_are_corrected_in_a_spreadsheet_and_sent_back(host, client):
    address = failed(host, row("a@x.com", "pw", 99) + row("b@x.com", "pw", 98))
    page = client.get(address).text
    assert f'href="{address}/failed.csv">Download the 2<' in page
    text = client.get(f"{address}/failed.csv").data.decode("utf-8-sig").replace(",99,", ",587,")
    form = {"csrf_token": csrf_token(page), "file": (io.BytesIO(text.encode()), "failed.csv")}
    answer = client.post(f"{address}/retry", data=form)
    assert "1 mailbox imported, 1 failed" in client.get(answer.location).text
    assert [(each.email, each.smtp_port) for each in host.mailboxes()] == [("a@x.com", 587)]
    other = {"csrf_token": csrf_token(page), "file": (io.BytesIO(b"email\na@x.com\n"), "x.csv")}
    answer = client.post(f"{address}/retry", data=other)
    refused = client.get(answer.location).text
    assert 'href="#field-file">This is not the file of failed rows' in refused
    assert '<details class="mbi-details mbi-return" open>' in refused


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


@pytest.mark.parametrize("cursor", ["x", "-1", "12345678901"])
def test_a_wrong_cursor_has_no_page(client, host, cursor):
    page = failed(host, row("a@x.com", "pw", 587, host="smtp.x.com"))
    assert client.get(f"{page}?show=imported&cursor={cursor}").status_code == 404
    assert client.get(f"{page}?cause={cursor}&after={cursor}&row=x&from=x").status_code == 200


@pytest.mark.parametrize(("button", "size"), [("cancel", 700_000), ("retry", 2_000_000)])
def test_a_form_that_is_too_large_shows_the_page_of_its_import(client, host, button, size):
    page = failed(host, "bad,pw,smtp.x.com,,,\n")
    answer = client.post(f"{page}/{button}", data={"x": "x" * size})
    assert answer.status_code == 413
    assert "bad failed" in answer.text


@pytest.mark.parametrize(("password", "count"), [("pw", 1), ("", 0)])
def test_a_password_is_unchanged_only_where_one_is_kept(client, host, password, count):
    text = client.get(failed(host, f"bad,{password},smtp.x.com,,,\n") + "?row=2").text
    assert 'name="2.password"' in text
    assert text.count('placeholder="unchanged"') == count
