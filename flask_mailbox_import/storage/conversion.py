"""Turns frozen values into columns and back; seals and opens passwords on the way."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row
from sqlalchemy.orm import QueryableAttribute

from ..core.codes import Code
from ..core.errors import SealError
from ..core.failures import Failure
from ..core.imports import FileReading, ImportOptions, ImportStatus, Summary, WaitingFile
from ..core.mailboxes import Login, Mailbox, Protocol, Security
from ..core.rows import CheckedRow, Outcome, Record, RowResult, RowStatus, StagedRow
from ..core.secret import Secret
from .models import KEEP_UNTESTED, ImportMixin, ImportRowMixin, MailboxMixin, now
from .reasons import failure_from, said_json, warnings_from, warnings_json
from .sealing import Field, KeyRing, new_seal_id


def mailbox_columns(
    mailbox: Mailbox, key_ring: KeyRing, workspace_id: str, seal_id: str
) -> dict[str, Any]:
    """Return the columns of a mailbox, with its passwords sealed for the row of this seal id."""

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
    return {**columns, **mailbox.host_values}


def login_of(mailbox: MailboxMixin) -> Login:
    """Return the SMTP login of a saved mailbox. Needs an app context.

    :raises SealError: the password does not open.
    """
    return Login(
        protocol=Protocol.SMTP,
        host=mailbox.smtp_host,
        port=mailbox.smtp_port,
        security=Security(mailbox.smtp_security),
        username=mailbox.smtp_username,
        password=Secret(mailbox.smtp_password()),
    )


def server_cells(mailbox: MailboxMixin | Row[Any]) -> dict[str, str]:
    """Return the cells that name the servers of a saved mailbox, and the user names there."""
    imap_port, imap_security = mailbox.imap_port, mailbox.imap_security
    return {
        "smtphost": mailbox.smtp_host,
        "smtpport": str(mailbox.smtp_port),
        "smtpsecure": str(mailbox.smtp_security == Security.TLS.value).lower(),
        "smtpusername": mailbox.smtp_username,
        "imaphost": mailbox.imap_host or "",
        "imapport": str(imap_port) if imap_port else "",
        "imapsecure": str(imap_security == Security.TLS.value).lower() if imap_security else "",
        "imapusername": mailbox.imap_username or "",
    }


def record_of(mailbox: MailboxMixin, key_ring: KeyRing, row: int) -> Record:
    """Return the record that describes a saved mailbox.

    :raises SealError: a password of it does not open.
    """

    def opened(sealed: bytes | None, field: Field) -> Secret:
        if sealed is None:
            return Secret("")
        return key_ring.open(
            sealed, workspace_id=mailbox.workspace_id, seal_id=mailbox.seal_id, field=field
        )

    password = opened(mailbox.sealed_smtp_password, Field.SMTP_PASSWORD)
    imap_password = opened(mailbox.sealed_imap_password, Field.IMAP_PASSWORD)
    # One password for both stands in one column, so that one correction is enough.
    is_one = imap_password.same_as(password)
    return Record(
        row=row,
        cells={
            "email": mailbox.email,
            "displayname": mailbox.display_name,
            **server_cells(mailbox),
        },
        secrets={
            "password": password,
            "smtppassword": Secret(""),
            "imappassword": Secret("") if is_one else imap_password,
        },
    )


def outcome_columns(outcome: Outcome, status: RowStatus, failure: Failure | None) -> dict[str, Any]:
    """Return the columns of what came of a row.

    :param failure: why there is no mailbox; it may be another one than the outcome's.
    """
    return {
        **_status_columns(status, failure),
        **_test_columns(outcome),
        "said": said_json(failure=failure, smtp=outcome.smtp, imap=outcome.imap),
        "warnings": warnings_json(outcome.warnings) or None,
    }


def refusal_columns(outcome: Outcome) -> dict[str, Any]:
    """Return the columns from which refused logins are counted."""
    return {"status": RowStatus.FAILED.value, **_test_columns(outcome)}


def _status_columns(status: RowStatus, failure: Failure | None) -> dict[str, Any]:
    return {
        "status": status.value,
        "code": failure.code.value if failure else None,
        "reply": failure.reply if failure else None,
    }


def _test_columns(outcome: Outcome) -> dict[str, Any]:
    smtp, imap = outcome.smtp, outcome.imap
    return {
        "smtp_code": smtp.code.value if smtp else None,
        "imap_code": imap.code.value if imap else None,
    }


def row_columns(
    checked: CheckedRow, key_ring: KeyRing, workspace_id: str, keep_failed: timedelta
) -> dict[str, Any]:
    """Return the columns of a checked row. A skipped row's record is not kept.

    The whole record is sealed, not only its passwords: where an unquoted delimiter has moved the
    cells, any cell may hold a part of a password.
    """
    record, failure = checked.record, checked.failure
    columns: dict[str, Any] = {
        "row": record.row,
        "email": record.shown_email,
        "smtp_host": record.smtp_host or None,
        "smtp_port": record.smtp_port,
        **_status_columns(checked.status, failure),
        "said": said_json(failure=failure),
        "warnings": warnings_json(record.warnings) or None,
        "seal_id": new_seal_id(),
        "sealed_record": None,
        "record_expires_at": None,
    }
    keep = KEEP_UNTESTED if checked.status is RowStatus.READY else keep_failed
    # A record with a text that is too long is not kept: it may not fit into its column.
    too_long = failure is not None and failure.code is Code.FIELD_TOO_LONG
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
    """Return a row with its record.

    :raises SealError: the record is sealed with a key that is not configured.
    """
    record, is_broken = None, False
    if row.sealed_record is not None:
        try:
            record = _opened_record(row, row.sealed_record, key_ring, workspace_id)
        except SealError as fault:
            if fault.key_id is not None:
                raise
            is_broken = True
    return StagedRow(
        id=row.id,
        row=row.row,
        email=row.email,
        code=Code(row.code) if row.code else None,
        smtp_host=row.smtp_host or "",
        smtp_port=row.smtp_port,
        record=record,
        is_broken=is_broken,
        deaths=row.deaths,
    )


def _opened_record(
    row: ImportRowMixin, sealed: bytes, key_ring: KeyRing, workspace_id: str
) -> Record:
    clear = key_ring.open(
        sealed, workspace_id=workspace_id, seal_id=row.seal_id, field=Field.RECORD
    )
    cells, secrets = json.loads(clear.reveal())
    return Record(
        row=row.row,
        cells=cells,
        secrets={name: Secret(text) for name, text in secrets.items()},
        warnings=warnings_from(row.warnings),
    )


#: The options that are columns of an import. The others are needed only to read its file.
_OPTIONS = tuple(
    each.name for each in fields(ImportOptions) if each.name in ImportMixin.__annotations__
)


def options_columns(options: ImportOptions) -> dict[str, Any]:
    """Return the columns of an import's options."""
    values = {name: getattr(options, name) for name in _OPTIONS}
    return {
        name: value.value if isinstance(value, Enum) else value for name, value in values.items()
    }


def options_of(found: ImportMixin) -> ImportOptions:
    """Return the options of an import."""
    return ImportOptions(**{name: getattr(found, name) for name in _OPTIONS})


def file_columns(waiting: WaitingFile, key_ring: KeyRing, import_id: str) -> dict[str, Any]:
    """Return the columns of an import that has a sealed file in place of rows."""
    options = waiting.options
    reading = [options.encoding, dict(options.column_mapping), dict(options.servers)]
    text = json.dumps([waiting.data.decode("latin-1"), *reading], ensure_ascii=False)
    return {
        "sealed_file": key_ring.seal(
            Secret(text),
            workspace_id=options.workspace_id,
            seal_id=import_id,
            field=Field.FILE,
        ),
        "file_expires_at": now() + KEEP_UNTESTED,
    }


def file_of(found: ImportMixin, key_ring: KeyRing) -> WaitingFile | None:
    """Return the waiting file of an import; None where there is none."""
    if found.sealed_file is None:
        return None
    clear = key_ring.open(
        found.sealed_file, workspace_id=found.workspace_id, seal_id=found.id, field=Field.FILE
    )
    text, encoding, column_mapping, servers = json.loads(clear.reveal())
    options = replace(
        options_of(found), encoding=encoding, column_mapping=column_mapping, servers=servers
    )
    return WaitingFile(options=options, data=text.encode("latin-1"))


def summary_of(
    found: ImportMixin,
    status: ImportStatus,
    counts: Counter[str],
    *,
    errors: tuple[RowResult, ...] | None = None,
    skips: tuple[RowResult, ...] | None = None,
    **more: Any,
) -> Summary:
    """Return the summary of an import from its columns and its counted rows.

    :param status: its status by `status_now`.
    :param errors: all its failed rows, and ``skips``: all its skipped ones; None: not read.
    """
    # Rows may have been saved after they were counted; then those that are listed count.
    for name, listed in (("failed", errors), ("skipped", skips)):
        if listed is not None:
            counts["ready"] -= len(listed) - counts[name]
            counts[name] = len(listed)
    finished_at = found.finished_at
    if found.status != status.value and not counts["ready"]:
        # Its run died after the last row, before it could write its end.
        status = ImportStatus.FINISHED
        finished_at = datetime.fromtimestamp(found.beat or 0, timezone.utc).replace(tzinfo=None)
    understood = dict(found.understood or {})
    understood["columns"] = tuple(tuple(each) for each in understood.get("columns", ()))
    return Summary(
        options=options_of(found),
        import_id=found.id,
        status=status,
        imported=counts["imported"],
        skipped=counts["skipped"],
        failed=counts["failed"],
        ready=counts["ready"],
        waiting=counts["waiting"],
        updated=counts["updated"],
        created_at=found.created_at,
        finished_at=finished_at,
        understood=FileReading(**understood),
        asks=found.file_expires_at is not None,
        is_stopping=status is ImportStatus.RUNNING and found.cancelled_at is not None,
        seconds_in_run=(now() - (found.started_at or now())).total_seconds(),
        errors=errors or (),
        skips=skips or (),
        **more,
    )


def result_columns(
    row: type[ImportRowMixin],
) -> tuple[ColumnElement[Any] | QueryableAttribute[Any], ...]:
    """Return the columns that `row_result` needs; the sealed record is not among them."""
    read = (
        row.import_id,
        row.row,
        row.email,
        row.status,
        row.smtp_host,
        row.smtp_port,
        row.code,
        row.reply,
        row.smtp_code,
        row.imap_code,
        row.said,
        row.warnings,
    )
    return (*read, row.sealed_record.is_not(None).label("has_record"))


def row_result(found: Row[Any], options: ImportOptions) -> RowResult:
    """Return the result of a row from its `result_columns`."""
    status = RowStatus(found.status)
    is_kept = found.has_record and found.code != Code.WRONG_COLUMN_COUNT.value
    return RowResult(
        row=found.row,
        email=found.email,
        status=status,
        smtp_host=found.smtp_host or "",
        smtp_port=found.smtp_port,
        failure=failure_from(found.code, found.said, "failure", found.reply),
        smtp=failure_from(found.smtp_code, found.said, "smtp"),
        imap=failure_from(found.imap_code, found.said, "imap"),
        mailbox_status=options.mailbox_status if status is RowStatus.IMPORTED else None,
        is_kept=is_kept,
        warnings=warnings_from(found.warnings),
    )
