"""A correction of an address or a server: what was found for the old one is not kept."""

from __future__ import annotations

import pytest
from import_calls import call, retry, rows_of


@pytest.fixture
def host(make_host):
    return make_host()


def failed(host, text: str, **fields: str) -> str:
    """Post a file whose only row fails; return the import's id."""
    answer = host.post(text, skipConnectionTest="true", **{"findServers": "true", **fields})
    data = answer.json["data"]
    assert data["failed"] == 1, data
    return data["importId"]


def corrected(host, import_id: str, **cells: str) -> None:
    answer = retry(host, import_id, {"corrections": {"2": cells}})
    assert answer.status_code == 202, answer.text


def stored(host) -> list[tuple[object, ...]]:
    return [
        (each.email, each.smtp_host, each.smtp_username, each.imap_host, each.imap_username)
        for each in host.mailboxes()
    ]


def warned(host, import_id: str) -> list[str]:
    (row,) = rows_of(host, import_id)
    return [each["message"] for each in row["warnings"] if each["code"] == "server_found"]


GMX = ("ann@gmx.net", "mail.gmx.net", "ann@gmx.net", "imap.gmx.net", "ann@gmx.net")


def test_the_servers_of_the_old_address_are_not_kept(host):
    import_id = failed(host, "email,password,smtpusername,displayname\nanm@web.de,,,\n")
    corrected(host, import_id, email="ann@gmx.net", password="pw")
    assert stored(host) == [GMX]
    assert warned(host, import_id) == [
        f"The column {side}host was empty: {host}, port {port}, was found for gmx.net."
        for side, host, port in (("smtp", "mail.gmx.net", 465), ("imap", "imap.gmx.net", 993))
    ]


def test_a_user_name_that_the_row_has_stays(host):
    import_id = failed(host, "email,password,smtpusername\nanm@web.de,,login-7\n")
    corrected(host, import_id, email="ann@gmx.net", password="pw")
    assert stored(host) == [(*GMX[:2], "login-7", *GMX[3:])]


def test_a_server_that_the_row_names_stays(host):
    text = "email,password,smtphost,smtpport\nanm@web.de,,smtp.my.example,2525\n"
    import_id = failed(host, text)
    corrected(host, import_id, email="ann@gmx.net", password="pw")
    assert stored(host) == [("ann@gmx.net", "smtp.my.example", "ann@gmx.net", *GMX[3:])]
    assert host.mailboxes()[0].smtp_port == 2525


def test_what_is_found_for_the_right_address_is_used(host):
    import_id = failed(host, "email,password\nann@gmail,pw\n")
    corrected(host, import_id, email="ann@gmail.com")
    assert stored(host)[0][:2] == ("ann@gmail.com", "smtp.gmail.com")


def test_a_correction_names_another_server_and_the_old_ones_port_goes(host):
    import_id = failed(host, "email,password\nann@web.de,\n")
    corrected(host, import_id, smtphost="smtp.my.example", password="pw")
    (mailbox,) = host.mailboxes()
    assert (mailbox.smtp_host, mailbox.smtp_port, mailbox.smtp_security) == (
        *("smtp.my.example", 587),
        "starttls",
    )
    assert mailbox.smtp_username == "ann@web.de"
    assert mailbox.imap_host == "imap.web.de"
    assert len(warned(host, import_id)) == 1


def test_what_a_correction_does_not_touch_stays_as_found(host):
    import_id = failed(host, "email,password\nann@web.de,\n")
    corrected(host, import_id, email="ann@web.de", smtphost="smtp.web.de", password="pw")
    assert stored(host)[0][1] == "smtp.web.de"
    assert len(warned(host, import_id)) == 2


def test_a_change_of_many_rows_is_a_correction_too(host):
    import_id = failed(host, "email,password\nann@web.de,\n")
    where = {"code": "missing_credentials"}
    given = {"email": "ann@gmx.net", "password": "pw"}
    assert retry(host, import_id, {"changes": [{"where": where, "set": given}]}).status_code == 202
    assert stored(host) == [GMX]


def test_without_the_option_nothing_is_looked_for(host):
    text = "email,password,smtphost,imaphost\nann@web.de,,,\n"
    import_id = failed(host, text, findServers="false")
    corrected(host, import_id, password="pw")
    (error,) = call(host, "GET", f"/{import_id}").json["data"]["errors"]
    assert error["hint"] == "Fill in the column smtphost."


def test_a_kept_server_of_the_old_mailbox_is_not_used_for_another(host):
    text = "email,password,smtphost,imaphost,smtpusername\nann@gmx.net,pw,smtp.my.example,,me\n"
    host.post(text, skipConnectionTest="true")
    import_id = failed(host, "email,password\nann@gmx.net,\n", onDuplicate="update")
    corrected(host, import_id, email="bob@gmx.net", password="pw")
    assert [each[1:3] for each in stored(host)] == [
        *(("smtp.my.example", "me"), ("mail.gmx.net", "bob@gmx.net")),
    ]
