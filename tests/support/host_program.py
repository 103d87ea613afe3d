"""A program of a host's, to be checked by mypy and pyright in their strict modes; never run."""

from __future__ import annotations

import io

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from typing_extensions import assert_type

from flask_mailbox_import import (
    Code,
    ImportOptions,
    MailboxImport,
    MailboxMixin,
    Page,
    Summary,
    TryLater,
)


class Base(DeclarativeBase):
    """The host's base."""


class Mailbox(MailboxMixin, Base):
    """The host's own model."""

    __tablename__ = "mailbox"
    nickname: Mapped[str] = mapped_column(default="")


db = SQLAlchemy(model_class=Base)
mailbox_import = MailboxImport(mailbox_model=Mailbox)


@mailbox_import.workspace_loader
def workspace() -> str | None:
    """Return the workspace of a request."""
    return "acme"


def names(app: Flask) -> list[str]:
    """Use what is public, with its types."""
    mailbox_import.init_app(app, db)
    assert_type(mailbox_import.models.mailbox, type[Mailbox])
    assert_type(MailboxImport().models.mailbox, type[MailboxMixin])
    mailbox = mailbox_import.models.mailbox(workspace_id="acme", email="ann@example.com")
    mailbox.set_smtp_password("secret")
    options = ImportOptions(workspace_id="acme", skip_connection_test=True)
    try:
        summary = mailbox_import.importer.import_file(io.BytesIO(), options)
    except TryLater as later:
        return [str(later.retry_after)]
    with mailbox_import.open_smtp(mailbox) as smtp:
        smtp.noop()
    assert_type(mailbox_import.importer.imports(workspace_id="acme"), Page[Summary])
    failed = [each for each in summary.errors if each.code is Code.BAD_CREDENTIALS]
    return [mailbox.nickname, *(each.hint for each in failed)]
