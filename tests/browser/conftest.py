"""The fixtures of tests in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from browsing import chromium
from http_sockets import served
from mending_pages import RIGHT, MendingHost, judged, know_names
from server_certificates import HOSTS, server_context

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one Chromium for all tests of a file; each has a profile of its own in it."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def make_mending(make_host, mail_server, ca, monkeypatch) -> Iterator[Callable[..., MendingHost]]:
    """Make hosts whose visitors sign in; see ``MendingHost``."""
    know_names(monkeypatch, {RIGHT: "127.0.0.1"})
    mail = mail_server(context=server_context(ca, RIGHT, *HOSTS), replies={"AUTH": judged})
    with ExitStack() as stack:

        def make(*, redirects: bool = True, **settings: object) -> MendingHost:
            made = MendingHost(make_host(mail.port, **settings), mail, redirects=redirects)
            made.address = f"http://127.0.0.1:{stack.enter_context(served(made.host.app))}"
            return made

        yield make


@pytest.fixture
def mending(make_mending) -> MendingHost:
    """A host whose visitors sign in."""
    return make_mending()
