"""Logins as values, for tests that open no connection."""

from __future__ import annotations

from flask_mailbox_import.core.mailboxes import Login, Protocol, Security
from flask_mailbox_import.core.secret import Secret


def login(protocol: Protocol = Protocol.SMTP, password: str = "s3cret pässword") -> Login:
    """Return a login at a server that no test asks."""
    return Login(
        protocol=protocol,
        host="mail.example.com",
        port=587,
        security=Security.STARTTLS,
        username="user@example.com",
        password=Secret(password),
    )
