"""The words for what the tests of a mailbox found: by protocol, provider and server."""

from __future__ import annotations

import math
from dataclasses import replace

from .codes import Code
from .providers import Provider
from .records import Login, Protocol, Reason, Security
from .words import WORDS

#: What the hints of a connection test name, by protocol.
_TERMS = {
    Protocol.SMTP: {
        "side": "smtp",
        "tls": "465",
        "starttls": "587",
        "doing": "sending mail",
        "not_doing": "reading mail",
    },
    Protocol.IMAP: {
        "side": "imap",
        "tls": "993",
        "starttls": "143",
        "doing": "reading mail",
        "not_doing": "sending mail",
    },
}
_MINUTE = 60


def reason_of_test(
    code: Code,
    protocol: Protocol,
    provider: Provider | None,
    *,
    reply: str = "",
    wait: float | None = None,
    also: str = "",
) -> Reason:
    """Return the words for what a connection test found: the provider's own steps where known.

    ``wait`` is how long the server said to wait, in seconds; ``also`` ends the hint.
    """
    error, hint = WORDS[code]
    if wait is not None:
        hint = f"The server says to wait {_duration(wait)}; test again after that."
    elif provider is not None and code in provider.hints:
        hint = provider.hints[code]
    else:
        hint = hint.format(**_TERMS[protocol])
    return Reason(code=code, error=error, hint=f"{hint} {also}".strip(), reply=reply)


def _duration(seconds: float) -> str:
    if seconds <= 2 * _MINUTE:
        return f"{seconds:.0f} seconds"
    minutes = math.ceil(seconds / _MINUTE)
    return f"{minutes} minutes" if minutes <= 2 * _MINUTE else f"{minutes / 60:.0f} hours"


def both(smtp: Reason | None, imap: Reason | None) -> Reason | None:
    """Return the reason of a row out of those of its two tests; None where both passed.

    The code and the sentence are those of the first that failed, SMTP before IMAP.
    """
    if imap is None:
        return smtp
    if smtp is None:
        return replace(imap, hint=f"Sending works, reading (IMAP) does not. {imap.hint}")
    if smtp.code is imap.code:
        return replace(smtp, hint=f"{smtp.hint} Reading (IMAP) fails for the same reason.")
    return replace(smtp, hint=f"{smtp.hint} Reading (IMAP) fails too: {imap.text}")


def mode_notice(login: Login, used: Security) -> str:
    """Say that another TLS mode than the file's was needed, or "" where it was not."""
    if used is login.security or Security.PLAIN in (used, login.security):
        return ""
    side = login.protocol.value
    if used is Security.TLS:
        return f"Port {login.port} of this server works with {side}secure=true (TLS)."
    return f"Port {login.port} of this server works with {side}secure=false (STARTTLS)."


def blocked_port(port: int, servers: int) -> str:
    """Say that it is rather this app's network than the servers."""
    return (
        f"None of the {servers} servers on port {port} could be reached: this app's own network "
        "seems to block that port. Ask whoever runs the app, or its hosting company, to open it; "
        "the mailboxes need not be wrong."
    )
