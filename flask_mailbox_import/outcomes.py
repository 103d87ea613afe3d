"""What the tests of a mailbox found -> what is saved: the mailbox as tested, or a reason."""

from __future__ import annotations

from dataclasses import replace

from .codes import Code
from .mapping import Outcome
from .reasons import both, mode_notice
from .records import Login, Mailbox, Notice, Tested, Verdict


def outcome_of(row_id: int, row: int, mailbox: Mailbox, tested: Tested) -> Outcome:
    """Return the outcome of a row; a mailbox only where all that was tested passed."""
    imap_reason = tested.imap.reason if tested.imap else None
    reason = both(tested)
    if reason is not None:
        return Outcome(row_id=row_id, reason=reason, smtp=tested.smtp.reason, imap=imap_reason)
    smtp, notices = _as_tested(mailbox.smtp, tested.smtp, row)
    imap = mailbox.imap
    if imap is not None and tested.imap is not None:
        imap, more = _as_tested(imap, tested.imap, row)
        notices += more
    return Outcome(row_id=row_id, mailbox=replace(mailbox, smtp=smtp, imap=imap), notices=notices)


def _as_tested(login: Login, verdict: Verdict, row: int) -> tuple[Login, tuple[Notice, ...]]:
    """Return a login with the TLS mode that worked, and what to say where the file has another."""
    used = verdict.security or login.security
    message = mode_notice(login, used)
    if message:
        message += " It is saved so."
    column = f"{login.protocol.value}secure"
    notice = Notice(row=row, column=column, code=Code.TLS_MODE_MISMATCH.value, message=message)
    return replace(login, security=used), (notice,) if message else ()
