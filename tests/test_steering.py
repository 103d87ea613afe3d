"""The forms of an import's page: what is typed stays, what is not meant to be shown is not."""

from __future__ import annotations

import re

from conftest import Header, row

PAGE = "/mailboxes/import"


def failed(host, rows: str) -> str:
    """Return the address of the page of an import whose rows fail, or wait, untested."""
    answer = host.post(Header + rows, skipConnectionTest="1")
    return f"{PAGE}/{answer.json['data']['importId']}"


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
    token = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
    address = failed(host, "a@x.com,,smtp.x.com,,,\nb@x.com,,smtp.x.com,,,\n")
    page = client.get(address).text
    typed = {"2.password": "right", "2.smtpport": "abc", "3.password": "right too"}
    form = {"csrf_token": token.search(page)[1], **typed}
    answer = client.post(f"{address}/retry", data=form)
    assert answer.status_code == 422
    assert "Not tested. Row 2: The column smtpport is not a port number." in answer.text
    assert re.search(r'name="2\.smtpport"[^>]*value="abc"', answer.text)
    assert answer.text.count('<details class="mbi-fix" open>') == 1
    # The other row is done, and the password of this one is not typed again.
    assert [each.email for each in host.mailboxes()] == ["b@x.com"]
    form = {"csrf_token": token.search(answer.text)[1], "2.smtpport": "587"}
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
    answer = client.get(f"{PAGE}/{'0' * 32}")
    assert answer.status_code == 404
    assert "It may have been removed." in answer.text
    assert 'href="/mailboxes/imports"' in answer.text


def test_a_retry_without_a_place_changes_nothing(make_host, mail_server):
    server = mail_server(accounts={})
    host = make_host(server.port, MAX_RUNNING=1)
    key = host.create_key()
    answer = host.post(Header + row("a@x.com", "no", server.port), key)
    address = f"/v1/mailboxes/imports/{answer.json['data']['importId']}"
    client, headers = host.app.test_client(), {"X-Api-Key": key}
    with host.app.app_context(), host.extension.importer._place("w1"):
        answer = client.post(f"{address}/retry", headers=headers, json={"rows": [2]})
        assert answer.status_code == 429
        answer = client.post("/v1/mailboxes/connection-test", headers=headers)
        assert answer.status_code == 429
    assert client.get(address, headers=headers).json["data"]["failed"] == 1
    assert client.post(f"{address}/retry", headers=headers, json={"rows": [2]}).status_code == 202
    assert len(server.logins) == 2
