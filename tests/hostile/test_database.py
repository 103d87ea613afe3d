"""The hostile cases of kind ``db``: what is in the tables, moved or read by somebody else."""

from __future__ import annotations

import io
import logging
import re
import socket
from pathlib import Path

import pytest
import sqlalchemy
from file_reading import options
from import_calls import stage
from leak_search import CANARY, assert_clean
from mailbox_files import Header, row
from project_paths import TESTS
from sqlalchemy import event, text

from flask_mailbox_import import ImportInterrupted, SealError
from flask_mailbox_import.core.secret import generate_encryption_key

pytestmark = pytest.mark.slow

#: The cases that are a test in another module.
ELSEWHERE = {
    "db-001-no-plaintext": "end_to_end/test_secrets.test_the_password_is_nowhere",
    "db-007-aad-ambiguity": "storage/test_sealing.test_the_parts_of_the_place_cannot_be_shifted",
    "db-010-rotation": "storage/test_rotation",
    "db-012-encrypt-failure-no-leak": "end_to_end/test_secrets.test_nor_where_something_breaks",
    "db-016-row-failure-isolated": "end_to_end/test_database_faults.test_a_row_that_the",
    "db-019-api-key-hash-only": "storage/test_api_keys.test_only_the_hash_of_a_key_is_stored",
    "db-024-task-delivered-twice": "end_to_end/test_races",
    "db-025-secret-repr": "core/test_secret.test_a_secret_shows_itself_to_reveal_only",
    "db-028-unpatched-process": "probe/test_schedule.test_twenty_slow_servers_take_about_as_long",
    "db-029-audit-events": "test_signals",
    "db-031-session-not-shared": "project/test_wings.test_a_module_imports_only_what_its_wing_may",
}
#: Those that mean nothing here, or mean something else.
OTHERWISE = {
    "db-022-celery-message": "no import leaves its process yet: there is no broker",
    "db-023-forged-celery-task": "as above; a run reads its workspace from the import",
}


def test_every_case_has_its_place():
    here = Path(__file__).read_text()
    for case, place in ELSEWHERE.items():
        module, _, name = place.partition(".")
        assert f"def {name or 'test_'}" in (TESTS / f"{module}.py").read_text(), case
    assert len(set(re.findall(r"db-\d{3}", here))) == 24


def imported(host, csv: str) -> list:
    data = host.post(csv, skipConnectionTest="true").json["data"]
    assert data["failed"] == 0
    return host.mailboxes()


def execute(host, statement: str, **values: object) -> None:
    with host.app.app_context():
        host.db.session.execute(text(statement), values)
        host.db.session.commit()


def tables_of(host) -> dict[str, list[tuple[object, ...]]]:
    """Return all that is in the database, by table."""
    with host.app.app_context():
        inspector = sqlalchemy.inspect(host.db.engine)
        with host.db.engine.connect() as connection:
            return {
                name: [tuple(each) for each in connection.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
                for name in inspector.get_table_names()
            }


def test_the_same_password_is_sealed_differently_each_time(make_host):
    """db-002: nobody sees by the tables who has the same password."""
    host = make_host()
    first, second = imported(host, Header + row("a@x.com", "pw", 587) + row("b@x.com", "pw", 587))
    assert first.sealed_smtp_password != second.sealed_smtp_password
    assert first.sealed_smtp_password != first.sealed_imap_password


MOVES = {
    "db-004": "SET sealed_imap_password = sealed_smtp_password",
    "db-005": "SET workspace_id = 'w2'",
    "row": "SET sealed_smtp_password = (SELECT sealed_smtp_password FROM other)",
}


def open_both(mailbox) -> None:
    pytest.fail(f"opened {mailbox.smtp_password()} and {mailbox.imap_password()}")


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_value_that_was_moved_in_the_tables_does_not_open(make_host, caplog, move):
    """db-004 and db-005."""
    host = make_host()
    imported(host, Header + row("a@x.com", CANARY, 587) + row("b@x.com", "pw", 587))
    execute(host, "CREATE TABLE other AS SELECT * FROM mailbox_import_mailbox WHERE id = 2")
    execute(host, f"UPDATE mailbox_import_mailbox {move} WHERE id = 1")
    with host.app.app_context():
        mailbox = host.db.session.get(host.extension.models.mailbox, 1)
        with pytest.raises(SealError, match="moved from another row or workspace") as caught:
            open_both(mailbox)
    assert_clean("error", f"{caught.value!r} {caplog.text}".encode())
    assert "event=seal_broken" in caplog.text


def test_a_value_of_another_key_names_the_key_only(make_host, tmp_path):
    """db-011: an operator sees which key is missing, and nothing of the value."""
    host = make_host()
    (mailbox,) = imported(host, Header + row("a@x.com", CANARY, 587))
    kid = mailbox.sealed_smtp_password[2 : 2 + mailbox.sealed_smtp_password[1]].decode()
    other = make_host(database=f"sqlite:///{tmp_path}/host0.sqlite")
    with other.app.app_context():
        found = other.db.session.get(other.extension.models.mailbox, mailbox.id)
        with pytest.raises(SealError, match=f"sealed with key '{kid}'") as caught:
            found.smtp_password()
    assert mailbox.sealed_smtp_password.hex() not in str(caught.value)


def test_an_echo_shows_neither_a_password_nor_a_key(make_host, caplog, capfd):
    """db-014: a development switch that was left on."""
    host = make_host()
    with host.app.app_context():
        host.db.engine.echo = True
    caplog.set_level(logging.DEBUG, logger="sqlalchemy")
    caplog.set_level(logging.DEBUG)
    key = host.create_key()
    host.post(Header + row("a@x.com", CANARY, 587) + row("bad", CANARY, 587), key)
    said = "".join([caplog.text, *capfd.readouterr()])
    assert "INSERT INTO mailbox_import_row" in said
    assert_clean("echo", said.encode())
    assert key not in said


@pytest.mark.parametrize(("length", "code"), [(67, None), (68, "field_too_long")])
def test_an_address_fits_its_column_or_fails_its_row(make_host, database, length, code):
    """db-017: of 254 characters at most, on databases that cut or refuse what is longer."""
    domain = ".".join(["d" * 60] * 3) + ".com"
    host = make_host(database=database)
    csv = Header + row(f"{'a' * length}@{domain}", "pw", 587) + row("b@x.com", "pw", 587)
    data = host.post(csv, skipConnectionTest="true").json["data"]
    assert [each["code"] for each in data["errors"]] == ([code] if code else [])
    assert data["imported"] == (1 if code else 2)


def test_sql_in_a_file_is_text(make_host):
    """db-018."""
    host = make_host()
    quoted = "a'; DROP TABLE mailbox_import_mailbox;--"
    csv = Header + row(f"{quoted}@x.com", quoted, 587) + row("b@x.com", quoted, 587)
    data = host.post(csv, tag="'; DELETE FROM mailbox_import_row;--").json["data"]
    assert data["errors"][0]["email"] == f"{quoted}@x.com"
    data = host.post(csv, tag=quoted, skipConnectionTest="true").json["data"]
    assert (data["imported"], data["failed"]) == (1, 1)
    (mailbox,) = host.mailboxes()
    assert (mailbox.tag, mailbox.clear) == (quoted, quoted)


def test_what_is_kept_of_a_failed_import_is_neither_its_file_nor_a_digest_of_it(
    make_host, mail_server
):
    """db-020 and db-021; a server's answer to a login is kept, cleaned, as the contract says."""
    server = mail_server(accounts={})
    host = make_host(server.port, KEEP_FAILED_SECRETS=0)
    csv = Header + row("a@x.com", CANARY, server.port)
    host.post(csv)
    kept = repr(tables_of(host))
    assert "bad_credentials" in kept
    assert_clean("tables", kept.encode())
    assert csv.splitlines()[1] not in kept
    with host.app.app_context():
        columns = {each.name for each in host.extension.models.import_.__table__.columns}
    assert "id" in columns
    assert not {each for each in columns if "digest" in each or "hash" in each}


def test_refused_logins_of_one_process_count_in_another(make_host, mail_server, tmp_path):
    """db-030: the limit is the workspace's, whatever the process, the key or the address."""
    server = mail_server(accounts={})
    hosts = [
        make_host(server.port, MAX_REFUSED_LOGINS=3, database=f"sqlite:///{tmp_path}/one.sqlite")
        for _ in range(2)
    ]
    csv = Header + "".join(row(f"u{each}@x.com", "no", server.port) for each in range(3))
    assert hosts[0].post(csv).status_code == 200
    for host in hosts:
        answer = host.post(csv)
        assert (answer.status_code, answer.json["reason"]) == (429, "too_many_refused_logins")
    assert len(server.logins) == 3
    assert hosts[1].post(csv, hosts[1].create_key("w2")).status_code == 200


def test_a_host_that_was_changed_in_the_tables_is_judged_again(make_host):
    """db-032: by the helper that a sender uses."""
    host = make_host(ALLOWED_NETWORKS=[])
    imported(host, Header + row("a@x.com", "pw", 587, host="smtp.x.com"))
    execute(host, "UPDATE mailbox_import_mailbox SET smtp_host = '169.254.169.254'")
    with host.app.app_context():
        mailbox = host.db.session.get(host.extension.models.mailbox, 1)
        with pytest.raises(socket.gaierror, match="no mail server of this name"):
            host.extension.connect(mailbox.smtp_host, mailbox.smtp_port)


def test_nothing_is_logged_of_a_statement_that_fails(make_host, caplog):
    """What the driver says of a row may hold its values."""
    host = make_host()

    with host.app.app_context():

        @event.listens_for(host.db.engine, "before_cursor_execute")
        def break_statement(_connection, cursor, statement, *_):
            if "INSERT INTO mailbox_import_mailbox" in statement:
                cursor.execute(f"SELECT '{CANARY}' FROM nowhere")  # noqa: S608

    caplog.set_level(logging.DEBUG)
    # A fault of the row or, as SQLAlchemy 2.1 wraps it, of the whole import.
    host.post(Header + row("a@x.com", "pw", 587), skipConnectionTest="true")
    assert host.mailboxes() == []
    assert "OperationalError" in caplog.text
    assert_clean("log", caplog.text.encode())


def test_a_row_that_was_moved_in_the_tables_is_not_tested_and_told(make_host, mail_server, caplog):
    """A record that waits is bound to its row as a password is."""
    server = mail_server()
    host = make_host(server.port)
    lines = [row(f"{each}@x.com", "pw", server.port) for each in "ab"]
    import_id = stage(host, Header + "".join(lines))
    swap = "SET sealed_record = (SELECT sealed_record FROM mailbox_import_row WHERE id = 2)"
    execute(host, f"UPDATE mailbox_import_row {swap} WHERE id = 1")
    with host.app.app_context():
        summary = host.extension.importer.continue_import(import_id)
    assert (summary.imported, [each.failure.code.value for each in summary.errors]) == (
        1,
        ["internal"],
    )
    assert [each.email for each in host.mailboxes()] == ["b@x.com"]
    assert f"event=seal_broken import_id={import_id} workspace_id=w1 row_id=1" in caplog.text
    assert len(server.logins) == 1


def test_without_the_key_of_what_waits_a_run_stops_and_nothing_is_lost(make_host, tmp_path):
    """A deploy with the wrong keys erases nothing."""
    database = f"sqlite:///{tmp_path}/one.sqlite"
    keys = [generate_encryption_key()]
    host = make_host(database=database, ENCRYPTION_KEYS=keys, KEEP_FAILED_SECRETS=0)
    csv = Header + row("a@x.com", "pw", 587, host="smtp.x.com")
    with host.app.app_context():
        import_id = host.extension.importer.stage_file(
            io.BytesIO(csv.encode()), options(skip_connection_test=True)
        )
    other = make_host(database=database, KEEP_FAILED_SECRETS=0)
    with other.app.app_context():
        kid = keys[0].partition(":")[0]
        with pytest.raises(ImportInterrupted, match=f"sealed with key '{kid}'") as caught:
            other.extension.importer.continue_import(import_id)
    assert (caught.value.summary.ready, caught.value.summary.failed) == (1, 0)
    with host.app.app_context():
        assert host.extension.importer.continue_import(import_id).imported == 1
