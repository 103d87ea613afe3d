"""What an attacker has found here once: other origins, wrapped views, hooks that read the body."""

from __future__ import annotations

import pytest
from conftest import Host
from flask import abort
from raw_http import (
    FORM,
    PATH,
    assert_json,
    form,
    post,
    routes,
)
from raw_http import make as make
from werkzeug.exceptions import HTTPException

UNKNOWN = "0123456789abcdef0123456789abcdef"
STAGED = form(skipConnectionTest="true")


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


def test_a_host_that_wraps_every_view_keeps_its_csrf_protection(make):
    host = make("csrf last")
    host.app.add_url_rule("/own", view_func=lambda: "own", methods=["POST"])

    def timed(view):
        def timed_view(**values: str):
            return view(**values)

        return timed_view

    views = host.app.view_functions
    views.update({endpoint: timed(view) for endpoint, view in views.items()})
    client = host.app.test_client()
    assert client.post("/own").status_code == 400
    client.post(PATH)
    assert client.post("/own").status_code == 400


@pytest.mark.parametrize("method", ["DELETE", "POST", "GET"])
def test_a_body_that_a_hook_could_not_read_is_answered_in_json_on_every_route(make, method):
    host = make("hook")
    client = host.app.test_client()
    for address, _ in routes(host, api=True):
        given = {"data": b"x" * 600_000, "content_type": FORM, "method": method}
        answer = client.open(address.format(UNKNOWN), **given)
        assert (answer.status_code, answer.mimetype) == (413, "application/json"), address


def test_an_answer_to_a_body_that_a_hook_could_not_read_is_not_stored(make):
    answer = post(make("hook"), form(csv="x" * 600_000))
    assert_json(answer, 413, "file_too_large")


class Odd(HTTPException):
    code = 499
    description = "A status of the host's own."


def test_a_loader_may_abort_with_any_status(make):
    host = make()

    def loader() -> str:
        raise Odd

    host.extension.api_workspace_loader(loader)
    answer = post_without_key(host)
    assert (answer.status_code, answer.mimetype) == (499, "application/json")


def test_a_loader_that_aborts_with_401_is_answered_like_a_call_without_a_key(make):
    host = make()
    host.extension.api_workspace_loader(lambda: abort(401))
    assert_json(post_without_key(host), 401, "no_key")


def post_without_key(host: Host):
    return host.app.test_client().post(PATH, data=STAGED, content_type=FORM)
