"""Frozen values <-> columns, passwords sealed and opened on the way; never touches a session."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any

from .codes import Code
from .errors import SealError
from .models import ImportMixin, ImportRowMixin, MailboxMixin
from .records import (
    CheckedRow,
    Login,
    Mailbox,
    Notice,
    OnDuplicate,
    Options,
    Reason,
    Record,
    RowStatus,
    Security,
)
from .sealing import Field, KeyRing, new_seal_id
from .secret import Secret
from .staged import KeptFile, Outcome, StagedRow

#: A run that gave no sign of life for this long is dead; runs give one each second.
STALE_AFTER = timedelta(seconds=20)
#: How long a refused login counts against its workspace, also where its import is forgotten.
REFUSED_COUNT_FOR = timedelta(hours=1)
#: The records of rows that nobody tested in this time are erased.
KEEP_UNTESTED = timedelta(hours=24)


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


def record_of(mailbox: MailboxMixin, key_ring: KeyRing, row: int) -> Record:
    """Return a saved mailbox as the record that describes it.

    :raises SealError: a password of it does not open.
    """

    def opened(sealed: bytes | None, field: Field) -> Secret:
        if sealed is None:
            return Secret("")
        return key_ring.open(
            sealed, workspace_id=mailbox.workspace_id, seal_id=mailbox.seal_id, field=field
        )

    imap_port, imap_security = mailbox.imap_port, mailbox.imap_security
    password = opened(mailbox.sealed_smtp_password, Field.SMTP_PASSWORD)
    imap_password = opened(mailbox.sealed_imap_password, Field.IMAP_PASSWORD)
    # One for both is told once, so that it is also corrected once.
    is_one = imap_password.same_as(password)
    return Record(
        row=row,
        cells={
            "email": mailbox.email,
            "displayname": mailbox.display_name,
            "smtphost": mailbox.smtp_host,
            "smtpport": str(mailbox.smtp_port),
            "smtpsecure": str(mailbox.smtp_security == Security.TLS.value).lower(),
            "smtpusername": mailbox.smtp_username,
            "imaphost": mailbox.imap_host or "",
            "imapport": str(imap_port) if imap_port else "",
            "imapsecure": str(imap_security == Security.TLS.value).lower() if imap_security else "",
            "imapusername": mailbox.imap_username or "",
        },
        secrets={
            "password": password,
            "smtppassword": Secret(""),
            "imappassword": Secret("") if is_one else imap_password,
        },
    )


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


def options_columns(options: Options) -> dict[str, Any]:
    """Return the columns of what an import is asked to do."""
    return {**asdict(options), "on_duplicate": options.on_duplicate.value}


def options_of(found: ImportMixin) -> Options:
    """Return what an import is asked to do."""
    return Options(
        workspace_id=found.workspace_id,
        tag=found.tag,
        skip_connection_test=found.skip_connection_test,
        test_imap=found.test_imap,
        on_duplicate=OnDuplicate(found.on_duplicate),
        file_name=found.file_name,
        api_key_id=found.api_key_id,
    )


def file_columns(kept: KeptFile, key_ring: KeyRing, import_id: str) -> dict[str, Any]:
    """Return the columns of an import whose file is kept, sealed, in place of its rows."""
    reading = [kept.encoding, dict(kept.column_mapping)]
    text = json.dumps([kept.data.decode("latin-1"), *reading], ensure_ascii=False)
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
    text, encoding, column_mapping = json.loads(clear.reveal())
    return KeptFile(
        options=options_of(found),
        data=text.encode("latin-1"),
        encoding=encoding,
        column_mapping=column_mapping,
    )
