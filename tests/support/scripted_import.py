"""One import of rows on scripted servers and good ones, and what came of each row."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import socket
import ssl
import time
from contextlib import ExitStack, closing
from pathlib import Path

import import_child
from child_processes import run_child
from host_apps import new_host
from signals_and_logs import logged

from flask_mailbox_import.testing import IMAPServer, Script, ScriptedServer, Session, SMTPServer
from flask_mailbox_import.testing.imap import OK_EXAMINE
from flask_mailbox_import.testing.smtp import OK_235

PASSWORD = "S3cret/0f+the row"
COLUMNS = (
    *("email", "password", "smtphost", "smtpport", "smtpsecure", "imaphost", "imapport"),
    *("imapsecure", "imapusername", "imappassword"),
)
_LOGIN = {"smtp": rb"(?m)^AUTH ", "imap": rb"(?m)^A\d+ (?:LOGIN|AUTHENTICATE) "}


def forms_of(email: str) -> list[bytes]:
    """Return how the password of a row looks on the wire."""
    login = f"\0{email}\0{PASSWORD}".encode()
    # Without the end, which depends on what follows.
    return [PASSWORD.encode(), base64.b64encode(PASSWORD.encode())[:-2], base64.b64encode(login)]


class ScriptedImport:
    """One import of rows on scripted servers, each with a good row or more beside."""

    def __init__(
        self,
        folder: Path,
        ca_file: str,
        contexts: dict[str, ssl.SSLContext],
        *,
        protocol: str = "smtp",
    ) -> None:
        self.protocol = protocol
        self.servers: dict[str, ScriptedServer] = {}
        #: Seconds from the begin of the import to each login at the good server.
        self.good_seconds: list[float] = []
        self.seconds = 0.0
        #: The answer as text, its errors by name of the row, and what was logged.
        self.text = ""
        self.errors: dict[str, dict[str, object]] = {}
        self.imported = 0
        self.log = ""
        #: The reply that is shown of each row of the file.
        self.replies: dict[str, str] = {}
        #: By how much the process grew that imported; known where it was one of its own.
        self.kilobytes = 0
        self._folder = folder
        self._ca_file = ca_file
        self._contexts = contexts
        self._rows: list[dict[str, object]] = []
        self._start = 0.0
        self._stack = ExitStack()
        start = self._stack.enter_context
        seen = {} if protocol == "imap" else {"AUTH": self._note(OK_235)}
        self._good = start(SMTPServer(contexts["good"], replies=seen))
        seen = {"EXAMINE": self._note(OK_EXAMINE + b"{tag} OK done\r\n")}
        self._good_imap = start(IMAPServer(contexts["good"], replies=seen))

    def __enter__(self) -> ScriptedImport:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def add(
        self,
        name: str,
        script: Script,
        *,
        rows: int = 1,
        secure: bool = False,
        port: int = 0,
        **cells: str,
    ) -> None:
        """Begin a scripted server and put rows on it into the file."""
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
        server = self._stack.enter_context(
            ScriptedServer(script, self._contexts, listener=listener)
        )
        self.servers[name] = server
        mode = str(secure).lower()
        own = {f"{self.protocol}port": server.port, f"{self.protocol}secure": mode}
        for number in range(rows):
            self._rows.append(self._row(f"{name}.{number}" if number else name, **own, **cells))

    def add_good(self, rows: int, **cells: str) -> None:
        """Put rows on the good servers into the file."""
        self._rows += [self._row(f"good.{number}", **cells) for number in range(rows)]

    def run(self, **settings: object) -> None:
        """Import the file; what came of it is in the attributes."""
        database = self._folder / f"{time.monotonic_ns()}.sqlite"
        ca_file, *ports = self._places()
        with closing(new_host(database, ca_file, *ports, **settings)) as host, logged() as log:
            key = host.create_key()
            self._start = time.monotonic()
            answer = host.post(file_of(self._rows), key, **self._fields())
            self.seconds = time.monotonic() - self._start
            self.replies = {each.email: each.reply for each in host.rows()}
        self._take(answer.text, log.getvalue())

    def run_apart(self, *, spare_files: int | None = None, **settings: object) -> None:
        """Import the file in a process of its own, with so many files to open if it is said."""
        order = {
            "host": self._places(),
            "settings": settings,
            "fields": self._fields(),
            "warm_up": file_of([self._row("warm-up")]),
            "csv": file_of(self._rows),
            "spare_files": spare_files,
        }
        report = run_child([], Path(import_child.__file__), order)
        self.replies, self.kilobytes = report["replies"], report["kilobytes"]
        self._take(report["text"], report["log"])

    def _take(self, answer: str, log: str) -> None:
        data = json.loads(answer)["data"]
        self.text, self.log = answer, log
        self.errors = {each["email"]: each for each in data["errors"]}
        self.imported = data["imported"]

    def _places(self) -> list[object]:
        ports = [each.port for each in self.servers.values()]
        return [self._ca_file, self._good.port, self._good_imap.port, *ports]

    def _fields(self) -> dict[str, str]:
        return {"testImap": str(self.protocol == "imap").lower()}

    def _row(self, name: str, **cells: object) -> dict[str, object]:
        common = {
            "email": email_of(name),
            "password": PASSWORD,
            "smtphost": "localhost",
            "imaphost": "localhost",
            "smtpport": self._good.port,
            "imapport": self._good_imap.port,
            "imapsecure": "false",
        }
        return {**common, **cells}

    def code(self, name: str) -> str:
        """Return the code of a row, ``imported`` if it was."""
        error = self.errors.get(email_of(name))
        return str(error["code"]) if error else "imported"

    def logins(self, name: str) -> int:
        """Return how many login commands a server heard."""
        server = self.servers[name]
        heard = bytes(server.clear) + b"\n" + bytes(server.covered)
        return len(re.findall(_LOGIN[self.protocol], heard))

    def passwords(self, name: str) -> tuple[int, int]:
        """Return how often a server heard the password in clear, and inside of TLS."""
        server, forms = self.servers[name], forms_of(email_of(name))
        return tuple(
            max(bytes(heard).count(form) for form in forms)
            for heard in (server.clear, server.covered)
        )

    def _note(self, reply: bytes):
        def answer(_session: Session) -> bytes:
            self.good_seconds.append(time.monotonic() - self._start)
            return reply

        return answer


def file_of(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def email_of(name: str) -> str:
    return f"{name.replace(' ', '-')}@x.com"
