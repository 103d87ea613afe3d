"""Parts of a host that break, and say of what."""

from __future__ import annotations

from host_apps import Host
from sqlalchemy import event


class Breaking:
    """A cipher that breaks, and says of what."""

    def encrypt(self, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        raise RuntimeError(f"cannot encrypt {data!r} {nonce!r} {bound!r}")


def break_cipher(host: Host) -> None:
    ring = host.app.extensions["mailbox_import"].key_ring
    ring._ciphers = dict.fromkeys(ring._ciphers, Breaking())


def fill_disk(host: Host) -> None:
    with host.app.app_context():
        engine = host.db.engine
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 1"))
    engine.dispose()


def refuse(host: Host, refused: str) -> None:
    """Let a statement break, and say of what."""
    with host.app.app_context():
        engine = host.db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def refuse(_connection, _cursor, statement, parameters, _context, _many):
        if refused in statement:
            raise RuntimeError(f"refused {parameters}")


def refuse_rows(host: Host) -> None:
    refuse(host, "INSERT INTO mailbox_import_row")


def refuse_outcomes(host: Host) -> None:
    refuse(host, "UPDATE mailbox_import_row")


def break_mailboxes(host: Host) -> None:
    with host.app.app_context():
        model = host.extension.models.mailbox

    @event.listens_for(model.email, "set")
    def refuse(target, value, _old, _initiator):
        raise RuntimeError(f"not {value} of {vars(target)}")


#: Before anything is stored, in mid-import, and at single rows.
FAULTS = {
    "cipher": break_cipher,
    "disk": fill_disk,
    "rows": refuse_rows,
    "outcomes": refuse_outcomes,
    "mailboxes": break_mailboxes,
}
