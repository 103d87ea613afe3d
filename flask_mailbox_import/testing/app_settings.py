"""The settings with which an app under test may contact and trust the servers of the test."""

from __future__ import annotations

import atexit
import functools
import os
import tempfile
import threading
from pathlib import Path

from ..core.mailboxes import DEFAULT_PORTS
from ..core.secret import generate_encryption_key
from .certificates import certificate_authority
from .mail_server import MailServer
from .server import Server

_PREFIX = "MAILBOX_IMPORT_"
_LOOPBACK = ("127.0.0.0/8", "::1/128")
#: Seconds for one try of a mailbox: enough on this machine.
_TIMEOUT = 10

#: Keeps two threads from making two files.
_LOCK = threading.Lock()


def settings(*servers: MailServer | Server) -> dict[str, object]:
    """Return the settings of an app under test: ``SECRET_KEY`` and ``MAILBOX_IMPORT_*``.

    By these settings the app may contact loopback addresses, on the default ports and on those of
    ``servers``. It trusts the certificate authority of this process, by a file that is removed
    when the process exits. It has a new encryption key. An import runs in the request that posts
    it, and tries each mailbox once, for at most 10 seconds. To change a setting, put it over them:
    ``settings(server) | {"MAILBOX_IMPORT_TIMEOUT": 1}``.

    :param servers: the servers of the test; none are needed.
    :raises ImportError: trustme is not installed.
    """
    ports = {*DEFAULT_PORTS, *(port for server in servers for port in server.ports)}
    with _LOCK:
        ca_file = _ca_file()
    values = {
        "ENCRYPTION_KEYS": [generate_encryption_key()],
        "ALLOWED_NETWORKS": list(_LOOPBACK),
        "ALLOWED_PORTS": sorted(ports),
        "CA_FILE": ca_file,
        "RUNNER": "inline",
        "RETRIES": 0,
        "TIMEOUT": _TIMEOUT,
    }
    return {"SECRET_KEY": "test", **{_PREFIX + name: value for name, value in values.items()}}


@functools.cache
def _ca_file() -> str:
    """Write the authority's certificate to a file, and return its path."""
    pem = certificate_authority().cert_pem.bytes()
    number, path = tempfile.mkstemp(prefix="mailbox-import-ca-", suffix=".pem")
    with os.fdopen(number, "wb") as file:
        file.write(pem)
    atexit.register(_remove, Path(path), os.getpid())
    return path


def _remove(path: Path, process: int) -> None:
    # A forked process inherits the atexit call; the file is not its own.
    if os.getpid() == process:
        path.unlink(missing_ok=True)
