"""Bad luck: a fault for a moment, a process that dies at the last write, logins that queue up."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from steering import ended, file_of, sent, wait_for
from steering import gate as gate

READS = {
    "is it cancelled": "SELECT mailbox_import_import.cancelled_at",
    "what is to be done": "SELECT mailbox_import_row.id",
}


@pytest.mark.parametrize("read", READS)
def test_a_read_that_fails_once_ends_no_run(make_host, mail_server, gate, read):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread")
    met = []

    def fail_once(_connection, _cursor, statement, *_):
        if statement.startswith(READS[read]) and "SELECT count" not in statement and not met:
            met.append(statement)
            raise OperationalError(statement, {}, Exception("database is locked"))

    with host.app.app_context():
        event.listen(host.db.engine, "before_cursor_execute", fail_once)
    import_id = sent(host, file_of(server.port, "a", "b"))
    wait_for(lambda: met and gate.came == 2)
    gate.open()
    assert ended(host, import_id)["imported"] == 2
