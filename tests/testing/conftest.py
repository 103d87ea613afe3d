"""Fixtures for the tests of the mail servers: a client's side of TLS, and clients."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from flask_mailbox_import.testing import settings


@pytest.fixture(scope="session")
def trusting() -> ssl.SSLContext:
    """A client's side of TLS that trusts what an app with ``settings()`` trusts."""
    return ssl.create_default_context(cafile=settings()["MAILBOX_IMPORT_CA_FILE"])


@pytest.fixture
def smtp() -> Iterator[Callable[[int], smtplib.SMTP]]:
    """Connect to an SMTP server in clear; the connection is closed after the test."""
    with ExitStack() as stack:

        def connect(port: int) -> smtplib.SMTP:
            client = smtplib.SMTP("localhost", port, local_hostname="client.test", timeout=10)
            stack.callback(client.close)
            return client

        yield connect
