"""What a look of the sweeper's does, and what the one after a look that failed leaves alone."""

from __future__ import annotations

import pytest
from database_contents import change, status_of
from import_calls import stage
from mailbox_files import untested
from sqlalchemy import event
from waiting import runner_threads, wait_for


def test_after_a_look_that_failed_the_runs_may_beat_before_one_is_taken_up(make_host):
    """While the database is away no run can write a beat."""
    host = make_host(RUNNER="thread")
    sweeper = host.app.extensions["mailbox_import"].sweeper
    import_id = stage(host, untested(1), skip_connection_test=True)
    away = [True]

    def fail(_connection, _cursor, statement, *_others) -> None:
        if away and "mailbox_import_import" in statement:
            away.clear()
            raise RuntimeError("the database is away")

    with host.app.app_context():
        event.listen(host.db.engine, "before_cursor_execute", fail)
        with pytest.raises(RuntimeError):
            sweeper.look()
        change(host, import_id, status="running", run_token="0" * 32, beat=0)
        sweeper.look()
        assert status_of(host, import_id) == "running"
        sweeper.look()
    wait_for(lambda: not runner_threads())
    assert status_of(host, import_id) == "finished"
