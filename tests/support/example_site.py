"""The example app on its own SQLite file, run by commands and servers in processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from project_paths import ROOT

APP = "example_app:create_app()"


class Site:
    """The app's settings, its folder, and its database."""

    def __init__(self, folder: Path, ca_file: str, *ports: int, **settings: object) -> None:
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FLASK_APP": APP,
            "FLASK_SECRET_KEY": "of all processes",
            "FLASK_SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/site.sqlite",
            "FLASK_MAILBOX_IMPORT_ENCRYPTION_KEYS": '["k1:' + "A" * 43 + '="]',
            "FLASK_MAILBOX_IMPORT_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "FLASK_MAILBOX_IMPORT_ALLOWED_PORTS": str(list(ports)),
            "FLASK_MAILBOX_IMPORT_CA_FILE": ca_file,
            **{f"FLASK_MAILBOX_IMPORT_{name}": str(value) for name, value in settings.items()},
        }
        self.folder = folder

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flask", "mailbox-import", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=self.environment,
            cwd=self.folder,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def sql(self, statement: str) -> list[tuple]:
        """Do one statement beside the app; return what it finds."""
        with closing(sqlite3.connect(self.folder / "site.sqlite", timeout=20)) as connection:
            found = connection.execute(statement).fetchall()
            connection.commit()
            return found


class Server:
    """A server of a site: gunicorn with threads, on a free port or on one that it had before."""

    def __init__(self, site: Site, port: int = 0) -> None:
        with socket.create_server(("127.0.0.1", port)) as listener:
            self.port: int = listener.getsockname()[1]
            bind = ["--bind", f"fd://{listener.fileno()}", "-k", "gthread", "--threads", "8"]
            # Whoever connects before it is up waits in the listener's queue.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *bind, "--graceful-timeout", "1", APP],
                env=site.environment,
                cwd=site.folder,
                pass_fds=[listener.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.address = f"http://127.0.0.1:{self.port}"
        self.page = f"{self.address}/mailboxes/import"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self.kill()

    def kill(self) -> None:
        """End all of its processes as a machine that fails does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
