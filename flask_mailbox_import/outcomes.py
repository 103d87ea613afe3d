"""What the tests of a mailbox found -> what is saved: the mailbox as tested, or a reason."""

from __future__ import annotations

from dataclasses import replace

from .codes import Code
from .pitfalls import remark_on
from .reasons import both, mode_notice
from .records import Login, Mailbox, Notice, Reason, Tested, Verdict
from .staged import Outcome

_PASSWORD_REFUSED = frozenset({Code.BAD_CREDENTIALS, Code.CREDENTIALS_ENCODING})


def outcome_of(row: int, untested: Outcome, tested: Tested) -> Outcome:
    """Return the outcome of a row; a mailbox only where all that was tested passed."""
    mailbox = untested.mailbox
    if mailbox is None:
        return untested
    reason = both(tested)
    if reason is not None:
        return replace(
            untested,
            mailbox=None,
            reason=_with_remark(reason, mailbox, tested),
            smtp=tested.smtp.reason,
            imap=tested.imap.reason if tested.imap else None,
        )
    smtp, notices = _as_tested(mailbox.smtp, tested.smtp, row)
    imap = mailbox.imap
    if imap is not None and tested.imap is not None:
        imap, more = _as_tested(imap, tested.imap, row)
        notices += more
    return replace(
        untested,
        mailbox=replace(mailbox, smtp=smtp, imap=imap),
        notices=untested.notices + notices,
    )


def _with_remark(reason: Reason, mailbox: Mailbox, tested: Tested) -> Reason:
    """Add to the hint of a refused password what looks wrong about it."""
    if reason.code not in _PASSWORD_REFUSED:
        return reason
    login = mailbox.smtp if tested.smtp.reason else mailbox.imap
    remark = remark_on(login.password) if login else ""
    return replace(reason, hint=f"{remark} {reason.hint}".strip())


def _as_tested(login: Login, verdict: Verdict, row: int) -> tuple[Login, tuple[Notice, ...]]:
    """Return a login with the TLS mode that worked, and what to say where the file has another."""
    used = verdict.security or login.security
    message = mode_notice(login, used)
    if message:
        message += " It is saved so."
    column = f"{login.protocol.value}secure"
    notice = Notice(row=row, column=column, code=Code.TLS_MODE_MISMATCH.value, message=message)
    return replace(login, security=used), (notice,) if message else ()
