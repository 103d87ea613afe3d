"""Every block of code in the READMEs is run; those that are not are listed here, each with why."""

from __future__ import annotations

import functools
import importlib.util
import io
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from databases import fresh_database
from flask import g, request
from flask_babel import Babel
from readmes import BLOCKS, PACKAGE, ROOT, TEXTS
from sqlalchemy import create_engine, inspect
from werkzeug.serving import make_server

from flask_mailbox_import import generate_encryption_key
from flask_mailbox_import.signals import import_ended
from flask_mailbox_import.testing import (
    MailServer,
    ScriptedServer,
    Session,
    certificate_authority,
    csv_file,
    settings,
)

#: Blocks that no test runs, and why.
NOT_RUN = {
    "top/Try it/2": "it is what runs this test; CI runs this very line, as a test here says",
    "probe/An egress rule/1": "to load it, nft needs root and the kernel's nf_tables",
    "engine/The life of an import/1": "a drawing",
    "engine/The life of an import/2": "a drawing",
    "web/Neighbours/1": "Flask-Admin is not among what the tests install",
    "web/Neighbours/2": "Flask-Talisman is not among what the tests install",
    "web/Neighbours/3": "Flask-Limiter is not among what the tests install",
}
#: Which test runs each of the others.
RUN: dict[str, str] = {}

APP, PRELOAD = "top/Install and mount/1", "top/Production servers/1"
LOADER = re.search(r"mailbox_import.workspace_loader\(.*\n", BLOCKS[APP])[0]
DEFAULT_EXTENSION = "mailbox_import = MailboxImport()\n"


def runs(*places: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Hand blocks to a test, as arguments named ``block``, ``second``, ``third``, ``fourth``."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        RUN.update(dict.fromkeys(places, test.__name__))
        names = ("block", "second", "third", "fourth")[: len(places)]
        texts = tuple(BLOCKS[place] for place in places)
        return pytest.mark.parametrize(names, [texts], ids=[places[0]])(test)

    return decorate


def test_every_block_is_run_or_listed_with_a_reason():
    assert RUN.keys().isdisjoint(NOT_RUN)
    assert sorted([*RUN, *NOT_RUN]) == sorted(BLOCKS)


def test_ci_runs_the_command_of_the_tests():
    assert BLOCKS["top/Try it/2"] in (ROOT / ".ci/run").read_text()


# What the blocks need around them.


class Site:
    """A folder with the app of the top README, and an environment with its two secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "FLASK_SECRET_KEY": "of all processes",
            "FLASK_MAILBOX_IMPORT_ENCRYPTION_KEYS": json.dumps([generate_encryption_key()]),
        }
        self.write("app.py", BLOCKS[APP])

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def replace(self, old: str, new: str) -> None:
        """Change the app as a README says."""
        text = (self.folder / "app.py").read_text()
        assert text.count(old) == 1
        self.write("app.py", text.replace(old, new))

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script of a README; it must end well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done

    @contextmanager
    def background(self, script: str, *files: int) -> Iterator[subprocess.Popen[str]]:
        """Run a script until the block ends; SIGTERM ends it then."""
        process = subprocess.Popen(
            ["bash", "-euc", script],
            cwd=self.folder,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=files,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            try:
                # gunicorn gives its workers 30 seconds.
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def load(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., types.ModuleType]:
    """Import the site's app in this process, as it stands, and more code at its end."""

    def load(*more: str) -> types.ModuleType:
        site.write("app.py", "\n\n".join([(site.folder / "app.py").read_text(), *more]))
        spec = importlib.util.spec_from_file_location("app", site.folder / "app.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "app", module)
        spec.loader.exec_module(module)
        return module

    return load


@contextmanager
def app_of(module: types.ModuleType, *servers: object, **more: object):
    """Make the module's app with its tables, on an SQLite in memory."""
    values = settings(*servers) | {"SQLALCHEMY_DATABASE_URI": "sqlite://", "SECRET_KEY": "test"}
    app = module.create_app(values | {"TESTING": True} | more)
    with app.app_context():
        module.db.create_all()
    try:
        yield app
    finally:
        with app.app_context():
            module.db.engine.dispose()


@contextmanager
def served(app) -> Iterator[str]:
    """Serve an app to other processes; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer({"ann@example.com": "right"}) as server:
        yield server


def two_rows(server: MailServer) -> bytes:
    """Return a file of which one row works, and the other, row 3, has a wrong password."""
    return csv_file(server.row("ann@example.com", "right"), server.row("bad@example.com", "wrong"))


def imported(module: types.ModuleType, server: MailServer):
    """Import the two rows; return the summary."""
    return module.mailbox_import.importer.run_file(
        io.BytesIO(two_rows(server)), workspace_id="acme"
    )


# The top README: try it, mount it.


def read_until(stream, words: str) -> str:
    """Return what a process prints until some words are there."""
    printed = ""
    for line in stream:
        printed += line
        if words in line:
            return printed
    raise AssertionError(f"it ended without {words!r}:\n{printed}")


def copy_of_the_repository(folder: Path) -> Path:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.slow
@runs("top/Try it/1")
def test_the_demo_starts_in_a_fresh_clone(site, block):
    copy_of_the_repository(site.folder)
    with site.background(f"{block.rstrip()} --port 0\n") as process:
        printed = read_until(process.stdout, "Ctrl-C")
        curl = re.search(r"^curl .*$", printed, re.MULTILINE)[0]
        data = json.loads(site.sh(curl).stdout)["data"]
        assert data["imported"] == 40
        assert data["failed"] == 17
    shown = re.search(r"!\[.*?: (\d+) mailboxes imported, (\d+) failed", TEXTS["top"])
    assert (int(shown[1]), int(shown[2])) == (40, 17)


@runs(APP, "top/Install and mount/2")
def test_the_mounted_app_serves_the_page(site, block, second):
    site.write("app.py", block)
    for name in ("FLASK_SECRET_KEY", "FLASK_MAILBOX_IMPORT_ENCRYPTION_KEYS"):
        del site.environment[name]
    assert second.endswith("run\n")
    with site.background(f"{second.rstrip()} --port 0") as process:
        printed = read_until(process.stdout, "Running on")
        address = re.search(r"http://\S+", printed)[0]
        with urlopen(f"{address}/mailboxes/import", timeout=20) as page:  # noqa: S310 (ours)
            assert "Import mailboxes" in page.read().decode()
    assert "mailbox_import_mailbox" in tables_of(site)


def tables_of(site: Site) -> set[str]:
    engine = create_engine(f"sqlite:///{site.folder}/instance/app.sqlite")
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_creating_the_mounted_app_opens_no_database(site, load):
    module = load()
    values = {"SQLALCHEMY_DATABASE_URI": "sqlite:///none.sqlite", "SECRET_KEY": "test"}
    app = module.create_app(settings() | values)
    with app.app_context():
        assert module.db.engine.pool.checkedin() == 0
        assert not (site.folder / "instance/none.sqlite").exists()


# The top README: recipes.


@runs("top/Your own layout/1")
def test_the_layout_is_around_the_page(site, load, block):
    site.write("templates/layout.html", block)
    setting = re.search(r"^Set `(.+?)`", TEXTS["top"], re.MULTILINE)[1]
    site.replace("    db.init_app(app)\n", f"    {setting}\n    db.init_app(app)\n")
    with app_of(load()) as app:
        page = app.test_client().get("/mailboxes/import").text
    assert '<nav><a href="/mailboxes/import">Import mailboxes</a></nav>' in page
    assert "<title>Import mailboxes</title>" in page
    assert '<div class="mbi">' in page


@runs("top/Your own model/1")
def test_the_model_of_ones_own_holds_the_mailboxes(site, load, mail, block):
    site.replace("from flask_mailbox_import import MailboxImport\n", "")
    site.replace(DEFAULT_EXTENSION, block)
    module = load()
    with app_of(module, mail) as app, app.app_context():
        assert imported(module, mail).imported == 1
        mailbox = module.db.session.query(module.Mailbox).one()
        assert mailbox.nickname == ""
        assert mailbox.smtp_password() == "right"
        assert "mailbox_import_mailbox" not in inspect(module.db.engine).get_table_names()


@runs("storage/Mailboxes/3")
def test_files_fill_a_column_of_ones_own(site, load, mail, block):
    site.replace("from flask_mailbox_import import MailboxImport\n", "")
    site.replace(DEFAULT_EXTENSION, block)
    module = load()
    with app_of(module, mail) as app, app.app_context():
        header, *rows = two_rows(mail).decode().splitlines()
        text = "\n".join([f"{header},Emails per day", *(f"{each},50" for each in rows)])
        summary = module.mailbox_import.importer.run_file(
            io.BytesIO(text.encode()), workspace_id="acme"
        )
        assert summary.imported == 1
        assert module.db.session.query(module.Mailbox).one().daily_limit == 50


USERS = """
from flask_login import UserMixin

class User(UserMixin):
    id = "1"
    workspace_id = 7

@login_manager.user_loader
def user(user_id):
    return User() if user_id == "1" else None
"""


@runs("top/Flask-Login/1")
def test_flask_login_says_whose_page_it_is(site, load, mail, block):
    site.replace(LOADER, block)
    site.replace(
        "    db.init_app(app)\n", "    login_manager.init_app(app)\n    db.init_app(app)\n"
    )
    module = load(USERS)
    with app_of(module, mail) as app:
        client = app.test_client()
        assert client.get("/mailboxes/import").status_code == 401
        module.login_manager.login_view = "mailbox_import.history"
        away = client.get("/mailboxes/import")
        assert away.status_code == 302
        assert away.location.startswith("/mailboxes/imports?next=")
        with client.session_transaction() as session:
            session["_user_id"] = "1"
        assert client.get("/mailboxes/import").status_code == 200
        file = {"file": (io.BytesIO(two_rows(mail)), "m.csv")}
        token = re.search(
            r'name="csrf_token"[^>]*value="([^"]+)', client.get("/mailboxes/import").text
        )
        client.post("/mailboxes/import", data={**file, "csrf_token": token[1]})
        with app.app_context():
            found = module.mailbox_import.importer.imports(workspace_id="7")
        assert len(found.items) == 1


@pytest.mark.parametrize("own_model", [False, True], ids=["our model", "own model"])
@runs("top/Flask-Migrate/1")
def test_flask_migrate_makes_the_tables(site, block, own_model):
    site.replace(
        "\ndb = SQLAlchemy()\n",
        "\nfrom flask_migrate import Migrate\n\ndb = SQLAlchemy()\nmigrate = Migrate()\n",
    )
    site.replace(
        "    mailbox_import.init_app(app, db)\n",
        "    mailbox_import.init_app(app, db)\n    migrate.init_app(app, db)\n",
    )
    if own_model:
        site.replace(DEFAULT_EXTENSION, BLOCKS["top/Your own model/1"])
    site.sh(block)
    assert tables_of(site) == {
        *("alembic_version", "mailbox_import_import", "mailbox_import_row"),
        *("mailbox_import_api_key", "mailbox" if own_model else "mailbox_import_mailbox"),
    }
    # And nothing is left to be migrated.
    assert "No changes in schema detected" in site.sh("flask --app app db migrate").stderr


CALLS = 30


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["app:create_app()", "example_app:create_app()"])
@runs(PRELOAD)
def test_preloaded_workers_on_postgresql_answer_every_call(site, mail, factory, block):
    assert "'app:create_app()'" in block
    with fresh_database("postgresql", site.folder) as uri, ExitStack() as stack:
        values = settings(mail)
        site.environment |= {
            "PYTHONPATH": str(ROOT),
            "FLASK_SQLALCHEMY_DATABASE_URI": uri,
            **{f"FLASK_{k}": json.dumps(v) for k, v in values.items() if "KEYS" not in k},
            "FLASK_MAILBOX_IMPORT_CA_FILE": values["MAILBOX_IMPORT_CA_FILE"],
        }
        if factory.startswith("app"):
            site.sh("flask --app app create-tables")
        command = f"flask --app '{factory}' mailbox-import create-key --workspace acme"
        key = site.sh(command).stdout.strip()
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port, number = listener.getsockname()[1], listener.fileno()
        script = block.replace("app:create_app()", factory).rstrip() + f" --bind fd://{number}"
        stack.enter_context(site.background(script, number))
        rows = [mail.row(f"u{each}@example.com", "right") for each in range(CALLS)]
        mail.smtp.accounts = mail.imap.accounts = None

        def call(row: object) -> dict[str, int]:
            body = b"--b\r\nContent-Disposition: form-data; name=file; filename=m.csv\r\n\r\n"
            posted = Request(
                f"http://127.0.0.1:{port}/v1/mailboxes/import/smtp",
                body + csv_file(row) + b"\r\n--b--\r\n",
                {"X-Api-Key": key, "Content-Type": "multipart/form-data; boundary=b"},
            )
            with urlopen(posted, timeout=60) as answer:  # noqa: S310 (ours)
                return json.load(answer)["data"]

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(call, rows))
        assert [each["imported"] for each in answers] == [1] * CALLS


@runs("top/A call of the API/1", "web/The API/2")
def test_the_curl_lines_import_a_file(site, load, mail, block, second):
    site.write("mailboxes.csv", two_rows(mail))
    module = load()
    for script in (block, second):
        with app_of(module, mail) as app, app.app_context():
            key = module.mailbox_import.create_api_key("acme")
            with served(app) as address:
                answer = json.loads(site.sh(filled(script, address, key)).stdout)
            assert answer["data"]["imported"] == 1
            saved = module.db.session.query(module.mailbox_import.models.mailbox).one()
            assert (saved.email, saved.tag) == ("ann@example.com", "spring")


def filled(script: str, address: str, key: str, import_id: str = "") -> str:
    """Put into a script what its reader puts there."""
    for place, value in (("127.0.0.1:5000", address), ("YOUR_API_KEY", key)):
        assert place in script
        script = script.replace(place, value)
    return script.replace("imports/ID/", f"imports/{import_id}/").replace("curl", "curl -sS", 1)


@runs("top/Tests of your own/1", "testing/A host's test of its import/1")
def test_the_test_of_a_host_passes(site, block, second):
    assert block == second
    assert len([each for each in block.splitlines() if each]) < 15
    site.write("test_import.py", block)
    done = site.sh("python -m pytest -W error -p no:cacheprovider test_import.py")
    assert "1 passed" in done.stdout


@pytest.mark.slow
@runs("testing/testing/1")
def test_the_wheel_alone_runs_the_test_of_a_host(site, block):
    site.sh(f"python -m build --wheel --no-isolation --outdir . {ROOT}")
    (wheel,) = site.folder.glob("*.whl")
    site.write("test_import.py", BLOCKS["top/Tests of your own/1"])
    site.sh("python -m venv venv")
    site.environment["PATH"] = f"{site.folder}/venv/bin{os.pathsep}{site.environment['PATH']}"
    site.sh(f"pip install -q pytest && {block.replace('PATH', str(wheel))}")
    site.environment.pop("PYTHONPATH", None)
    assert "1 passed" in site.sh("python -m pytest -W error test_import.py").stdout


# The wings.


def taken(mails: list[bytes], session: Session) -> bytes:
    """Take a mail, as the server of a provider does."""
    session.sock.sendall(b"354 go on\r\n")
    with session.sock.makefile("rb", buffering=0) as file:
        mails.append(b"".join(iter(file.readline, b".\r\n")))
    return b"250 taken"


@runs(
    "probe/Sending with a mailbox/1",
    "probe/Sending with a mailbox/2",
    "storage/Mailboxes/1",
    "storage/Mailboxes/2",
)
def test_a_saved_mailbox_is_used(load, mail, monkeypatch, tmp_path, block, second, third, fourth):
    certificate_authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    module = load(block, second, third, fourth)
    with app_of(module, mail) as app, app.app_context():
        assert imported(module, mail).imported == 1
        assert module.first_mailbox() == ("ann@example.com", "localhost", mail.smtp_port, "right")
        mailbox = module.db.session.query(module.mailbox_import.models.mailbox).one()
        mail.smtp.replies |= {"MAIL": b"250 ok", "RCPT": b"250 ok"}
        mail.smtp.replies["DATA"] = functools.partial(taken, mails := [])
        message = EmailMessage()
        message["From"], message["To"] = "ann@example.com", "bob@example.com"
        message.set_content("Hello\n")
        module.send(mailbox, message)
        assert mail.smtp.sessions[-1].secure
        assert [each.endswith(b"\r\n\r\nHello\r\n") for each in mails] == [True]
        with module.encrypted(mailbox) as sock:
            assert sock.version().startswith("TLSv1.")
            assert sock.recv(4) == b"* OK"
        module.renamed(mailbox, "Ann.New@Example.com", "newer")
        assert (mailbox.email_key, mailbox.smtp_password()) == ("ann.new@example.com", "newer")


@runs("engine/Imports in Python/1", "engine/Signals/1", "engine/Signals/2")
def test_an_import_in_python_is_told(site, load, mail, caplog, block, second, third):
    caplog.set_level(logging.INFO, "flask_mailbox_import")
    site.write("mailboxes.csv", two_rows(mail))
    module = load(block, second)
    with app_of(module, mail) as app, app.app_context():
        assert module.import_file(site.folder / "mailboxes.csv") == (1, 0, 1)
        assert module.db.session.query(module.mailbox_import.models.mailbox).one().tag == "spring"
    (ended,) = (each for each in caplog.messages if each.startswith("event=import_ended"))
    known = re.compile("[0-9a-f]{32}|[0-9]+[.][0-9]+")
    assert known.sub("ID", f"{ended}\n") == known.sub("ID", third)
    assert known.sub("ID", "\n".join(caplog.messages)).count("import ID: finished, 1 failed") == 1
    import_ended.disconnect(module.tell)


@runs("engine/Commands/1", "web/The API/1")
def test_the_commands_run(site, block, second):
    site.sh("flask --app app create-tables")
    site.write("mailboxes.csv", "email,password,smtphost,imaphost\n")
    rows = b"email,password,smtphost,imaphost\nann@example.com,pw,smtp.example.invalid,\n"
    site.write("mailboxes.csv", rows)
    dry, run, purge = block.splitlines()
    assert "1 imported, 0 skipped, 0 failed (dry run: nothing stored)" in site.sh(dry).stdout
    # The server of the row is not there: its row fails, and so the command ends with 1.
    done = site.sh(f"{run} || test $? = 1")
    assert "row 2: ann@example.com" in done.stdout
    assert "0 imported, 0 skipped, 1 failed" in done.stdout
    assert "Forgot 0 imports" in site.sh(purge).stdout
    assert site.sh(second).stdout.startswith("sk_")


@runs("web/Whose workspace/1")
def test_a_host_has_tokens_of_its_own(load, block):
    module = load(block)
    token = types.SimpleNamespace(workspace_id="acme")
    with app_of(module) as app:
        asked = {"Authorization": "Bearer theirs"}

        @app.before_request
        def know() -> None:
            g.token = token if request.headers.get("Authorization") else None

        client = app.test_client()
        assert client.get("/v1/mailboxes/imports").status_code == 401
        assert client.get("/v1/mailboxes/imports", headers=asked).json["data"] == []


@runs("web/The API/3", "web/Refusals/1", "web/Routes/1", "web/Routes/2")
def test_the_answers_are_these(site, load, mail, block, second, third, fourth):
    module = load()
    with app_of(module, mail) as app, app.app_context():
        key, client = module.mailbox_import.create_api_key("acme"), app.test_client()
        call = "/v1/mailboxes/import/smtp"
        form = {"file": (io.BytesIO(two_rows(mail)), "m.csv")}
        answer = client.post(call, headers={"X-Api-Key": key}, data=form).json
        told = json.loads(block)
        assert re.fullmatch("[0-9a-f]{32}", told["data"].pop("importId"))
        import_id = answer["data"].pop("importId")
        (error,) = told["data"]["errors"]
        assert (error["smtphost"], error["smtpport"]) == ("smtp.example.com", 587)
        error |= {"smtphost": mail.host, "smtpport": mail.smtp_port}
        assert answer == told
        assert client.get("/v1/mailboxes/imports").json == json.loads(second)
        get, post = fourth.split("curl -X POST")
        with served(app) as address:
            site.sh(filled(get, address, key, import_id))
            file = site.folder / "failed.csv"
            file.write_text(file.read_text("utf-8").replace(",,,,,,Auth", ",Bad,,,,,Auth"), "utf-8")
            data = site.sh(filled(f"curl -X POST{post}", address, key, import_id)).stdout
            assert json.loads(data)["data"]["failed"] == 1
            mail.smtp.accounts["bad@example.com"] = "the right one"
            retried = json.loads(site.sh(filled(third, address, key, import_id)).stdout)["data"]
        assert (retried["imported"], retried["failed"]) == (2, 0)


@runs("web/The look/1")
def test_the_colours_are_custom_properties_of_ours(block):
    sheet = (PACKAGE / "web/static/mailbox_import/mailbox_import.css").read_text()
    assert block.startswith(".mbi {")
    for name in re.findall("--[a-z-]+", block):
        assert f"{name}:" in sheet
        assert f"var({name})" in sheet


@runs("web/The look/2", "web/The look/3")
def test_a_text_and_a_block_of_ones_own_are_on_the_page(site, load, block, second):
    site.replace(DEFAULT_EXTENSION, block)
    site.write("templates/mailbox_import/upload.html", second)
    with app_of(load()) as app:
        page = app.test_client().get("/mailboxes/import").text
    assert "Have a look" in page
    assert "Check file" not in page
    assert "<p>Ask Kim for the file.</p>" in page
    assert "Required columns" not in page


@runs("web/The look/4")
def test_a_catalog_of_ones_own_translates_the_page(site, load, block):
    init, compiled = block.rsplit("pybabel compile", 1)
    site.sh(init)
    catalog = site.folder / "translations/de/LC_MESSAGES/mailbox_import.po"
    words = 'msgid "Import mailboxes"\nmsgstr '
    text = catalog.read_text()
    assert f'{words}""' in text
    catalog.write_text(text.replace(f'{words}""', f'{words}"Postfächer importieren"'))
    site.sh(f"pybabel compile{compiled}")
    with app_of(load()) as app:
        Babel(app, locale_selector=lambda: "de")
        assert "Postfächer importieren" in app.test_client().get("/mailboxes/import").text


@runs("testing/`MailServer`/1", "testing/`ScriptedServer`/1")
def test_the_servers_of_the_examples_play(load, block, second):
    names = {"MailServer": MailServer, "ScriptedServer": ScriptedServer}
    module = load()
    with eval(block, names) as server:  # noqa: S307 (our own README)
        file = csv_file(server.row("bob@example.com", "any"))
        with app_of(module, server) as app, app.app_context():
            summary = module.mailbox_import.importer.run_file(
                io.BytesIO(file), workspace_id="acme", test_imap=True
            )
        (failed,) = summary.errors
        assert (failed.smtp.code, failed.imap.code) == ("app_password_required", "password_expired")
    with eval(second, names) as server:  # noqa: S307 (our own README)
        file = f"email,password,smtphost,imaphost,smtpport\na@x.com,pw,localhost,,{server.port}\n"
        with app_of(module, server) as app, app.app_context():
            summary = module.mailbox_import.importer.run_file(
                io.BytesIO(file.encode()), workspace_id="acme"
            )
        (failed,) = summary.errors
        assert failed.failure.reply == "421 4.7.0 Busy"
