"""Every route, by every method: what is foreign is not there, what is ours is JSON or a page."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from app_routes import routes
from flask import Flask, abort
from flask_wtf import CSRFProtect
from host_apps import Host, host_of_kind
from http_forms import FORM, PATH, STAGED, UNKNOWN, assert_json, form, post
from page_imports import UPLOAD, stage_by_page, token_of
from signals_and_logs import logged
from werkzeug.exceptions import HTTPException

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def seen(answer) -> tuple[object, ...]:
    return answer.status_code, answer.data, sorted(answer.headers)


@pytest.fixture(scope="module")
def idle(tmp_path_factory) -> Iterator[tuple[Host, str]]:
    """A host of which nothing is stored, and a key of it."""
    with host_of_kind(tmp_path_factory.mktemp("routes")) as host:
        yield host, host.create_key()


@pytest.mark.parametrize("method", METHODS)
def test_every_route_of_the_api_answers_every_method_in_json(idle, method):
    """The case http-047-error-json-shape, and its like."""
    host, key = idle
    client = host.app.test_client()
    found = routes(host, api=True)
    assert len(found) >= 3
    for address, _ in found:
        # The description of the API is everybody's.
        is_open = address.endswith("/openapi.json")
        for headers in ({}, {"X-Api-Key": key}, {"X-Api-Key": "sk_no"}):
            answer = client.open(address.format(UNKNOWN), method=method, headers=headers)
            assert answer.status_code in (200, 204, 400, 401, 404, 405, 415), answer.text
            if method == "HEAD":
                assert answer.data == b""
            elif answer.status_code == 204:
                assert (method, answer.data) == ("OPTIONS", b"")
            elif answer.status_code != 200:
                assert_json(answer, answer.status_code, answer.json["reason"])
            if headers != {"X-Api-Key": key} and method != "OPTIONS" and not is_open:
                assert answer.status_code == 401
            if method != "OPTIONS":
                assert answer.headers["Cache-Control"] == "no-store"
    assert host.rows() == []


@pytest.mark.parametrize("kind", ["plain", pytest.param("csrf last", marks=pytest.mark.slow)])
def test_a_foreign_import_is_answered_like_an_unknown_one(make, kind):
    """The case http-041-get-foreign-import: wherever an id is named, by each method."""
    host = make(kind)
    foreign = [
        stage_by_page(host),
        post(host, STAGED.replace(b"a@", b"b@")).json["data"]["importId"],
    ]
    before = [(each.id, each.status, each.sealed_record) for each in host.rows()]
    host.extension.workspace_loader(lambda: "w2")
    client = host.app.test_client()
    keys = [host.create_key("w2"), host.create_key("w2", "w3", platform=True)]
    calls = [{"X-Api-Key": key, "X-Workspace-Id": "w2"} for key in keys]
    token = {"csrf_token": token_of(client)}
    odd = ["%00", "..", "%ff", "%ED%A0%80", "0" * 5000, "' OR 1=1 --", "%25", "*", foreign[0][:-1]]
    odd += [foreign[0].upper() + "a", f"{foreign[0]}%00", f"{foreign[0]}%20"]
    checked = 0
    for api in (True, False):
        for address, methods in routes(host, api=api):
            if "{}" not in address:
                continue
            for method in methods & {"GET", "POST", "DELETE"}:
                for headers in calls if api else ({},):
                    data = None if api or method == "GET" else token
                    given = {"method": method, "headers": headers, "data": data}
                    wanted = seen(client.open(address.format(UNKNOWN), **given))
                    assert wanted[0] in (404, 405)
                    for each in [*foreign, *odd] if method == "GET" else foreign:
                        assert seen(client.open(address.format(each), **given)) == wanted, each
                        checked += 1
    assert checked > 50
    assert [(each.id, each.status, each.sealed_record) for each in host.rows()] == before
    assert host.mailboxes("w2") == []


@pytest.mark.parametrize("setting", [{}, {"TESTING": True}, {"DEBUG": True}])
def test_what_goes_wrong_within_tells_nothing_of_itself(make, setting):
    """The case http-048-unhandled-exception, by a hook of the host's."""
    host = make()
    host.app.config.update(setting)
    canary = secrets.token_hex(8)

    def fail() -> str:
        raise RuntimeError(canary)

    host.extension.api_workspace_loader(fail)
    with logged() as log:
        answer = host.app.test_client().post(PATH, data=STAGED, content_type=FORM)
    assert_json(answer, 500, "internal")
    told = answer.text + str(answer.headers)
    assert not any(each in told for each in (canary, "Traceback", "site-packages", ".py", "Error:"))
    assert answer.json["details"]["reference"] in log.getvalue()
    assert canary not in log.getvalue()


def test_nothing_changes_on_the_hosts_own_routes(make):
    """The same requests to the same host, without us and with us."""

    def dress(app: Flask) -> Flask:
        app.config.update(MAX_CONTENT_LENGTH=2000, SECRET_KEY="x")
        app.config["PROPAGATE_EXCEPTIONS"] = False
        CSRFProtect(app)
        app.add_url_rule("/own", "own", lambda: {"b": "é", "a": 1}, methods=["GET", "POST"])
        app.add_url_rule("/own/<int:code>", "code", lambda code: abort(code))
        app.add_url_rule("/own/fails", "fails", lambda: 1 // 0)
        return app

    calls = [(path, method) for path in ("/own", "/own/7", "/no", "/v1/no") for method in METHODS]
    calls += [(f"/own/{code}", "GET") for code in (400, 401, 403, 404, 413, 422, 429, 500)]
    calls += [("/own/fails", "GET"), ("/v1/mailboxes", "GET"), ("/mailboxes", "GET")]
    bodies = [b"", form(), b"x" * 3000]
    answers = []
    for app in (dress(Flask("host")), dress(make().app)):
        client = app.test_client()
        answers.append(
            [
                seen(client.open(path, method=method, data=body, content_type=FORM))
                for path, method in calls
                for body in bodies
            ]
        )
    assert answers[0] == answers[1]
    assert {each[0] for each in answers[0]} >= {200, 400, 404, 405, 413, 422, 429, 500}


def test_other_spellings_of_the_address_are_refused_or_the_same_route(make):
    host = make()
    client, headers = host.app.test_client(), {"X-Api-Key": host.create_key()}
    head, tail = PATH.rsplit("/", 1)
    spellings = [f"{PATH}/", f"/{PATH}", f"{head}//{tail}", f"{head}%2f{tail}", f"{PATH}%00"]
    spellings += [PATH.upper(), f"{head}/./{tail}", f"{PATH};x", f"{PATH}.json", f"{PATH}%20"]
    for each in spellings:
        answer = client.post(each, data=form(dryRun="true"), content_type=FORM, headers=headers)
        assert answer.status_code in (200, 308, 404, 405), each
        assert answer.status_code != 308 or answer.location.endswith(PATH)
        assert (answer.status_code == 200) == answer.is_json


def test_under_a_prefix_everything_is_there_and_nothing_beside_it(make):
    host = make(URL_PREFIX="/tools/mail")
    client, headers = host.app.test_client(), {"X-Api-Key": host.create_key()}
    given = {"data": STAGED, "content_type": FORM, "headers": headers}
    for prefix in ("", "/tools", "/tools/mail/tools/mail", "/TOOLS/MAIL"):
        assert client.post(prefix + PATH, **given).status_code == 404
    assert_json(client.post(f"/tools/mail{PATH}", data=STAGED, content_type=FORM), 401, "no_key")
    assert client.post(f"/tools/mail{PATH}", **given).json["data"]["imported"] == 1
    assert client.get(f"/tools/mail{UPLOAD}").status_code == 200


@pytest.mark.parametrize("kind", ["csrf first", "csrf last"])
def test_under_a_hosts_csrf_protection_each_route_of_the_api_answers_in_json(make, kind):
    host = make(kind)
    client = host.app.test_client()
    for address, _ in routes(host, api=True):
        if not address.endswith("/openapi.json"):
            assert_json(client.post(address.format(UNKNOWN)), 401, "no_key")


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
