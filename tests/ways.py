"""Ways through an import with a canary password: by the pages, and with things that break."""

from __future__ import annotations

import io
import re

from conftest import Header, Host, row
from sinks import CANARY, Sinks
from sqlalchemy import event


def csv_of(port: int, bad: int = 1) -> str:
    """Return a file with a good row, and so many bad ones."""
    return Header + row("a@x.com", CANARY, port) + row("bad", CANARY, port) * bad


def by_pages(host: Host, sinks: Sinks, csv: str | bytes, **fields: str) -> str:
    """Import a file by the pages; return the address of its result."""
    client = host.app.test_client()

    def token(address: str) -> str:
        text = sinks.answer(client.get(address)).text
        found = re.search('name="csrf_token"[^>]* value="([^"]+)"', text)
        # A page where nothing is left to import has no form.
        return found[1] if found else ""

    data = csv.encode() if isinstance(csv, str) else csv
    address = "/mailboxes/import"
    form = {"csrf_token": token(address), "file": (io.BytesIO(data), "m.csv"), **fields}
    answer = sinks.answer(client.post(address, data=form))
    while answer.status_code == 303 and answer.location.endswith("/check"):
        address = answer.location
        form = {"csrf_token": token(address), "encoding": "windows-1252"}
        if "encoding" not in client.get(address).text:
            del form["encoding"]
        answer = sinks.answer(client.post(address, data=form))
    if answer.status_code == 303:
        sinks.answer(client.get(answer.location))
        sinks.answer(client.get(answer.location + "/report.csv"))
    return answer.location or ""


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
