"""A process that is forked while an import runs: the import stays its parent's."""

from __future__ import annotations

import os

import pytest
from database_contents import status_of
from import_calls import ended, sent
from mailbox_files import file_of
from waiting import wait_for

# A child with threads is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


def test_a_fork_has_no_part_in_what_its_parent_runs(make_host, mail_server, gate):
    server = mail_server(replies={"AUTH": gate})
    host = make_host(server.port, RUNNER="thread", MAX_RUNNING=1)
    import_id = sent(host, file_of(server.port, "a"))
    wait_for(lambda: gate.came)
    importer = host.app.extensions["mailbox_import"].importer
    child = os.fork()
    if not child:
        # Whatever happens here, no test of pytest's may go on.
        try:
            execution = importer._execution
            execution._beater.hand_over()
            is_free = importer._limits.take_place("w1") and not execution._works
            os._exit(0 if is_free else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert status_of(host, import_id) == "running"
    gate.open()
    assert ended(host, import_id)["imported"] == 1
