"""The database tables: the mailbox mixin for a host's own model, and our default models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import sqlalchemy
from flask import current_app
from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    case,
    or_,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from ..core.errors import SealError
from ..core.imports import STALE_AFTER, ImportStatus
from ..core.secret import Secret
from ..signals import password_opened, seal_broken, tell
from .sealing import Field, new_seal_id

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

    from .sealing import KeyRing


#: Where a MetaData keeps the models that were made for it.
_INFO_KEY = "mailbox_import_models"


def _exact(length: int) -> String:
    """A string type that compares byte by byte: MySQL's default takes ``ACME`` for ``acme``."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")


def _words(length: int | None = None) -> Text | String:
    """A type for any characters: with a MySQL database's own charset they could be refused."""
    if length is None:
        return Text().with_variant(mysql.TEXT(charset="utf8mb4"), "mysql", "mariadb")
    words = mysql.VARCHAR(length, charset="utf8mb4")
    return String(length).with_variant(words, "mysql", "mariadb")


class MailboxMixin:
    """The columns of a mailbox, for a host's own model: ``class Mailbox(MailboxMixin, db.Model)``.

    A host that sets ``__table_args__`` itself repeats the unique constraint of this mixin.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(_exact(255))
    email: Mapped[str] = mapped_column(_words(254))
    #: The address by which two mailboxes are the same: ASCII, lower case.
    email_key: Mapped[str] = mapped_column(_exact(254))
    display_name: Mapped[str] = mapped_column(_words(128), default="")
    #: ``active`` (the connection test passed) or ``pending`` (not tested).
    status: Mapped[str] = mapped_column(String(16))
    tag: Mapped[str | None] = mapped_column(_words(64))
    smtp_host: Mapped[str] = mapped_column(String(253))
    smtp_port: Mapped[int]
    #: ``tls``, ``starttls`` or, where the host allows it, ``plain``.
    smtp_security: Mapped[str] = mapped_column(String(16))
    smtp_username: Mapped[str] = mapped_column(_words(254))
    imap_host: Mapped[str | None] = mapped_column(String(253))
    imap_port: Mapped[int | None]
    imap_security: Mapped[str | None] = mapped_column(String(16))
    imap_username: Mapped[str | None] = mapped_column(_words(254))
    # A sentinel, so that SQLite too takes a batch of mailboxes in one statement.
    seal_id: Mapped[str] = mapped_column(_exact(32), default=new_seal_id, insert_sentinel=True)
    sealed_smtp_password: Mapped[bytes] = mapped_column(LargeBinary(8000))
    sealed_imap_password: Mapped[bytes | None] = mapped_column(LargeBinary(8000))
    #: The import that added this mailbox.
    import_id: Mapped[str | None] = mapped_column(_exact(32), index=True)
    #: UTC, without a time zone, as all times here.
    created_at: Mapped[datetime]
    tested_at: Mapped[datetime | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (UniqueConstraint("workspace_id", "email_key"),)

    def smtp_password(self) -> str:
        """Return the clear SMTP password. Needs an app context.

        :raises SealError: the value was moved or damaged, or its key is not configured.
        """
        return self._open(self.sealed_smtp_password, Field.SMTP_PASSWORD).reveal()

    def imap_password(self) -> str | None:
        """Return the clear IMAP password, None where there is none. Needs an app context.

        :raises SealError: see :meth:`smtp_password`.
        """
        sealed = self.sealed_imap_password
        return None if sealed is None else self._open(sealed, Field.IMAP_PASSWORD).reveal()

    def _open(self, sealed: bytes, field: Field) -> Secret:
        key_ring: KeyRing = current_app.extensions["mailbox_import"].key_ring
        facts: dict[str, str | int] = {
            "workspace_id": self.workspace_id,
            "mailbox_id": self.id,
            "field": field.value,
        }
        try:
            secret = key_ring.open(
                sealed, workspace_id=self.workspace_id, seal_id=self.seal_id, field=field
            )
        except SealError:
            tell(seal_broken, **facts)
            raise
        tell(password_opened, **facts)
        return secret


class ImportMixin:
    """One uploaded file and everything that came of it; its totals are counted from its rows."""

    id: Mapped[str] = mapped_column(_exact(32), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(_exact(255), index=True)
    status: Mapped[str] = mapped_column(String(16))
    tag: Mapped[str | None] = mapped_column(_words(64))
    skip_connection_test: Mapped[bool]
    test_imap: Mapped[bool]
    #: A value of ``OnDuplicate``.
    on_duplicate: Mapped[str] = mapped_column(String(16))
    file_name: Mapped[str | None] = mapped_column(_words(128))
    #: By which the same file is known when it comes again; tells nothing without the keys.
    fingerprint: Mapped[str | None] = mapped_column(_exact(64), index=True)
    #: What the file was taken for, as fields of ``Understood``.
    understood: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: What was worth saying about the file, as fields of a ``Notice``.
    notices: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    #: The API key that brought the file; None where a page or the host did.
    api_key_id: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    #: Set where it is forgotten, and only its refused logins are still counted, for an hour.
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)
    #: Who runs it; every write of a run is conditional on it.
    run_token: Mapped[str | None] = mapped_column(_exact(32))
    heartbeat_at: Mapped[datetime | None]
    #: When the last run began.
    started_at: Mapped[datetime | None]
    #: When somebody wanted the run to end.
    cancelled_at: Mapped[datetime | None]
    #: The whole file, while somebody is to say how it is to be read.
    sealed_file: Mapped[bytes | None] = mapped_column(LargeBinary(2**24 - 1), deferred=True)
    #: When ``sealed_file`` is to be erased; None where the rows are there in its place.
    file_expires_at: Mapped[datetime | None] = mapped_column(index=True)


class ImportRowMixin:
    """One row of a file: its sealed record, until it is done, and its outcome."""

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[str] = mapped_column(
        _exact(32), ForeignKey("mailbox_import_import.id", ondelete="CASCADE")
    )
    row: Mapped[int]
    #: As in the file.
    email: Mapped[str] = mapped_column(_words())
    status: Mapped[str] = mapped_column(String(16))
    #: Imported into a mailbox that was there already.
    updated: Mapped[bool] = mapped_column(default=False)
    code: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str | None] = mapped_column(_words())
    hint: Mapped[str | None] = mapped_column(_words())
    #: What the server answered, cleaned.
    reply: Mapped[str | None] = mapped_column(_words())
    #: What each connection test found; None where it passed or was not made.
    smtp_code: Mapped[str | None] = mapped_column(String(32))
    smtp_error: Mapped[str | None] = mapped_column(_words())
    imap_code: Mapped[str | None] = mapped_column(String(32))
    imap_error: Mapped[str | None] = mapped_column(_words())
    #: What was worth saying about the row, as fields of a ``Notice``.
    warnings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    seal_id: Mapped[str] = mapped_column(_exact(32))
    sealed_record: Mapped[bytes | None] = mapped_column(LargeBinary(65000))
    #: When ``sealed_record`` is to be erased, if nothing else erased it before.
    record_expires_at: Mapped[datetime | None] = mapped_column(index=True)
    #: When the row was imported, skipped or failed by a run.
    finished_at: Mapped[datetime | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            UniqueConstraint("import_id", "row"),
            Index("ix_mailbox_import_row_status", "import_id", "status"),
            Index("ix_mailbox_import_row_refused", "finished_at"),
        )


class ApiKeyMixin:
    """A key for the JSON API; only its hash is stored."""

    id: Mapped[int] = mapped_column(primary_key=True)
    #: SHA-256 of the key, in hex.
    key_hash: Mapped[str] = mapped_column(_exact(64), unique=True)
    #: What `flask mailbox-import keys` shows: the first characters, too few to guess the rest.
    prefix: Mapped[str] = mapped_column(_exact(16))
    platform: Mapped[bool]
    #: The one workspace of a workspace key, or all those of a platform key.
    workspace_ids: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    #: To the minute.
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The four model classes of one app."""

    mailbox: type[MailboxMixin]
    import_: type[ImportMixin]
    row: type[ImportRowMixin]
    api_key: type[ApiKeyMixin]


def table_of(model: type[Any]) -> Table:
    """Return the table of a model: what a host's ORM events hide of it is there all the same."""
    table = sqlalchemy.inspect(model).local_table
    if not isinstance(table, Table):
        raise TypeError(f"{model.__name__} is not mapped to a table")
    return table


def models_for(db: SQLAlchemy, mailbox_model: type[MailboxMixin] | None) -> Models:
    """Return the models on ``db``, made at the first call for it; ``mailbox_model`` if given.

    They share the metadata of ``db``, so that ``db.create_all()`` and Flask-Migrate see them, but
    not its ``Model`` class: columns or names that a host's base brings cannot collide with ours.
    """
    made: dict[str, Any] = db.metadata.info.setdefault(_INFO_KEY, {})
    if not made:
        made["base"] = type("Base", (DeclarativeBase,), {"metadata": db.metadata})
        made["import"] = _model(made, "Import", ImportMixin, "mailbox_import_import")
        made["row"] = _model(made, "ImportRow", ImportRowMixin, "mailbox_import_row")
        made["api_key"] = _model(made, "ApiKey", ApiKeyMixin, "mailbox_import_api_key")
    if mailbox_model is None and "mailbox" not in made:
        made["mailbox"] = _model(made, "Mailbox", MailboxMixin, "mailbox_import_mailbox")
    return Models(
        mailbox=mailbox_model or made["mailbox"],
        import_=made["import"],
        row=made["row"],
        api_key=made["api_key"],
    )


def _model(made: dict[str, Any], name: str, mixin: type, table: str) -> Any:
    return type(name, (mixin, made["base"]), {"__tablename__": table})


#: How long a refused login counts against its workspace, also where its import is forgotten.
REFUSED_COUNT_FOR = timedelta(hours=1)
#: The records of rows that nobody tested in this time are erased.
KEEP_UNTESTED = timedelta(hours=24)


def now() -> datetime:
    """Return the time as it is stored: UTC, without a time zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def is_dead(models: Models) -> ColumnElement[bool]:
    """Return what is true of an import whose run gave no sign of life for too long.

    Here alone it is said which run is dead.
    """
    model = models.import_
    silent = or_(model.heartbeat_at.is_(None), model.heartbeat_at < now() - STALE_AFTER)
    return and_(model.status == ImportStatus.RUNNING.value, silent)


def status_now(models: Models) -> ColumnElement[str]:
    """Return the status of an import: of one whose run is dead, that it was interrupted."""
    status = models.import_.status
    return case((is_dead(models), ImportStatus.INTERRUPTED.value), else_=status)
