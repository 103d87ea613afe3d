"""A transaction is repeated where that helps, and leaves the host's own session as it is."""

from __future__ import annotations

import io

import pytest
from flask_sqlalchemy import SQLAlchemy
from mailbox_files import THREE_MAILBOXES
from sqlalchemy.exc import OperationalError

from flask_mailbox_import.storage.session import repeated


@pytest.mark.parametrize(("lost", "calls"), [(False, 3), (True, 1)])
def test_a_transaction_that_met_a_lock_is_repeated_and_a_lost_connection_is_not(lost, calls):
    made = []

    @repeated
    def work() -> str:
        made.append(1)
        if len(made) < 3:
            raise OperationalError("UPDATE", {}, Exception("locked"), connection_invalidated=lost)
        return "done"

    if lost:
        with pytest.raises(OperationalError):
            work()
    else:
        assert work() == "done"
    assert len(made) == calls


def test_the_sessions_of_the_host_keep_what_they_have(host_with_model):
    db = SQLAlchemy(session_options={"expire_on_commit": False, "autoflush": False})
    host = host_with_model(db)
    with host.app.app_context():
        mine = db.session.scalars(db.select(host.extension.models.import_)).all()
        summary = host.extension.importer.run_file(
            io.BytesIO(THREE_MAILBOXES.encode()), workspace_id="w1", skip_connection_test=True
        )
        assert mine == []
        assert summary.imported == 3
