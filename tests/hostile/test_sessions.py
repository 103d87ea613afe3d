"""Cookies, tokens and headers of the pages: what another site may have a browser do."""

from __future__ import annotations

import pytest
from app_routes import routes
from host_apps import KINDS
from http_forms import FORM, PATH, STAGED, assert_json, form, part
from page_imports import UPLOAD, stage_by_page, token_of


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_session_does_not_open_the_api_and_a_key_no_page(make, kind):
    host = make(kind)
    client, key = host.app.test_client(), host.create_key()
    token = token_of(client)
    body = form(skipConnectionTest="true", csrf_token=token)
    answer = client.post(PATH, data=body, content_type=FORM, headers={"X-CSRFToken": token})
    assert_json(answer, 401, "no_key")
    answer = client.post(PATH, data=STAGED, content_type=FORM, headers={"X-Api-Key": key})
    assert answer.json["data"]["imported"] == 1
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers
    import_id = answer.json["data"]["importId"]
    host.extension.workspace_loader(lambda: None)
    given = {"headers": {"X-Api-Key": key, "Authorization": f"Bearer {key}"}}
    for address, methods in routes(host, api=False):
        assert client.get(address.format(import_id), **given).status_code == 401
        if "POST" in methods:
            sent = {"data": body, "content_type": FORM}
            assert client.post(address.format(import_id), **given, **sent).status_code == 401
    assert len(host.rows()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_done_by_a_form_without_its_own_token(make, kind):
    host = make(kind)
    import_id = stage_by_page(host)
    client, stranger = host.app.test_client(), host.app.test_client()
    token = token_of(client)
    for wrong in ("", "x", "\x00", token[:-1], token.upper(), token_of(stranger), "é" * 900):
        for address, methods in routes(host, api=False):
            if "POST" in methods:
                body = form(part("csrf_token", wrong))
                query = {"csrf_token": token}
                answer = client.post(
                    address.format(import_id), data=body, content_type=FORM, query_string=query
                )
                assert answer.status_code == 400, (address, wrong)
                assert "Your session ended" in answer.text
    assert [each.status for each in host.rows()] == ["ready"]
    assert host.mailboxes() == []
    check = f"{UPLOAD}/{import_id}/check"
    assert client.post(check, data={"csrf_token": token}).status_code == 303
    assert len(host.mailboxes()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_page_has_its_headers_its_errors_too(make, kind):
    """The case http-018-html-get-frame-headers."""
    host = make(kind)
    client = host.app.test_client()
    address = f"{UPLOAD}/{stage_by_page(host)}"
    answers = [client.get(each) for each in (UPLOAD, f"{address}/check", f"{address}/report.csv")]
    answers.append(client.post(f"{address}/check"))
    token = token_of(client)
    answers.append(client.post(f"{address}/check", data={"csrf_token": token}))
    answers.append(client.get(address))
    bodies = [b"", form(csrf_token=token, nope="1"), form(csrf_token=token, csv="x" * 600_000)]
    answers += [client.post(UPLOAD, data=body, content_type=FORM) for body in bodies]
    assert [each.status_code for each in answers] == [200, 200, 200, 400, 303, 200, 400, 422, 413]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("scheme", ["Basic dTpw", "Negotiate x", "Digest x"])
def test_another_site_does_not_have_a_loader_asked_that_goes_by_the_session(make, scheme):
    """Where a host is behind HTTP authentication, a browser sends it with any site's form."""
    host = make()
    host.extension.api_workspace_loader(lambda: "w1")
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    client = host.app.test_client()
    given = {"data": STAGED, "content_type": FORM}
    assert_json(client.post(PATH, headers=headers, **given), 401, "no_key")
    headers["Authorization"] = scheme
    assert_json(client.post(PATH, headers=headers, **given), 401, "no_key")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_form_of_another_origin_does_not_have_a_loader_asked(make, origin):
    """Browsers send Fetch Metadata to trustworthy addresses only, and Origin with every POST."""
    host = make()
    host.extension.api_workspace_loader(lambda: "w1")
    client = host.app.test_client()
    given = {"data": STAGED, "content_type": FORM, "headers": {"Origin": origin}}
    assert_json(client.post(PATH, **given), 401, "no_key")
