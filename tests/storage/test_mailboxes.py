"""A batch of mailboxes is saved in one statement a table."""

from __future__ import annotations

from collections import Counter

import pytest
from databases import execute, hang_up
from mailbox_files import Header, row
from sqlalchemy import Engine, event
from waiting import wait_for


@pytest.mark.parametrize("rows", [50, 200])
def test_a_batch_is_saved_in_one_statement_a_table(make_host, database, rows):
    host = make_host(database=database)
    key, said = host.create_key(), Counter()

    def count(_connection, _cursor, statement, *_):
        said[statement.partition("(")[0]] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        csv = "".join(row(f"u{each}@x.com", "pw", 587, host="smtp.x.com") for each in range(rows))
        answer = host.post(Header + csv, key, skipConnectionTest="true")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert answer.json["data"]["imported"] == rows
    inserted = {name.split()[2]: times for name, times in said.items() if "INSERT" in name}
    assert inserted == {
        "mailbox_import_import": 1,
        "mailbox_import_row": 1,
        "mailbox_import_mailbox": rows // 50,
    }


_READ = """
    SELECT relname, sum(idx_tup_read)::int FROM pg_stat_user_indexes
    WHERE indexrelname NOT LIKE '%_pkey' GROUP BY relname"""
_ADD = """
    INSERT INTO mailbox_import_mailbox (workspace_id, email, email_key, display_name, status,
        smtp_host, smtp_port, smtp_security, smtp_username, seal_id, sealed_smtp_password,
        created_at)
    SELECT 'w1', e, e, '', 'active', 'smtp.x.com', 587, 'starttls', e, n, '', now()
    FROM (SELECT n, 'old' || n || '@x.com' AS e FROM generate_series(1, 20000) n) AS made"""


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("policy", ["skip", "update"])
def test_a_batch_reads_no_other_mailboxes_where_there_are_no_statistics(
    make_host, database, policy
):
    rows = 2000
    host = make_host(database=database, MAX_ROWS=3000, MAX_FILE_SIZE=10**6)
    tables = ("mailbox_import_mailbox", "mailbox_import_row", "mailbox_import_import")
    never = [f"ALTER TABLE {each} SET (autovacuum_enabled = false)" for each in tables]
    execute(database, *never, _ADD)
    fields = {"skipConnectionTest": "true", "onDuplicate": policy}
    emails = ["old7@x.com", *(f"u{each}@x.com" for each in range(rows))]
    csv = Header + "".join(row(each, "pw", 587, host="s.x.com") for each in emails)
    data = host.post(csv, **fields).json["data"]
    assert data["imported"] + data["skipped"] == rows + 1
    assert data["skipped"] == (policy == "skip")
    # Its connections tell their counts when they end.
    host.close()
    hang_up(database)
    read = wait_for(lambda: dict(map(tuple, execute(database, _READ))))
    assert 0 < read["mailbox_import_mailbox"] < rows
    assert read["mailbox_import_row"] < 20 * rows
