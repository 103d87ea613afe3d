"""What is wrong is told by status, reason and sentence, and nothing of our own is."""

from __future__ import annotations

import io

from app_routes import ROUTES
from http_forms import PATH, assert_json, untested_form
from import_calls import call, delete, imported
from mailbox_files import READY


def test_faults_of_the_file_are_400_and_store_nothing(client, host, key):
    fields = untested_form(file=(io.BytesIO(b"email,password\na,b\n"), "x.csv"))
    answer = client.post(PATH, data=fields, headers={"X-Api-Key": key})
    assert_json(answer, 400, "missing_column")
    assert answer.json["details"]["missing"] == ["smtphost", "imaphost"]
    assert host.rows() == []


def test_a_fault_of_ours_tells_a_reference_and_no_detail(client, host, key, caplog):
    with host.app.app_context():
        host.db.drop_all()
        host.db.session.execute(host.db.text("CREATE TABLE mailbox_import_api_key (id INTEGER)"))
        host.db.session.commit()
    answer = client.post(PATH, data=untested_form(), headers={"X-Api-Key": key})
    assert_json(answer, 500, "internal")
    reference = answer.json["details"]["reference"]
    assert reference in caplog.text
    assert "no such" not in answer.text
    assert key not in caplog.text


def test_whats_foreign_is_answered_like_what_is_not_there_byte_for_byte(host):
    foreign, gone = imported(host, READY, workspace_id="w2"), imported(host, READY)
    key = host.create_key()
    assert delete(host, gone, key).status_code == 204
    before = look_as(host, foreign)
    asked = [foreign, gone, "0" * 32, foreign.upper(), foreign[:-1], "%00", "%ED%A0%80", "'--"]
    for route, methods in ROUTES.items():
        for method in methods.split(", ") if "ID" in route else ():
            for more in ({}, {"data": b'{"rows": [2]}'}):
                answers = [
                    call(host, method, route.replace("ID", each), key=key, **more) for each in asked
                ]
                assert {each.status_code for each in answers} == {404}
                assert len({(each.data, str(each.headers)) for each in answers}) == 1
    assert look_as(host, foreign) == before


def look_as(host, import_id: str) -> dict:
    """Look at an import of the second workspace."""
    return call(host, "GET", f"/{import_id}", key=host.create_key("w2")).json
