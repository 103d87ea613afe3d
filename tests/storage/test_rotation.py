"""Another first key: all is sealed anew, whatever interrupts it, and nothing opens elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from host_apps import Host, new_host
from import_calls import stage
from mailbox_files import Header, row
from sqlalchemy import create_engine, event, text

from flask_mailbox_import import SealError, signals
from flask_mailbox_import.core.secret import Secret, generate_encryption_key
from flask_mailbox_import.storage.rotation import Rotated
from flask_mailbox_import.storage.sealing import Field

pytestmark = pytest.mark.slow

OLD, NEW = generate_encryption_key(), generate_encryption_key()
OLD_ID, NEW_ID = OLD.partition(":")[0], NEW.partition(":")[0]
COLUMNS = "email,password,smtphost,imaphost,imappassword\n"


@pytest.fixture
def host_with(tmp_path: Path, ca_file: str) -> Iterator[Callable[..., Host]]:
    """Make apps on one database; the arguments are their keys, the first one first."""
    with ExitStack() as stack:

        def make(*keys: str, port: int = 587) -> Host:
            host = new_host(tmp_path / "one.sqlite", ca_file, port, ENCRYPTION_KEYS=list(keys))
            return stack.enter_context(closing(host))

        yield make


def store(host: Host, *numbers: int) -> None:
    """Store a mailbox with two passwords for each number."""
    lines = (f"u{n}@x.com,smtp{n},smtp.x.com,imap.x.com,imap{n}\n" for n in numbers)
    assert host.post(COLUMNS + "".join(lines), skipConnectionTest="1").status_code == 200


def rotate(host: Host) -> Rotated:
    with host.app.app_context():
        return host.app.extensions["mailbox_import"].rotation.run()


def passwords(host: Host) -> list[tuple[str, str]]:
    with host.app.app_context():
        model = host.extension.models.mailbox
        found = host.db.session.scalars(host.db.select(model).order_by(model.id)).all()
        return [(each.smtp_password(), each.imap_password()) for each in found]


def execute(host: Host, statement: str, **values: object) -> int:
    """Execute a statement on a connection of its own, as somebody else would."""
    engine = create_engine(host.app.config["SQLALCHEMY_DATABASE_URI"])
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount
    finally:
        engine.dispose()


@contextmanager
def listening(host: Host, name: str, receive: Callable[..., None]) -> Iterator[None]:
    with host.app.app_context():
        engine = host.db.engine
    event.listen(engine, name, receive)
    try:
        yield
    finally:
        event.remove(engine, name, receive)


def test_everything_that_is_sealed_is_sealed_anew(host_with, mail_server):
    server = mail_server(accounts={"ready@x.com": "later"})
    old = host_with(OLD, port=server.port)
    store(old, 1)
    failed = Header + row("failed@x.com", "wrong", server.port)
    assert old.post(failed).json["data"]["failed"] == 1
    ready = stage(old, (Header + row("ready@x.com", "later", server.port)).encode())
    kept = stage(old, (COLUMNS + "k@x.com,pässwörd,smtp.x.com,,\n").encode("cp1252"), ask=True)

    both = host_with(NEW, OLD, port=server.port)
    assert rotate(both) == Rotated(key_id=NEW_ID, sealed=5, current=0, unopened=())
    assert rotate(both) == Rotated(key_id=NEW_ID, sealed=0, current=5, unopened=())

    new = host_with(NEW, port=server.port)
    assert passwords(new) == [("smtp1", "imap1")]
    with new.app.app_context():
        importer = new.extension.importer
        assert importer.continue_import(ready).imported == 1
        assert importer.question(kept, workspace_id="w1")
        importer.read_as(kept, "windows-1252", workspace_id="w1")
        assert importer.summary(kept, workspace_id="w1").ready == 1
        state = new.app.extensions["mailbox_import"]
        (record,) = [each for each in new.rows() if each.email == "failed@x.com"]
        bound = {"workspace_id": "w1", "seal_id": record.seal_id, "field": "record"}
        assert "wrong" in state.key_ring.open(record.sealed_record, **bound).reveal()
    assert passwords(new)[1] == ("later", "later")


def test_without_it_the_key_that_is_missing_is_named(host_with):
    old = host_with(OLD)
    store(old, 1)
    kept = stage(old, (COLUMNS + "k@x.com,pässwörd,smtp.x.com,,\n").encode("cp1252"), ask=True)
    new = host_with(NEW)
    with pytest.raises(SealError, match=OLD_ID):
        passwords(new)
    with new.app.app_context(), pytest.raises(SealError, match=OLD_ID):
        new.extension.importer.read_as(kept, "windows-1252", workspace_id="w1")
    result = new.run("rotate-keys")
    assert (result.exit_code, "No other key" in result.output) == (1, False)
    assert re.findall(r"(?:mailbox|import) \w+", result.output) == [
        *("mailbox 1", "mailbox 1", f"import {kept}"),
    ]


def test_where_it_is_interrupted_all_opens_and_it_can_be_repeated(host_with):
    old = host_with(OLD)
    store(old, *range(10, 70))
    both = host_with(NEW, OLD)
    commits: list[int] = []

    def stop(_connection: object) -> None:
        commits.append(1)
        if len(commits) == 2:
            raise KeyboardInterrupt

    with listening(both, "commit", stop), pytest.raises(KeyboardInterrupt):
        rotate(both)
    everything = [(f"smtp{n}", f"imap{n}") for n in range(10, 70)]
    assert passwords(both) == everything
    with pytest.raises(SealError):
        passwords(host_with(NEW))
    assert rotate(both) == Rotated(key_id=NEW_ID, sealed=70, current=50, unopened=())
    assert passwords(host_with(NEW)) == everything


def test_what_does_not_open_is_named_and_all_else_is_done(host_with):
    old = host_with(OLD)
    store(old, 1, 2, 3)
    execute(
        old,
        "UPDATE mailbox_import_mailbox SET sealed_imap_password = X'0102' WHERE email='u2@x.com'",
    )
    result = host_with(NEW, OLD).run("rotate-keys")
    assert result.exit_code == 1
    assert "Sealed 5 values anew" in result.output
    assert "1 do not open" in result.output
    assert result.output.rstrip().endswith(": mailbox 2")
    execute(old, "DELETE FROM mailbox_import_mailbox WHERE id = 2")
    assert passwords(host_with(NEW)) == [("smtp1", "imap1"), ("smtp3", "imap3")]


def test_what_is_damaged_under_the_first_key_is_named_too(host_with):
    host = host_with(NEW)
    store(host, 1)
    execute(host, "UPDATE mailbox_import_mailbox SET seal_id = 'other'")
    assert rotate(host).unopened == ("mailbox 1", "mailbox 1")


@pytest.mark.parametrize("written", [None, b"\1\3abcother"])
def test_what_somebody_else_writes_meanwhile_stays(host_with, written):
    old = host_with(OLD)
    store(old, 1)
    both = host_with(NEW, OLD)
    meanwhile = []

    def write(_connection, _cursor, statement, *_others) -> None:
        if not meanwhile and "SET sealed_imap_password=" in statement:
            meanwhile.append(statement)
            execute(both, "UPDATE mailbox_import_mailbox SET sealed_imap_password = :x", x=written)

    with listening(both, "before_cursor_execute", write):
        rotate(both)
    assert meanwhile
    with both.app.app_context():
        model = both.extension.models.mailbox
        assert both.db.session.scalar(both.db.select(model.sealed_imap_password)) == written


def test_no_other_key_is_needed_is_said_only_where_it_is_so(host_with):
    old = host_with(OLD)
    store(old, 1, 2)
    both = host_with(NEW, OLD)
    meanwhile = []

    def write(_connection, _cursor, statement, *_others: object) -> None:
        # A process that does not know the new key yet stores another password.
        if not meanwhile and statement.startswith("UPDATE mailbox_import_mailbox"):
            meanwhile.append(statement)
            with old.app.app_context():
                model = old.extension.models.mailbox
                found = old.db.session.get(model, 1)
                ring = old.app.extensions["mailbox_import"].key_ring
                bound = {"seal_id": found.seal_id, "field": Field.SMTP_PASSWORD}
                found.sealed_smtp_password = ring.seal(
                    Secret("changed"), workspace_id="w1", **bound
                )
                old.db.session.commit()

    with listening(both, "before_cursor_execute", write):
        output = both.run("rotate-keys").output
    assert meanwhile
    assert "No other key is needed" in output
    assert passwords(host_with(NEW)) == [("changed", "imap1"), ("smtp2", "imap2")]


def test_the_command_shows_no_password_and_no_key(host_with):
    store(host_with(OLD), 1)
    for keys in ([NEW], [NEW, OLD]):
        output = host_with(*keys).run("rotate-keys").output
        assert output
        for secret in ("smtp1", "imap1", *(each.partition(":")[2] for each in (OLD, NEW))):
            assert secret not in output


#: What somebody who can write to the database may try.
TAMPERED = {
    "another row": "sealed_smtp_password = (SELECT sealed_smtp_password FROM"
    " mailbox_import_mailbox WHERE id = 1)",
    "another field": "sealed_smtp_password = sealed_imap_password",
    "another workspace": "workspace_id = 'w2'",
    "another row's id": "seal_id = 'f' || substr(seal_id, 2) || 'f'",
    "a byte more": "sealed_smtp_password = CAST(sealed_smtp_password || X'01' AS BLOB)",
    "a cut value": "sealed_smtp_password = substr(sealed_smtp_password, 1, 40)",
    "no value": "sealed_smtp_password = X''",
    "a key id that is longer than all": "sealed_smtp_password = X'01FF41'",
    "clear text": "sealed_smtp_password = CAST('smtp18' AS BLOB)",
}


def test_what_was_tampered_with_does_not_open_and_is_told(host_with):
    host = host_with(OLD)
    store(host, *range(10, len(TAMPERED) + 11))
    told = []

    def receive(_app: object, **facts: object) -> None:
        told.append(facts)

    for number, change in enumerate(TAMPERED.values(), 2):
        statement = f"UPDATE mailbox_import_mailbox SET {change} WHERE id = {number}"  # noqa: S608 (ours)
        assert execute(host, statement) == 1
    with signals.seal_broken.connected_to(receive, host.app), host.app.app_context():
        model = host.extension.models.mailbox
        first, *others = host.db.session.scalars(host.db.select(model).order_by(model.id))
        assert first.smtp_password() == "smtp10"
        for tampered, each in zip(TAMPERED, others, strict=True):
            with pytest.raises(SealError):
                pytest.fail(f"{tampered} opens: {each.smtp_password()}")
    assert [facts["mailbox_id"] for facts in told] == [each.id for each in others]
    assert told[0] == {"workspace_id": "w1", "mailbox_id": 2, "field": "smtp_password"}
