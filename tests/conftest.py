"""Fixtures of all tests: a throw-away CA, scripted mail servers, and host apps on databases."""

from __future__ import annotations

import itertools
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from databases import KINDS, fresh_database
from demo_process import Demo
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from host_apps import Host, new_host
from project_paths import ROOT
from server_certificates import server_context
from server_replies import Gate
from socket_watch import WATCH, SocketWatch
from waiting import runner_threads

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.testing import IMAPServer, SMTPServer, certificate_authority


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]):
    """In CI nothing is skipped: whatever a test needs is to be installed there."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {call.excinfo and call.excinfo.value}"
    return report


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return certificate_authority()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def context(ca: trustme.CA) -> ssl.SSLContext:
    return server_context(ca)


@pytest.fixture
def mail_server(context: ssl.SSLContext) -> Iterator[Callable[..., SMTPServer]]:
    """Start a server that offers STARTTLS (or what is asked for) and is closed after the test."""
    with ExitStack() as stack:

        def start(**options: object) -> SMTPServer:
            options.setdefault("context", context)
            return stack.enter_context(SMTPServer(**options))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def imap_server(context: ssl.SSLContext) -> Iterator[Callable[..., IMAPServer]]:
    """Start an IMAP server as ``mail_server`` does; it offers what Dovecot does."""
    with ExitStack() as stack:

        def start(**options: object) -> IMAPServer:
            options = {"context": context, "mechanisms": "SASL-IR AUTH=PLAIN ID", **options}
            return stack.enter_context(IMAPServer(**options))  # type: ignore[arg-type]

        yield start


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URI of an empty database, one of each kind."""
    with fresh_database(request.param, tmp_path) as uri:
        yield uri


@pytest.fixture
def make_host(tmp_path: Path, ca_file: str) -> Iterator[Callable[..., Host]]:
    """Make host apps, each on a database of its own unless one is given; see ``new_host``."""
    with ExitStack() as stack:
        made = itertools.count()

        def make(*ports: int, database: str | None = None, **settings: object) -> Host:
            file = tmp_path / f"host{next(made)}.sqlite"
            host = new_host(database or file, ca_file, *ports, **settings)
            stack.callback(host.close)
            return host

        yield make


@pytest.fixture
def host(make_host: Callable[..., Host]) -> Host:
    """A host whose pages are those of the workspace ``w1``."""
    made = make_host()
    made.extension.workspace_loader(lambda: "w1")
    return made


@pytest.fixture
def app(host: Host) -> Flask:
    """The host's app, under the name for which pytest-flask makes a ``client``."""
    return host.app


@pytest.fixture
def host_with_model(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Make hosts on one SQLite file, with a mailbox model of their own if one is given."""
    made = []

    def make(db: SQLAlchemy, model: type | None = None, keys: list[str] | None = None) -> Host:
        app = Flask("host")
        app.config["SECRET_KEY"] = "test"
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/host.sqlite"
        app.config["MAILBOX_IMPORT_ENCRYPTION_KEYS"] = keys or [generate_encryption_key()]
        db.init_app(app)
        extension = MailboxImport(mailbox_model=model)
        extension.init_app(app, db)
        with app.app_context():
            db.create_all()
        made.append(Host(app, db, extension))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture
def gate(make_host, mail_server) -> Iterator[Gate]:  # noqa: ARG001 (it ends before them)
    """Give a gate; it is open at the end of the test, and every runner at its end too."""
    made = Gate()
    yield made
    made.open()
    for thread in runner_threads():
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def watch() -> Iterator[SocketWatch]:
    """Count connects and look-ups of this process during the test."""
    WATCH.begin()
    yield WATCH
    WATCH.on = False


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run ``flask --app example_app demo`` on a free port, as a newcomer does."""
    with (tmp_path_factory.mktemp("demo") / "demo.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "example_app", "demo", "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Demo(process)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
