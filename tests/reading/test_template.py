"""The template that people fill in: the same for page and call, and its example is no mailbox."""

from __future__ import annotations

from mailbox_files import report_cells

from flask_mailbox_import.core.rows import COLUMNS


def test_the_template_of_the_call_is_that_of_the_page(make_host):
    host = make_host()
    host.extension.workspace_loader(lambda: "w1")
    client = host.app.test_client()
    address = "/v1/mailboxes/import/smtp/template.csv"
    assert client.get(address).status_code == 401
    answer = client.get(address, headers={"X-Api-Key": host.create_key()})
    header, example = report_cells(answer.data)
    assert header == list(COLUMNS)
    assert example[0] == "ann@example.com"
    assert client.get("/mailboxes/import/template.csv").data == answer.data


def test_the_templates_example_is_no_mailbox(make_host):
    host = make_host()
    template = host.app.test_client().get(
        "/v1/mailboxes/import/smtp/template.csv", headers={"X-Api-Key": host.create_key()}
    )
    answer = host.post(template.data + b"b@x.com,pw,smtp.x.com,\r\n", skipConnectionTest="true")
    assert answer.json["data"]["imported"] == 1
    assert [(each["row"], each["code"]) for each in answer.json["data"]["warnings"]] == [
        (2, "example_row")
    ]
    assert host.post(template.data).json["reason"] == "no_rows"
