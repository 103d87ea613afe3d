"""``flask --app example_app demo``: mail servers, a sample file, an app that may reach them."""

from __future__ import annotations

import csv
import json
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from werkzeug.serving import make_server

from .app import create_app, mailbox_import, views
from .fleet import PASSWORD

_HEADER = (
    "email",
    "password",
    "smtphost",
    "smtpport",
    "smtpsecure",
    "imaphost",
    "imapport",
    "displayname",
)


@views.cli.command("demo")
@click.option("--port", default=5000, show_default=True, help="0 = any free port.")
def command(port: int) -> None:
    """Run the app with local mail servers and a sample file, until Ctrl-C."""
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(port))
        # Everything of one run is its own: a second demo leaves the first alone.
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mailbox-import-demo-")))
        ports = stack.enter_context(_mail_servers(folder))
        sample = folder / "mailboxes.csv"
        _write_sample(sample, ports)
        app = create_app(_settings(folder, ports))
        with app.app_context():
            key = mailbox_import.create_api_key("demo")
        server = make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno())
        # Also where a shell started us with one of them ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        _tell(f"http://127.0.0.1:{listener.getsockname()[1]}", sample, key)
        server.serve_forever()  # returns at Ctrl-C
    click.echo("\nThe demo has ended.")


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as fault:
        raise click.ClickException(f"port {port}: {fault.strerror}; add --port 0") from None


@contextmanager
def _mail_servers(folder: Path) -> Iterator[dict[str, int]]:
    """Run the mail servers in a process of their own; they end when its input does."""
    process = subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-c", "from example_app.fleet import main; main()", str(folder)],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for the app alone.
        start_new_session=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise click.ClickException(
                "the mail servers did not start: pip install -e '.[testing]'"
            )
        yield json.loads(line)
    finally:
        process.communicate(timeout=30)


def _settings(folder: Path, ports: dict[str, int]) -> dict[str, object]:
    """Let this app alone reach this machine's mail servers, and trust their throw-away CA."""
    return {
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'demo.sqlite'}",
        "MAILBOX_IMPORT_ALLOWED_NETWORKS": ["127.0.0.0/8", "::1/128"],
        "MAILBOX_IMPORT_ALLOWED_PORTS": [465, 587, 993, *ports.values()],
        "MAILBOX_IMPORT_CA_FILE": str(folder / "ca.pem"),
        # One more try shows what there is to see in a second.
        "MAILBOX_IMPORT_RETRIES": 1,
    }


def _write_sample(path: Path, ports: dict[str, int]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows(_sample_rows(ports))


def _sample_rows(ports: dict[str, int]) -> Iterator[tuple[object, ...]]:
    def row(name: str, server: str, password: str = PASSWORD, secure: str = "false"):  # type: ignore[no-untyped-def]
        host = f"{server}.localhost"
        email = f"{name.lower()}@example.com"
        return email, password, host, ports[server], secure, "imap.localhost", ports["imap"], name

    yield from (row(f"Ann{number}", "mail") for number in range(1, 26))
    yield from (row(f"Ben{number}", "tls", secure="true") for number in range(1, 11))
    yield from (row(f"Cleo{number}", "slow") for number in range(1, 4))
    yield from (row(f"Dan{number}", "mail", password="old password") for number in range(1, 6))  # noqa: S106
    yield from (row(f"Eve{number}", "app-password") for number in range(1, 5))
    yield from (row(f"Fay{number}", "busy") for number in range(1, 3))
    yield from (row(f"Gus{number}", "mail", secure="true") for number in range(1, 3))
    yield row("Hal1", "expired")
    yield row("Ida1", "drops")
    yield row("Jon1", "closed")
    yield "kim1@example.com", PASSWORD, "smtp.no-such-name.example", "", "", "", "", "Kim1"
    yield "leo1@example.com", "", "mail.localhost", ports["mail"], "", "", "", "Leo1"
    yield "mia1@example", PASSWORD, "mail.localhost", ports["mail"], "", "", "", "Mia1"
    yield row("Ann1", "mail")


def _tell(address: str, sample: Path, key: str) -> None:
    file = shlex.quote(f"file=@{sample}")
    click.echo(
        f"""
The page:        {address}/mailboxes/import
A sample file:   {sample}
The same by curl:

curl -X POST {address}/v1/mailboxes/import/smtp -H "X-Api-Key: {key}" --form {file}

Both import into the same workspace, so the second skips what the first has imported.
To try both, sign in to another workspace on the page.
Ctrl-C ends it all."""
    )
