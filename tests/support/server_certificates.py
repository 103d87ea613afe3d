"""A mail server's side of TLS, with right certificates and wrong ones."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import trustme

#: Names of the loopback address, in the certificates; c-ares knows them all (RFC 6761).
HOSTS = ("localhost", "127.0.0.1", *(f"h{number}.localhost" for number in range(7)))


def server_context(ca: trustme.CA, *hosts: str, **options: object) -> ssl.SSLContext:
    """Return a server's side of TLS for these names, or else for this machine's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*(hosts or HOSTS), **options).configure_cert(context)  # type: ignore[arg-type]
    return context


_A_DAY = datetime.timedelta(days=1)


def contexts_of(ca: trustme.CA, folder: Path) -> dict[str, ssl.SSLContext]:
    """Return a server's side of TLS for each kind of certificate."""
    past = datetime.datetime.now(datetime.timezone.utc) - 2 * _A_DAY
    own = trustme.CA()
    own.cert_pem.write_to_path(str(folder / "own.pem"))
    own.private_key_pem.write_to_path(str(folder / "own.key"))
    self_signed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    self_signed.load_cert_chain(str(folder / "own.pem"), str(folder / "own.key"))
    return {
        "good": server_context(ca),
        "self-signed": self_signed,
        "expired": server_context(ca, not_before=past, not_after=past + _A_DAY),
        "wrong-name": server_context(ca, "other.example.com"),
    }
