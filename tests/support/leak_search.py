"""Everywhere a password could turn up by mistake, collected during a test and looked through."""

from __future__ import annotations

import base64
import json
import logging
import tempfile
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import pytest
from flask import Flask, got_request_exception
from mailbox_files import Header, row
from signals_and_logs import SIGNALS
from werkzeug.test import TestResponse

#: With what is worth a warning: a curly quotation mark.
CANARY = "C4n4ry+pässwörd/with=stuff”"


def forms_of(text: str) -> list[bytes]:
    """Return the ways in which a secret may hide in something."""
    raw = text.encode()
    plain = base64.b64encode(b"\0a@x.com\0" + raw)
    escaped = text.encode("ascii", "backslashreplace")
    return [
        *(raw, escaped, text.encode("cp1252"), text.encode("utf-16-le"), repr(raw)[2:-1].encode()),
        json.dumps(text)[1:-1].encode(),
        *(base64.b64encode(raw), plain, raw.hex().encode(), quote(text).encode()),
    ]


def assert_clean(where: str, data: bytes, secret: str = CANARY) -> None:
    """Fail if a secret hides in some data."""
    found = [form for form in forms_of(secret) if form in data]
    assert not found, where


class LeakSearch:
    """What came out of an app by all ways, named by the way."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bytes]] = []

    def add(self, where: str, data: str | bytes) -> None:
        self.found.append((where, data.encode() if isinstance(data, str) else data))

    def answer(self, response: TestResponse) -> TestResponse:
        """Take in an answer: body, headers, and the cookie of the session as anybody reads it."""
        self.add("response", response.data)
        self.add("headers", str(response.headers))
        for cookie in response.headers.getlist("Set-Cookie"):
            payload = cookie.partition("=")[2].split(";")[0]
            self.add("cookie", _unsigned(payload))
        return response

    def fault(self, fault: BaseException, frames: TracebackType | None) -> None:
        """Take in an exception as a debugger shows it: locals of all frames, the whole context."""
        shown = traceback.TracebackException(type(fault), fault, frames, capture_locals=True)
        self.add("traceback", "".join(shown.format()))
        seen: BaseException | None = fault
        while seen is not None:
            self.add("exception", repr([seen.args, vars(seen)]))
            bytes_met = getattr(seen, "object", b"")
            self.add("exception", bytes_met if isinstance(bytes_met, bytes) else repr(bytes_met))
            seen = seen.__cause__ or seen.__context__

    def sweep(self, secret: str = CANARY) -> None:
        """Look through all of it."""
        assert self.found
        for where, data in self.found:
            assert_clean(where, data, secret)


@contextmanager
def watched(
    app: Flask, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[LeakSearch]:
    """Collect what comes out meanwhile; ``folder`` holds the app's database."""
    found = LeakSearch()
    temporary, before = folder / "temporary", tempfile.tempdir
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="sqlalchemy.engine")

    def receive(sender: object, **facts: object) -> None:
        found.add("signal", repr((sender, facts)))

    def receive_fault(_sender: object, exception: BaseException) -> None:
        found.fault(exception, exception.__traceback__)

    for each in SIGNALS:
        each.connect(receive)
    got_request_exception.connect(receive_fault, app)
    try:
        yield found
    finally:
        for each in SIGNALS:
            each.disconnect(receive)
        tempfile.tempdir = before
    for record in caplog.records:
        found.add("log", repr(vars(record)))
    found.add("log", caplog.text)
    found.add("stderr", "".join(capfd.readouterr()))
    for path in folder.rglob("*"):
        if path.is_file():
            found.add("file", path.read_bytes())


def _unsigned(cookie: str) -> bytes:
    """Return what a session cookie of Flask holds; it is signed, but anybody can read it."""
    packed = cookie.startswith(".")
    payload = cookie.lstrip(".").split(".")[0]
    data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return zlib.decompress(data) if packed else data


def canary_file(port: int, bad: int = 1) -> str:
    """Return a file with a good row, and so many bad ones."""
    return Header + row("a@x.com", CANARY, port) + row("bad", CANARY, port) * bad
