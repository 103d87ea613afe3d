"""Clients that connect to the mail servers of ``flask_mailbox_import.testing``."""

from __future__ import annotations

import imaplib
import socket
import ssl

from flask_mailbox_import.testing import IMAPServer

ANN = "ann@example.com"


def connected(port: int) -> socket.socket:
    """Connect to a server of this machine."""
    return socket.create_connection(("localhost", port), timeout=10)


def opened(server: IMAPServer, trusting: ssl.SSLContext) -> imaplib.IMAP4:
    """Connect to an IMAP server, and begin TLS in its way."""
    if server.implicit_tls:
        return imaplib.IMAP4_SSL("localhost", server.port, ssl_context=trusting, timeout=10)
    client = imaplib.IMAP4("localhost", server.port, timeout=10)
    client.starttls(trusting)
    return client
