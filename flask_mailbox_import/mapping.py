"""Frozen values <-> columns, passwords sealed and opened on the way; never touches a session."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .codes import Code
from .errors import SealError
from .models import ImportMixin, ImportRowMixin
from .records import CheckedRow, Login, Mailbox, Notice, Options, Reason, Record, RowStatus
from .sealing import Field, KeyRing, new_seal_id
from .secret import Secret

#: A run that gave no sign of life for this long is dead; runs give one each second.
STALE_AFTER = timedelta(seconds=20)
#: How long a refused login counts against its workspace, also where its import is forgotten.
REFUSED_COUNT_FOR = timedelta(hours=1)
#: The records of rows that nobody tested in this time are erased.
KEEP_UNTESTED = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The right to work on an import, until somebody else takes it over."""

    import_id: str
    workspace_id: str
    token: str
    tag: str | None
    skip_connection_test: bool
    test_imap: bool
    api_key_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An import with rows to do."""

    import_id: str
    workspace_id: str
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """A ready row out of the database; ``record`` is None where it is gone."""

    id: int
    record: Record | None
    #: It is there, but does not open: somebody has changed it.
    is_broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a staged row: a mailbox to save or, with ``reason``, why there is none."""

    row_id: int
    mailbox: Mailbox | None = None
    reason: Reason | None = None
    smtp: Reason | None = None
    imap: Reason | None = None
    #: What the check said about the row, and what the tests showed.
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file that waits for somebody to say which encoding it is in."""

    options: Options
    data: bytes
    column_mapping: Mapping[str, str | None]


def now() -> datetime:
    """Return the time as it is stored: UTC, without a time zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def mailbox_columns(mailbox: Mailbox, key_ring: KeyRing, workspace_id: str) -> dict[str, Any]:
    """Return the columns of a mailbox, its passwords sealed for this very row."""
    seal_id = new_seal_id()

    def sealed(login: Login, field: Field) -> bytes:
        return key_ring.seal(
            login.password, workspace_id=workspace_id, seal_id=seal_id, field=field
        )

    smtp, imap = mailbox.smtp, mailbox.imap
    columns: dict[str, Any] = {
        "workspace_id": workspace_id,
        "email": mailbox.email,
        "email_key": mailbox.email_key,
        "display_name": mailbox.display_name,
        "smtp_host": smtp.host,
        "smtp_port": smtp.port,
        "smtp_security": smtp.security.value,
        "smtp_username": smtp.username,
        "seal_id": seal_id,
        "sealed_smtp_password": sealed(smtp, Field.SMTP_PASSWORD),
    }
    if imap is not None:
        columns |= {
            "imap_host": imap.host,
            "imap_port": imap.port,
            "imap_security": imap.security.value,
            "imap_username": imap.username,
            "sealed_imap_password": sealed(imap, Field.IMAP_PASSWORD) if imap.password else None,
        }
    return columns


def status_columns(status: RowStatus, reason: Reason | None) -> dict[str, Any]:
    """Return the columns of what became of a row, and why."""
    return {
        "status": status.value,
        "code": reason.code.value if reason else None,
        "error": reason.error if reason else None,
        "hint": reason.hint if reason else None,
        "reply": reason.reply if reason else None,
    }


def test_columns(outcome: Outcome) -> dict[str, Any]:
    """Return the columns of what the connection tests of a row found."""
    smtp, imap = outcome.smtp, outcome.imap
    return {
        "smtp_code": smtp.code.value if smtp else None,
        "smtp_error": smtp.error if smtp else None,
        "imap_code": imap.code.value if imap else None,
        "imap_error": imap.error if imap else None,
        "warnings": [asdict(each) for each in outcome.notices] or None,
    }


def refusal_columns(outcome: Outcome) -> dict[str, Any]:
    """Return the columns by which a refused login is counted."""
    found = test_columns(outcome)
    return {"status": RowStatus.FAILED.value} | {
        name: found[name] for name in ("smtp_code", "imap_code")
    }


def row_columns(
    checked: CheckedRow, key_ring: KeyRing, workspace_id: str, keep_failed: timedelta
) -> dict[str, Any]:
    """Return the columns of a staged row; a skipped row's record is not kept.

    All of it is sealed, not the passwords alone: a row whose cells are shifted by a delimiter
    that was not quoted has a part of its password anywhere.
    """
    record, reason = checked.record, checked.reason
    columns: dict[str, Any] = {
        "row": record.row,
        "email": record.shown_email,
        **status_columns(checked.status, reason),
        "warnings": [asdict(each) for each in record.notices] or None,
        "seal_id": new_seal_id(),
        "sealed_record": None,
        "record_expires_at": None,
    }
    keep = KEEP_UNTESTED if checked.status is RowStatus.READY else keep_failed
    # What is too long was not meant, and may be too long for the column too.
    too_long = reason is not None and reason.code is Code.FIELD_TOO_LONG
    if checked.status is not RowStatus.SKIPPED and keep and not too_long:
        secrets = {name: each.reveal() for name, each in record.secrets.items()}
        columns["sealed_record"] = key_ring.seal(
            Secret(json.dumps([dict(record.cells), secrets])),
            workspace_id=workspace_id,
            seal_id=columns["seal_id"],
            field=Field.RECORD,
        )
        columns["record_expires_at"] = now() + keep
    return columns


def staged_row(row: ImportRowMixin, key_ring: KeyRing, workspace_id: str) -> StagedRow:
    """Return a staged row with its record.

    :raises SealError: it is sealed with a key that is not configured.
    """
    if row.sealed_record is None:
        return StagedRow(id=row.id, record=None)
    try:
        clear = key_ring.open(
            row.sealed_record, workspace_id=workspace_id, seal_id=row.seal_id, field=Field.RECORD
        )
    except SealError as fault:
        if fault.key_id is not None:
            raise
        return StagedRow(id=row.id, record=None, is_broken=True)
    cells, secrets = json.loads(clear.reveal())
    record = Record(
        row=row.row,
        cells=cells,
        secrets={name: Secret(text) for name, text in secrets.items()},
        notices=tuple(Notice(**each) for each in row.warnings or ()),
    )
    return StagedRow(id=row.id, record=record)


def file_columns(kept: KeptFile, key_ring: KeyRing, import_id: str) -> dict[str, Any]:
    """Return the columns of an import whose file is kept, sealed, in place of its rows."""
    text = json.dumps([kept.data.decode("latin-1"), dict(kept.column_mapping)], ensure_ascii=False)
    return {
        "sealed_file": key_ring.seal(
            Secret(text),
            workspace_id=kept.options.workspace_id,
            seal_id=import_id,
            field=Field.FILE,
        ),
        "file_expires_at": now() + KEEP_UNTESTED,
    }


def file_of(found: ImportMixin, key_ring: KeyRing) -> KeptFile | None:
    """Return the file of an import, None where there is none."""
    if found.sealed_file is None:
        return None
    clear = key_ring.open(
        found.sealed_file, workspace_id=found.workspace_id, seal_id=found.id, field=Field.FILE
    )
    text, column_mapping = json.loads(clear.reveal())
    options = Options(
        workspace_id=found.workspace_id,
        tag=found.tag,
        skip_connection_test=found.skip_connection_test,
        test_imap=found.test_imap,
        api_key_id=found.api_key_id,
    )
    return KeptFile(options=options, data=text.encode("latin-1"), column_mapping=column_mapping)
