"""Fixtures of whole imports: a host whose outputs are searched, and a site of the example app."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from example_site import APP, Site
from leak_search import watched


@pytest.fixture
def searched_host(make_host, tmp_path, caplog, capfd):
    """Make a host in the test, and give it with what comes out of it; searched at the end."""
    made = []

    def make(*ports, **settings):
        host = make_host(*ports, **settings)
        host.app.config["SQLALCHEMY_RECORD_QUERIES"] = True
        host.extension.workspace_loader(lambda: "w1")
        manager = watched(host.app, tmp_path, caplog, capfd)
        found = manager.__enter__()
        made.append((manager, found))
        return host, found

    yield make
    for manager, found in made:
        manager.__exit__(None, None, None)
        found.sweep()


@pytest.fixture
def site(tmp_path: Path, ca_file: str) -> Callable[..., Site]:
    return lambda *ports: Site(tmp_path, ca_file, *ports)


@pytest.fixture
def gunicorn() -> Iterator[Callable[..., int]]:
    """Start gunicorn with one kind of worker on a socket of ours; return its port."""
    with ExitStack() as stack:

        def start(site: Site, *options: str) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            bind = ["--bind", f"fd://{listener.fileno()}"]
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--timeout", "120", *bind, *options, APP],
                env=site.environment,
                cwd=site.folder,
                pass_fds=[listener.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            return listener.getsockname()[1]

        yield start
