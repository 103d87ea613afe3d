"""Forms of the API and the pages, written byte by byte; and the refusals that answer them."""

from __future__ import annotations

import io
import sys
from typing import Any

from host_apps import Host
from mailbox_files import ROW, Header

PATH = "/v1/mailboxes/import/smtp"
CSV = Header + ROW
#: The media type of the forms here.
FORM = "multipart/form-data; boundary=b"
#: The head of the part with the file, for forms that are written by hand.
FILE_HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="m.csv"\r\n\r\n'
#: An id that no import has.
UNKNOWN = "0123456789abcdef0123456789abcdef"
SKIP = {"skipConnectionTest": "true"}
#: The body of a request may have this beside the file.
ROOM = 64 * 1024


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


def post(host: Host, data: bytes, **environ: object) -> Any:
    """Post this body as a form, with a key of the workspace w1."""
    headers = {"X-Api-Key": host.create_key()}
    client = host.app.test_client()
    return client.post(
        PATH, data=data, content_type=FORM, headers=headers, environ_overrides=environ
    )


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


def untested_form(**fields: object) -> dict[str, object]:
    """Return the fields of a form whose file is imported without a test."""
    return {**form_fields(CSV), **SKIP, **fields}


def form_fields(csv: str, **more: str) -> dict[str, object]:
    """Return the fields of a form with a file, as the test client takes them."""
    return {"file": (io.BytesIO(csv.encode()), "m.csv"), **more}
