"""What a summary says is true of one moment, though other processes write meanwhile."""

from __future__ import annotations

import io

import pytest
from mailbox_files import Header, row
from sqlalchemy import Engine, event

from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.failures import failure_for
from flask_mailbox_import.core.imports import ImportOptions
from flask_mailbox_import.core.rows import Outcome


@pytest.mark.parametrize("asked", ["one import", "all imports"])
def test_as_many_rows_have_failed_as_are_listed_while_a_batch_is_saved(make_host, database, asked):
    host = make_host(database=database, RUNNER="thread")
    csv = Header + "".join(row(f"u{each}@x.com", "pw", 587, host="s.x.com") for each in range(4))
    csv += row("", "pw", 587)
    with host.app.app_context():
        importer = host.extension.importer
        file = io.BytesIO(csv.encode())
        import_id = importer.stage_file(file, ImportOptions(workspace_id="w1"))
        run = host.runs().claim(import_id)
        ready = run.ready_rows()
        saved = []

        def save_one(_connection, _cursor, statement, *_):
            """Save a failed row before the failed rows are read, and after they were counted."""
            reads = "mailbox_import_row.said" in statement and statement.startswith("SELECT")
            if reads and not saved:
                saved.append(ready[0])
                failed = Outcome(
                    row_id=ready[0].id, row=ready[0].row, failure=failure_for(Code.BAD_CREDENTIALS)
                )
                run.save([failed])

        event.listen(Engine, "before_cursor_execute", save_one)
        try:
            if asked == "one import":
                summary = importer.summary(import_id, workspace_id="w1")
            else:
                (summary,) = importer.imports(workspace_id="w1").items
        finally:
            event.remove(Engine, "before_cursor_execute", save_one)
    assert saved
    assert summary.failed == len(summary.errors)
    assert (summary.failed + summary.ready, summary.imported, summary.skipped) == (5, 0, 0)
