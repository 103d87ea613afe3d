"""Fixtures: a throw-away CA, scripted mail servers, and host apps on a database of their own."""

from __future__ import annotations

import io
import itertools
import logging
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from browsing import chromium
from databases import database as database
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.storage.imports import Imports
from flask_mailbox_import.storage.runs import Runs
from flask_mailbox_import.testing import IMAPServer, SMTPServer, certificate_authority

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from watch import Watch

#: Names of the loopback address, in the certificates; c-ares knows them all (RFC 6761).
HOSTS = ("localhost", "127.0.0.1", *(f"h{number}.localhost" for number in range(7)))

Header = "email,password,smtphost,imaphost,smtpport,smtpsecure\n"


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


def server_context(ca: trustme.CA, *hosts: str, **options: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*(hosts or HOSTS), **options).configure_cert(context)  # type: ignore[arg-type]
    return context


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


class Host:
    """A host app with the import mounted, allowed to reach this machine's mail servers."""

    def __init__(self, app: Flask, db: SQLAlchemy, extension: MailboxImport) -> None:
        self.app = app
        self.db = db
        self.extension = extension

    def store(self) -> Imports:
        """Return a second store on the host's database, as another process has one."""
        return Imports(*self._parts())

    def runs(self) -> Runs:
        """Return second runs on the host's database, as another process has them."""
        return Runs(*self._parts())

    def _parts(self):
        state = self.app.extensions["mailbox_import"]
        keep_failed = timedelta(seconds=state.config.keep_failed_secrets)
        return self.db, state.models, state.key_ring, keep_failed

    def create_key(self, *workspaces: str, platform: bool = False) -> str:
        with self.app.app_context():
            keys = self.app.extensions["mailbox_import"].api_keys
            return keys.create(workspaces or ("w1",), platform=platform)

    def post(self, csv: str | bytes, key: str | None = None, **fields: object):
        data = csv.encode() if isinstance(csv, str) else csv
        headers = {"X-Api-Key": key if key is not None else self.create_key()}
        return self.app.test_client().post(
            "/v1/mailboxes/import/smtp",
            data={"file": (io.BytesIO(data), "mailboxes.csv"), **fields},
            headers=headers,
        )

    def mailboxes(self, workspace_id: str = "w1") -> list:
        with self.app.app_context():
            model = self.extension.models.mailbox
            query = self.db.select(model).filter_by(workspace_id=workspace_id).order_by(model.id)
            found = self.db.session.scalars(query).all()
            for each in found:
                each.clear = each.smtp_password()
            self.db.session.expunge_all()
            return found

    def run(self, *arguments: str, stdin: bytes | None = None):
        return self.app.test_cli_runner().invoke(
            args=["mailbox-import", *arguments], input=stdin, catch_exceptions=False
        )

    def close(self) -> None:
        with self.app.app_context():
            self.db.session.remove()
            self.db.engine.dispose()

    def rows(self) -> list:
        with self.app.app_context():
            model = self.extension.models.row
            return self.db.session.scalars(self.db.select(model).order_by(model.id)).all()


def new_host(
    database: Path | str, ca_file: str, *ports: int, texts: object = None, **settings: object
) -> Host:
    """Make a host app on an SQLite file or at a URI; ``ports`` are allowed beside the usual."""
    app = Flask("host")
    app.config["SECRET_KEY"] = "test"
    app.config["SQLALCHEMY_DATABASE_URI"] = (
        database if isinstance(database, str) else f"sqlite:///{database}"
    )
    defaults: dict[str, object] = {
        "ENCRYPTION_KEYS": [generate_encryption_key()],
        "ALLOWED_NETWORKS": ["127.0.0.0/8", "::1/128"],
        "ALLOWED_PORTS": [25, 465, 587, 2525, 143, 993, *ports],
        "CA_FILE": ca_file,
        "TIMEOUT": 10,
        "RUNNER": "inline",
    }
    for name, value in {**defaults, **settings}.items():
        app.config[f"MAILBOX_IMPORT_{name}"] = value
    db = SQLAlchemy()
    db.init_app(app)
    extension = MailboxImport(texts=texts)  # type: ignore[arg-type]
    extension.init_app(app, db)
    with app.app_context():
        db.create_all()
    return Host(app, db, extension)


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
def sinks(make_host, tmp_path, caplog, capfd):
    """The sinks of a host that is made in the test; swept at its end."""
    made = []

    def make(*ports, **settings):
        host = make_host(*ports, **settings)
        host.app.config["SQLALCHEMY_RECORD_QUERIES"] = True
        host.extension.workspace_loader(lambda: "w1")
        from sinks import watched

        manager = watched(host.app, tmp_path, caplog, capfd)
        found = manager.__enter__()
        made.append((manager, found))
        return host, found

    yield make
    for manager, found in made:
        manager.__exit__(None, None, None)
        found.sweep()


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect all that is logged meanwhile."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Count connects and look-ups of this process during the test."""
    from watch import WATCH

    WATCH.begin()
    yield WATCH
    WATCH.on = False


def row(
    email: str,
    password: str,
    port: int,
    *,
    host: str = "localhost",
    secure: str = "false",
) -> str:
    """Return a line of a CSV with the columns of ``Header``."""
    quoted = password.replace('"', '""')
    return f'{email},"{quoted}",{host},imap.example.com,{port},{secure}\n'


class Demo:
    """The running demo: its process, and what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, f"the demo did not start: {printed}"
            printed += line
        (self.page,) = re.findall(r"http://\S+/mailboxes/import\n", printed)
        self.page = self.page.strip()
        self.sample = Path(re.findall(r"A sample file: +(.+)", printed)[0])
        (self.curl,) = re.findall(r"^curl .+$", printed, re.MULTILINE)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run ``flask --app example_app demo`` on a free port, as a newcomer does."""
    with (tmp_path_factory.mktemp("demo") / "demo.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "example_app", "demo", "--port", "0"],
            cwd=Path(__file__).parent.parent,
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one Chromium for all tests of a file; each has a profile of its own in it."""
    with chromium() as browser:
        yield browser
