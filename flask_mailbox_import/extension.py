"""The extension object: mounts the import into an app, and keeps the host's hooks."""

from __future__ import annotations

import logging
import smtplib
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast

import sqlalchemy
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from . import cli
from .config import Config
from .core.errors import ConfigError
from .engine.host_columns import problems_of_columns
from .engine.importer import Importer
from .engine.state import NAME, State, WorkspaceLoader, current_state, new_engine
from .probe.connections import open_connection, open_smtp
from .storage.api_keys import ApiKeys
from .storage.conversion import login_of
from .storage.models import M_co, MailboxMixin, Models, models_for
from .storage.rotation import Rotation
from .storage.sealing import KeyRing
from .web.blueprint import new_blueprint

logger = logging.getLogger("flask_mailbox_import")


_Hook = TypeVar("_Hook", bound=Callable[[], Any])


class MailboxImport(Generic[M_co]):
    """The Flask extension with which an app's users import mailboxes from a CSV file.

    One object serves any number of apps. What belongs to one app is in ``app.extensions``.

    :param app: if it is given, :meth:`init_app` is called with it and ``db``.
    :param mailbox_model: the host's own model with :class:`MailboxMixin`, in place of ours.
    :param texts: the host's own texts of the pages, by our texts.
    """

    def __init__(
        self,
        app: Flask | None = None,
        db: SQLAlchemy | None = None,
        *,
        mailbox_model: type[M_co] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        self._mailbox_model = mailbox_model
        self._texts = dict(texts or {})
        self._workspace_loader: Callable[[], Any] | None = None
        self._api_workspace_loader: WorkspaceLoader | None = None
        if app is not None:
            self.init_app(app, db)

    def init_app(self, app: Flask, db: SQLAlchemy | None) -> None:
        """Mount the import into an app: routes, commands, and models on ``db``.

        The ``MAILBOX_IMPORT_*`` settings are read here; later changes have no effect.

        :raises ConfigError: lists everything that is wrong with the settings.
        :raises RuntimeError: the app has a ``MailboxImport`` already.
        """
        if NAME in app.extensions:
            raise RuntimeError(
                "this app has a MailboxImport already: create one object for all apps and call "
                "its init_app once for each"
            )
        if not isinstance(db, SQLAlchemy):
            raise ConfigError(
                ["pass the app's flask_sqlalchemy.SQLAlchemy object: init_app(app, db)"]
            )
        model = self._mailbox_model
        if problems := [*_problems_of_app(app, db), *_problems_of_model(model)]:
            raise ConfigError(problems)
        if model is not None and (problems := [*problems_of_columns(model)]):
            raise ConfigError(problems)
        config = Config.from_mapping(app.config)
        if config.runner == "celery":
            raise ConfigError(
                ["MAILBOX_IMPORT_RUNNER: 'celery' is not available yet, use 'thread' or 'inline'"]
            )
        _warn_of_development(app, config)
        models = models_for(db, model)
        if config.runner != "inline" and not app.testing:
            models = replace(models, are_taken_up=True)
        app.extensions[NAME] = self._state(db, models, config)
        app.register_blueprint(new_blueprint(config.url_prefix))
        app.before_request(app.extensions[NAME].sweeper.begin)
        app.cli.add_command(cli.group)

    def workspace_loader(self, hook: _Hook) -> _Hook:
        """Register a function for pages: it returns the workspace's id, None, or a response."""
        self._workspace_loader = hook
        return hook

    def api_workspace_loader(self, hook: _Hook) -> _Hook:
        """Register a function for JSON calls without a key: it returns a workspace id, or None."""
        self._api_workspace_loader = hook
        return hook

    @property
    def importer(self) -> Importer:
        """The importer of the current app: imports without HTTP."""
        return current_state().importer

    def create_api_key(self, workspace_id: str) -> str:
        """Make an API key for a workspace of the current app and return it. It is not kept.

        :raises ValueError: the id is no workspace id.
        """
        return current_state().api_keys.create([workspace_id])

    def open_smtp(self, mailbox: MailboxMixin, timeout: float = 30.0) -> smtplib.SMTP:
        """Connect to a mailbox's server as `connect` does, with verified TLS, and log in.

        Use it in a ``with``; its ``send_message`` sends.

        :param timeout: seconds up to the end of the login, and for each reply afterwards.
        :raises smtplib.SMTPException: a fault of the dialogue; ``SMTPAuthenticationError`` where
            the login was refused.
        :raises OSError: the server cannot be reached; ``ssl.SSLError`` is one.
        :raises SealError: the password does not open.
        """
        return open_smtp(login_of(mailbox), timeout, current_state().config)

    def connect(self, host: str, port: int, timeout: float = 30.0) -> socket.socket:
        """Connect to a mailbox's server, if ``ALLOWED_*`` and ``DENIED_NETWORKS`` permit it.

        Use it for every later connection: the name may resolve to other addresses by then, and
        without a test its addresses were never checked.

        :param timeout: seconds to look the name up and to connect; then for each read and write.
        :raises socket.gaierror: the name does not exist, or one of its addresses is not allowed.
        :raises OSError: the server cannot be reached.
        """
        return open_connection(host, port, timeout, current_state().config)

    @property
    def models(self) -> Models[M_co]:
        """The models of the current app: ``mailbox``, ``import_``, ``row`` and ``api_key``."""
        return cast("Models[M_co]", current_state().models)

    def _state(self, db: SQLAlchemy, models: Models, config: Config) -> State:
        key_ring = KeyRing(config.encryption_keys)
        importer, mending, sweeper, worker = new_engine(db, models, key_ring, config)
        return State(
            config=config,
            key_ring=key_ring,
            models=models,
            importer=importer,
            mending=mending,
            sweeper=sweeper,
            worker=worker,
            api_keys=ApiKeys(db, models),
            rotation=Rotation(db, models, key_ring),
            texts=self._texts,
            workspace_loader=lambda: self._workspace_loader,
            api_workspace_loader=lambda: self._api_workspace_loader,
        )


def _problems_of_app(app: Flask, db: SQLAlchemy) -> Iterator[str]:
    """Yield why the import could not work in an app, and the way out."""
    if not app.secret_key:
        yield "SECRET_KEY: set it before init_app; the forms of the pages are signed with it"
    options = app.config.get("SQLALCHEMY_ENGINE_OPTIONS") or {}
    if options.get("isolation_level") == "AUTOCOMMIT":
        yield (
            "SQLALCHEMY_ENGINE_OPTIONS sets isolation_level to AUTOCOMMIT: an import needs "
            "transactions, so leave it out"
        )
    if db.session.session_factory.kw.get("autobegin") is False:
        yield (
            "SQLAlchemy's session_options set autobegin to False: an import's sessions begin by "
            "themselves, so leave it out"
        )


def _warn_of_development(app: Flask, config: Config) -> None:
    """Warn of settings that are not for production."""
    inside = any(each.is_loopback or each.is_link_local for each in config.allowed_networks)
    switches = {
        "DEBUG": app.debug,
        "SQLALCHEMY_ECHO": app.config.get("SQLALCHEMY_ECHO"),
        "WTF_CSRF_ENABLED": app.config.get("WTF_CSRF_ENABLED") is False,
        "MAILBOX_IMPORT_ALLOW_PLAINTEXT": config.allow_plaintext,
        "MAILBOX_IMPORT_ALLOWED_NETWORKS (this machine)": inside,
    }
    on = [name for name, is_on in switches.items() if is_on]
    if on and not app.testing:
        logger.warning("not for production: %s", ", ".join(on))


def _problems_of_model(model: type[MailboxMixin] | None) -> Iterator[str]:
    """Yield why a host's own model cannot hold mailboxes, and the way out."""
    if model is None:
        return
    name = model.__name__
    if not issubclass(model, MailboxMixin):
        yield f"{name} must inherit MailboxMixin"
        return
    table = sqlalchemy.inspect(model).local_table
    bind = getattr(table, "info", {}).get("bind_key") or table.metadata.info.get("bind_key")
    if bind is not None:
        yield (
            f"{name} is bound to another database (__bind_key__ {bind!r}): leave that out; "
            "mailboxes and imports are written in one transaction"
        )
    wanted = {"workspace_id", "email_key"}
    unique = [each for each in getattr(table, "constraints", ()) if _is_unique(each)]
    unique += [each for each in getattr(table, "indexes", ()) if each.unique]
    if not any({column.name for column in each.columns} == wanted for each in unique):
        yield (
            f"{name} sets __table_args__ without the unique constraint: add "
            "UniqueConstraint('workspace_id', 'email_key') to it"
        )


def _is_unique(constraint: object) -> bool:
    return isinstance(constraint, sqlalchemy.UniqueConstraint | sqlalchemy.PrimaryKeyConstraint)
