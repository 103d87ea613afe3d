"""The words for what the tests of a mailbox found: by protocol, provider and server."""

from __future__ import annotations

import math
from dataclasses import replace

from .codes import Code
from .providers import Provider
from .records import Login, Protocol, Reason, Security, Tested, Verdict
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

_IMAP_OFF = (
    "The provider may have access by IMAP switched off, or want another server, username or "
    "password for it: check its help pages and the columns imaphost, imapusername and imappassword."
)


def reason_of_test(
    code: Code,
    protocol: Protocol,
    provider: Provider | None,
    *,
    reply: str = "",
    wait: float | None = None,
) -> Reason:
    """Return the words for what a connection test found: the provider's own steps where known.

    ``wait`` is how long the server said to wait, in seconds.
    """
    error, hint = WORDS[code]
    if wait is not None:
        hint = f"The server says to wait {_duration(wait)}; test again after that."
    elif provider is not None and code in provider.hints:
        hint = provider.hints[code]
    else:
        hint = hint.format(**_TERMS[protocol])
    return Reason(code=code, error=error, hint=hint, reply=reply)


def _joined(hint: str, more: str) -> str:
    """Put one more sentence to a hint: ahead of it where it ends with a link."""
    texts = (hint, more) if hint.endswith(".") else (more, hint)
    return " ".join(each for each in texts if each)


def _duration(seconds: float) -> str:
    if seconds <= 2 * _MINUTE:
        return f"{seconds:.0f} second{'' if round(seconds) == 1 else 's'}"
    minutes = math.ceil(seconds / _MINUTE)
    return f"{minutes} minutes" if minutes <= 2 * _MINUTE else f"{minutes / 60:.0f} hours"


def both(tested: Tested) -> Reason | None:
    """Return the reason of a row out of those of its two tests; None where both passed.

    The code and the sentence are those of the first that failed, SMTP before IMAP.
    """
    smtp = _remarked(tested.smtp)
    imap = _remarked(tested.imap) if tested.imap is not None else None
    if imap is None:
        return smtp
    if smtp is None:
        if imap.code is Code.BAD_CREDENTIALS and tested.imap is not None:
            imap = replace(imap, hint=_joined(_IMAP_OFF, tested.imap.remark))
        return replace(imap, hint=f"Sending works, reading (IMAP) does not. {imap.hint}")
    if smtp.code is imap.code:
        return replace(smtp, hint=_joined(smtp.hint, "Reading (IMAP) fails for the same reason."))
    return replace(smtp, hint=_joined(smtp.hint, f"Reading (IMAP) fails too: {imap.text}"))


def _remarked(verdict: Verdict) -> Reason | None:
    reason = verdict.reason
    return reason and replace(reason, hint=_joined(reason.hint, verdict.remark))


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
