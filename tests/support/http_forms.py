"""Requests with a form, written byte by byte, to hosts of several kinds."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from host_apps import Host
from mailbox_files import Header

from flask_mailbox_import import MailboxImport
from flask_mailbox_import.core.secret import generate_encryption_key

PATH = "/v1/mailboxes/import/smtp"
UPLOAD = "/mailboxes/import"
CSV = Header + "a@example.com,pw,smtp.example.com,,587,false\n"
FORM = "multipart/form-data; boundary=b"
#: An id that no import has.
UNKNOWN = "0123456789abcdef0123456789abcdef"
SKIP = {"skipConnectionTest": "true"}
#: The body of a request may have this beside the file.
ROOM = 64 * 1024

#: How a host may read a form before our view does.
KINDS = (
    "plain",
    "csrf last",
    pytest.param("csrf first", marks=pytest.mark.slow),
    pytest.param("hook", marks=pytest.mark.slow),
)


def part(name: str | None, value: str | bytes, filename: str | None = None) -> bytes:
    """Return a part of a form; ``filename`` is written as it is, quotes and all."""
    head = "Content-Disposition: form-data"
    head += "" if name is None else f'; name="{name}"'
    head += "" if filename is None else f"; {filename}"
    data = value if isinstance(value, bytes) else value.encode()
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n"


def form(*parts: bytes, csv: str | bytes | None = CSV, **fields: str) -> bytes:
    """Return the body of a form: the file (none with None), texts, and parts as they are."""
    file = [] if csv is None else [part("file", csv, 'filename="m.csv"')]
    texts = [part(name, text) for name, text in fields.items()]
    return b"".join([*file, *texts, *parts]) + b"--b--\r\n"


def assert_json(answer: Any, status: int, reason: str) -> None:
    """Check an error of ours, in full."""
    assert (answer.status_code, answer.mimetype) == (status, "application/json"), answer.text
    body = answer.json
    assert (body["code"], body["reason"]) == (status, reason), body
    assert set(body) <= {"error", "message", "code", "reason", "details"}
    assert body["error"]
    assert body["message"].endswith(".")
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert ("Allow" in answer.headers) == (status == 405)
    assert ("Retry-After" in answer.headers) == (status == 429)
    assert answer.headers["Cache-Control"] == "no-store"


@contextmanager
def dressed(folder: Path, kind: str = "plain", **settings: object) -> Iterator[Host]:
    """Make a host of one of the kinds, whose pages are for the workspace w1."""
    app, db = Flask("host"), SQLAlchemy()
    app.config["SECRET_KEY"] = "x"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/host.sqlite"
    settings = {"ENCRYPTION_KEYS": [generate_encryption_key()], **settings}
    settings.setdefault("RUNNER", "inline")
    app.config.update({f"MAILBOX_IMPORT_{name}": each for name, each in settings.items()})
    db.init_app(app)
    if kind == "csrf first":
        CSRFProtect(app)
    host = Host(app, db, MailboxImport(app, db))
    if kind == "csrf last":
        CSRFProtect(app)
    if kind == "hook":
        app.before_request(_read_the_form)
    host.extension.workspace_loader(lambda: "w1")
    with app.app_context():
        db.create_all()
    with closing(host):
        yield host


def _read_the_form() -> None:
    request.form.get("tag")


def token_of(client: Any) -> str:
    return csrf_token(client.get(UPLOAD).text)


def post(host: Host, data: bytes, **environ: object) -> Any:
    """Post this body as a form, with a key of the workspace w1."""
    headers = {"X-Api-Key": host.create_key()}
    client = host.app.test_client()
    return client.post(
        PATH, data=data, content_type=FORM, headers=headers, environ_overrides=environ
    )


def routes(host: Host, *, api: bool) -> list[tuple[str, set[str]]]:
    """Return the addresses of our routes, with ``{}`` for an import, and their methods."""
    rules = [each for each in host.app.url_map.iter_rules() if "static" not in each.endpoint]
    return [
        (each.rule.replace("<import_id>", "{}"), each.methods)
        for each in rules
        if each.endpoint.startswith("mailbox_import.") and each.rule.startswith("/v1/") == api
    ]


def stage(host: Host, csv: str = CSV) -> str:
    """Upload a file for w1 by the page; return the import's id."""
    client = host.app.test_client()
    body = form(part("csrf_token", token_of(client)), csv=csv, skipConnectionTest="true")
    answer = client.post(UPLOAD, data=body, content_type=FORM)
    assert answer.status_code == 303
    return answer.location.split("/")[-2]


#: A form whose file is imported without a test.
STAGED = form(**SKIP)


class Body(io.RawIOBase):
    """A body that is sent without end, or ends after ``size`` bytes; counts what was read of it."""

    def __init__(self, head: bytes = b"", size: int | None = None) -> None:
        self._head = head
        self._left = sys.maxsize if size is None else size
        self.taken = 0
        self.reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.reads += 1
        count = min(len(buffer), self._left)
        start, self._head = self._head[:count], self._head[count:]
        buffer[:count] = start + b"x" * (count - len(start))
        self.taken += count
        self._left -= count
        return count


def chunked(body: io.RawIOBase) -> dict[str, object]:
    """Return what a server says of a body that came in chunks."""
    return {
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": FORM,
        "CONTENT_LENGTH": "",
    }


def post_file(host: Host, data: bytes, **fields: str) -> Any:
    """Post a file and texts as a form, with a key of the workspace w1."""
    return post(host, form(csv=data, **fields))


def upload(client: Any, csv: str, **fields: str) -> Any:
    """Upload a file by the page; byte by byte, as the test client leaves large ones on disk."""
    fields = {"csrf_token": token_of(client), **fields}
    return client.post(UPLOAD, data=form(csv=csv, **fields), content_type=FORM)


def csrf_token(page: str) -> str:
    """Return the token in the form of a page."""
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def untested_form(**fields: object) -> dict[str, object]:
    """Return the fields of a form whose file is imported without a test."""
    return {**form_fields(CSV), **SKIP, **fields}


def form_fields(csv: str, **more: str) -> dict[str, object]:
    """Return the fields of a form with a file, as the test client takes them."""
    return {"file": (io.BytesIO(csv.encode()), "m.csv"), **more}
