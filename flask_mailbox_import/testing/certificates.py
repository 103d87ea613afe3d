"""The throw-away certificate authority of this process, and the certificates of its servers."""

from __future__ import annotations

import datetime
import functools
import ssl
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

#: The names on a certificate where none are given.
_NAMES = ("localhost", "127.0.0.1", "::1")

#: Keeps two threads from making two authorities.
_LOCK = threading.Lock()


def certificate_authority() -> trustme.CA:
    """Return the certificate authority of this process; the first call makes it.

    :raises ImportError: trustme is not installed.
    """
    with _LOCK:
        return _authority()


def server_context(*names: str, not_after: datetime.datetime | None = None) -> ssl.SSLContext:
    """Return a server's side of TLS, with a new certificate of the process's authority.

    :param names: host names and IP addresses; none: ``localhost``, ``127.0.0.1`` and ``::1``.
    :param not_after: the time, with a time zone, at which the certificate expires; it may be past.
        None: in 2038.
    :raises ImportError: trustme is not installed.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = certificate_authority().issue_cert(*(names or _NAMES), not_after=not_after)
    certificate.configure_cert(context)
    return context


@functools.cache
def _authority() -> trustme.CA:
    try:
        import trustme
    except ImportError:
        raise ImportError(
            "flask_mailbox_import.testing needs trustme for its certificates: "
            "pip install flask_mailbox_import[testing]"
        ) from None
    return trustme.CA()
