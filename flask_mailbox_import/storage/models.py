"""The tables: the mixin for a host's own mailbox model, and our default models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Generic

import sqlalchemy
from flask import current_app
from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Mapper,
    declared_attr,
    mapped_column,
)

from ..core.errors import ConfigError, SealError
from ..core.host_columns import HostColumn
from ..core.secret import Secret
from ..core.validators import judge_address
from ..signals import password_opened, seal_broken, tell
from .host_columns import host_columns
from .sealing import Field, new_seal_id

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

    from .sealing import KeyRing


#: The key in ``MetaData.info`` of the models that were made for it.
_INFO_KEY = "mailbox_import_models"


def _exact(length: int) -> String:
    """Return a string type that compares byte by byte; MySQL's default takes ACME for acme."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")


def _words(length: int | None = None) -> Text | String:
    """Return a string type for all characters; a MySQL database's charset may refuse some."""
    if length is None:
        return Text().with_variant(mysql.TEXT(charset="utf8mb4"), "mysql", "mariadb")
    words = mysql.VARCHAR(length, charset="utf8mb4")
    return String(length).with_variant(words, "mysql", "mariadb")


def _large() -> LargeBinary:
    """Return a type for some megabytes."""
    large = LargeBinary(2**24 - 1)
    return large.with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


class MailboxMixin:
    """The columns of a mailbox, for a host's own model: ``class Mailbox(MailboxMixin, db.Model)``.

    A host that sets ``__table_args__`` itself repeats the unique constraint of this mixin.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a dataclass, whose fields would be in another order than SQLAlchemy wants."""
        if issubclass(cls, MappedAsDataclass):
            raise ConfigError(
                [
                    f"{cls.__name__} is a dataclass, which MailboxMixin cannot be: in place of "
                    "db.Model give it a base of its own, class Plain(DeclarativeBase) with "
                    "metadata = db.metadata, and a __tablename__"
                ]
            )
        super().__init_subclass__(**kwargs)

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(_exact(255))
    email: Mapped[str] = mapped_column(_words(254))
    #: Two mailboxes with the same key are the same: the address in ASCII and lower case.
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
    # A sentinel: it lets SQLAlchemy insert a batch in one statement on SQLite too.
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
        """Return the SMTP password in clear. Needs an app context.

        :raises SealError: the value was moved or damaged, or its key is not configured.
        """
        return self._open(self.sealed_smtp_password, Field.SMTP_PASSWORD).reveal()

    def imap_password(self) -> str | None:
        """Return the IMAP password in clear; None where there is none. Needs an app context.

        :raises SealError: see :meth:`smtp_password`.
        """
        sealed = self.sealed_imap_password
        return None if sealed is None else self._open(sealed, Field.IMAP_PASSWORD).reveal()

    def set_smtp_password(self, password: str | Secret) -> None:
        """Seal a new SMTP password, for the ``workspace_id`` that is set. Needs an app context.

        :raises ValueError: it is empty, or no ``workspace_id`` is set.
        """
        self.sealed_smtp_password = self._sealed(password, Field.SMTP_PASSWORD)

    def set_imap_password(self, password: str | Secret | None) -> None:
        """Seal a new IMAP password, as `set_smtp_password` does; None: there is none."""
        sealed = None if password is None else self._sealed(password, Field.IMAP_PASSWORD)
        self.sealed_imap_password = sealed

    def _sealed(self, password: str | Secret, field: Field) -> bytes:
        if not self.workspace_id:
            raise ValueError("set workspace_id first: the password is bound to it")
        if not password:
            raise ValueError("a password is not empty")
        # A new mailbox has none yet.
        self.seal_id = self.seal_id or new_seal_id()
        key_ring: KeyRing = current_app.extensions["mailbox_import"].key_ring
        return key_ring.seal(
            password if isinstance(password, Secret) else Secret(password),
            workspace_id=self.workspace_id,
            seal_id=self.seal_id,
            field=field,
        )

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


@event.listens_for(MailboxMixin, "mapper_configured", propagate=True)
def _watch_email(_mapper: Mapper[Any], model: type[MailboxMixin]) -> None:
    event.listen(model.email, "set", _keep_key)


def _keep_key(mailbox: MailboxMixin, email: str | None, *_: object) -> None:
    """Let ``email_key`` be that of a new address: by it, two mailboxes are the same.

    :raises ValueError: the text is no email address.
    """
    judged = judge_address(email or "")
    if judged is None:
        raise ValueError("email is not an address such as name@example.com")
    mailbox.email_key = judged[1]


class ImportMixin:
    """One import of one file. Its totals are counted from its rows."""

    id: Mapped[str] = mapped_column(_exact(32), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(_exact(255), index=True)
    status: Mapped[str] = mapped_column(String(16), index=True)
    tag: Mapped[str | None] = mapped_column(_words(64))
    skip_connection_test: Mapped[bool]
    test_imap: Mapped[bool]
    #: Servers that a row does not name are looked for, also when it is corrected.
    find_servers: Mapped[bool] = mapped_column(default=False)
    #: A value of ``OnDuplicate``.
    on_duplicate: Mapped[str] = mapped_column(String(16))
    file_name: Mapped[str | None] = mapped_column(_words(128))
    #: Equal for the same file of the same workspace; without the keys it tells nothing.
    fingerprint: Mapped[str | None] = mapped_column(_exact(64), index=True)
    #: How the file was read, as fields of ``FileReading``.
    understood: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: Warnings about the file, as fields of ``RowWarning``.
    notices: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    #: The id of the API key of the call; None where a page or the host made the import.
    api_key_id: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    #: When it was deleted; after that only its refused logins still count, for an hour.
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)
    #: The token of its run; a run writes only while its token is here.
    run_token: Mapped[str | None] = mapped_column(_exact(32))
    #: When its run last showed that it lives, in seconds since 1970 by the database's clock.
    beat: Mapped[int | None] = mapped_column(BigInteger)
    #: How many runs in a row have ended without a saved batch, by a death or a fault.
    attempts: Mapped[int] = mapped_column(default=0)
    #: When the last run began.
    started_at: Mapped[datetime | None]
    #: When the run was asked to stop.
    cancelled_at: Mapped[datetime | None]
    #: The whole file, while it waits for an answer on how it is to be read.
    sealed_file: Mapped[bytes | None] = mapped_column(_large(), deferred=True)
    #: When ``sealed_file`` is to be erased; None where there are rows in its place.
    file_expires_at: Mapped[datetime | None] = mapped_column(index=True)
    #: What was typed into the forms of its failed rows, and is not tested yet.
    sealed_draft: Mapped[bytes | None] = mapped_column(_large(), deferred=True)
    draft_expires_at: Mapped[datetime | None] = mapped_column(index=True)


class ImportRowMixin:
    """One row of a file: its outcome, and its sealed record while that is needed."""

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[str] = mapped_column(
        _exact(32), ForeignKey("mailbox_import_import.id", ondelete="CASCADE")
    )
    row: Mapped[int]
    #: As in the file.
    email: Mapped[str] = mapped_column(_words())
    status: Mapped[str] = mapped_column(String(16))
    #: The SMTP server and port that it names.
    smtp_host: Mapped[str | None] = mapped_column(_words())
    smtp_port: Mapped[int | None]
    #: Whether its import updated a mailbox that was already there.
    updated: Mapped[bool] = mapped_column(default=False)
    code: Mapped[str | None] = mapped_column(String(32))
    #: The server's reply, cleaned for display.
    reply: Mapped[str | None] = mapped_column(_words())
    #: The code of each failed connection test; None where it passed or was not made.
    smtp_code: Mapped[str | None] = mapped_column(String(32))
    imap_code: Mapped[str | None] = mapped_column(String(32))
    #: What is said of these codes: keys and values of sentences, where they are not the codes' own.
    said: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: Warnings about the row, as fields of ``RowWarning``.
    warnings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    seal_id: Mapped[str] = mapped_column(_exact(32))
    sealed_record: Mapped[bytes | None] = mapped_column(LargeBinary(65000))
    #: Its run has begun to test it; set at the run's next write, and unset by the next claim.
    is_begun: Mapped[bool] = mapped_column(default=False)
    #: How many runs have died or broken down while they tested it.
    deaths: Mapped[int] = mapped_column(default=0)
    #: It is ready, and left out until a person goes on: another row of its server comes first.
    waits: Mapped[bool] = mapped_column(default=False)
    #: When ``sealed_record`` is to be erased, if it is still there.
    record_expires_at: Mapped[datetime | None] = mapped_column(index=True)
    #: When a run imported, skipped or failed the row.
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
    """A key for the JSON API. Only its hash is stored."""

    id: Mapped[int] = mapped_column(primary_key=True)
    #: SHA-256 of the key, in hex.
    key_hash: Mapped[str] = mapped_column(_exact(64), unique=True)
    #: The first characters of the key, for ``flask mailbox-import keys``.
    prefix: Mapped[str] = mapped_column(_exact(16))
    platform: Mapped[bool]
    #: The workspace of a workspace key, or all workspaces of a platform key.
    workspace_ids: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    #: When it was last used, to the minute.
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    M_co = TypeVar("M_co", bound=MailboxMixin, default=MailboxMixin, covariant=True)
else:
    from typing import TypeVar

    M_co = TypeVar("M_co", bound=MailboxMixin, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Models(Generic[M_co]):
    """The four model classes of one app, and what their rows mean there."""

    mailbox: type[M_co]
    import_: type[ImportMixin]
    row: type[ImportRowMixin]
    api_key: type[ApiKeyMixin]
    #: Whether the app takes up by itself the imports whose runs are dead.
    are_taken_up: bool = False
    #: The columns of the host's own mailbox model that files may fill.
    host_columns: tuple[HostColumn, ...] = ()


def table_of(model: type[Any]) -> Table:
    """Return the table of a model. A query on it also finds rows that a host's ORM events hide."""
    table = sqlalchemy.inspect(model).local_table
    if not isinstance(table, Table):
        raise TypeError(f"{model.__name__} is not mapped to a table")
    return table


def models_for(db: SQLAlchemy, mailbox_model: type[MailboxMixin] | None) -> Models:
    """Return the models on ``db``, with ``mailbox_model`` if it is given.

    They are made at the first call for a ``db``. They use its metadata, so that ``db.create_all()``
    and Flask-Migrate see them, but not its ``Model`` class, whose columns could collide with ours.
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
        host_columns=host_columns(mailbox_model) if mailbox_model is not None else (),
    )


def _model(made: dict[str, Any], name: str, mixin: type, table: str) -> Any:
    return type(name, (mixin, made["base"]), {"__tablename__": table})


#: How long a refused login counts against its workspace, even if its import is deleted.
REFUSED_COUNT_FOR = timedelta(hours=1)
#: How long the records of ready rows, and waiting files, are kept.
KEEP_UNTESTED = timedelta(hours=24)


def now() -> datetime:
    """Return the current time as it is stored: UTC, without a time zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)
