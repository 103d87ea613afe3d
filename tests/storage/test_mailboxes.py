"""A batch of mailboxes is saved in one statement a table."""

from __future__ import annotations

from collections import Counter

import pytest
from mailbox_files import Header, row
from sqlalchemy import Engine, event


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
