"""Turns findings into one verdict per mailbox; holds back faults that our network may cause."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..core.codes import Code, Failure
from ..core.explanations import EXPLANATIONS, VARIANTS
from ..core.mailboxes import Login, Mailbox, Protocol, Security
from ..core.password_pitfalls import password_remark
from ..core.providers import Provider
from ..core.rows import Outcome, RowWarning
from .diagnosis import Finding
from .servers import LoginTest, tested_logins


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginVerdict:
    """What a connection test of one login found; ``failure`` is None when the login worked."""

    failure: Failure | None = None
    #: How the connection was encrypted, where the login worked.
    security: Security | None = None
    #: A sentence to add to the hint, where the login failed.
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxVerdict:
    """What the tests of one mailbox found; ``imap`` is None where it was not tested."""

    smtp: LoginVerdict
    imap: LoginVerdict | None = None


#: The values of the {names} in hints, by protocol.
_TERMS = {
    Protocol.SMTP: {
        "side": "smtp",
        "tls": str(Protocol.SMTP.tls_port),
        "starttls": str(Protocol.SMTP.starttls_port),
        "doing": "sending mail",
        "not_doing": "reading mail",
    },
    Protocol.IMAP: {
        "side": "imap",
        "tls": str(Protocol.IMAP.tls_port),
        "starttls": str(Protocol.IMAP.starttls_port),
        "doing": "reading mail",
        "not_doing": "sending mail",
    },
}
_MINUTE = 60

_IMAP_OFF = (
    "The provider may have access by IMAP switched off, or want another server, username or "
    "password for it: check its help pages and the columns imaphost, imapusername and imappassword."
)


def failure_of_test(finding: Finding, protocol: Protocol, provider: Provider | None) -> Failure:
    """Return the failure of a connection test; its hint is the provider's own, if there is one."""
    code, wait = finding.code, finding.wait if finding.may_pass else None
    error, hint = EXPLANATIONS[code]
    if finding.refusals:
        error, hint = _untried(code, finding.refusals)
    elif finding.variant is not None:
        _, error, hint = VARIANTS[finding.variant]
    elif wait is not None:
        hint = f"The server says to wait {_duration(wait)}; test again after that."
    elif provider is not None and code in provider.hints:
        hint = provider.hints[code]
    else:
        hint = hint.format(**_TERMS[protocol])
    return Failure(code=code, error=error, hint=hint, reply=finding.reply)


def _untried(code: Code, refusals: int) -> tuple[str, str]:
    """Return the sentence and the hint of a login that was not tried after those refusals."""
    if code is Code.NOT_TESTED:
        return (
            f"This mailbox was not tested: the first {refusals} logins at its server were refused.",
            "We stopped before the server locks this app out. Correct those logins first, then "
            "test the others.",
        )
    return (
        EXPLANATIONS[code][0],
        f"The server refused {refusals} logins, and then every connection: it has locked us out. "
        "Correct those logins first, wait for it to let us in again (often 10 to 60 minutes), "
        "then test this one again.",
    )


def _joined(hint: str, more: str) -> str:
    """Add a sentence to a hint: behind it, but before a hint that ends with a link."""
    texts = (hint, more) if hint.endswith(".") else (more, hint)
    return " ".join(each for each in texts if each)


def _duration(seconds: float) -> str:
    if seconds <= 2 * _MINUTE:
        return f"{seconds:.0f} second{'' if round(seconds) == 1 else 's'}"
    minutes = math.ceil(seconds / _MINUTE)
    return f"{minutes} minutes" if minutes <= 2 * _MINUTE else f"{minutes / 60:.0f} hours"


def both(tested: MailboxVerdict) -> Failure | None:
    """Return the failure of a row from its two tests; None where both passed.

    Its code and sentence are those of SMTP or, where only IMAP failed, of IMAP.
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


def _remarked(verdict: LoginVerdict) -> Failure | None:
    failure = verdict.failure
    return failure and replace(failure, hint=_joined(failure.hint, verdict.remark))


def security_notice(login: Login, used: Security) -> str:
    """Return a sentence on the TLS mode that works; "" where the file has that one."""
    if used is login.security or Security.PLAIN in (used, login.security):
        return ""
    side = login.protocol.value
    if used is Security.TLS:
        return f"Port {login.port} of this server works with {side}secure=true (TLS)."
    return f"Port {login.port} of this server works with {side}secure=false (STARTTLS)."


def blocked_port(port: int, servers: int) -> str:
    """Return the sentence that this app's own network seems to block a port."""
    return (
        f"None of the {servers} servers on port {port} could be reached: this app's own network "
        "seems to block that port. Ask whoever runs the app, or its hosting company, to open it; "
        "the mailboxes need not be wrong."
    )


# If this many servers on a port were tried and none was reached, the network may block the port.
_FEWEST_SERVERS = 2
_SHARED = "Another row showed this for the server; this one was not tried."


@dataclass(frozen=True, slots=True)
class _Held:
    test: LoginTest
    finding: Finding
    shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The rows whose login is tried now, for the first time in this run."""

    row_ids: tuple[int, ...]


class Verdicts:
    """Collects the verdict of each login; emits a row when all its logins have their verdicts.

    A failure to reach a server is held back until some server on the same port was reached. If none
    is reached, this app's own network may block the port.
    """

    def __init__(
        self,
        emit: Callable[[Outcome | Begun | RowWarning], None],
        untested: Iterable[Outcome],
        *,
        with_imap: bool,
    ) -> None:
        self._emit = emit
        self._untested = {row.row_id: row for row in untested}
        self._wanted = {
            row_id: {login.protocol for login in tested_logins(row, with_imap=with_imap)}
            for row_id, row in self._untested.items()
        }
        self._known: dict[int, dict[Protocol, LoginVerdict]] = {}
        self._reached: set[int] = set()
        self._held: dict[int, list[_Held]] = {}

    def begun(self, test: LoginTest) -> None:
        """Note that a login is tried for the first time."""
        self._emit(Begun(row_ids=tuple(test.row_ids)))

    def passed(self, test: LoginTest, security: Security) -> None:
        """Note that a login worked."""
        self._settle(test, LoginVerdict(security=security))

    def failed(
        self,
        test: LoginTest,
        finding: Finding,
        *,
        used: Security | None = None,
        shared: bool = False,
    ) -> None:
        """Note that a login failed.

        :param used: the TLS mode in which it failed; None: as in the file.
        :param shared: it was not tried; the test of another row showed that it fails.
        """
        port = test.login.port
        if finding.code is Code.CONNECTION_REFUSED:
            # A refused connection is an answer: our network does not block the port.
            self.reached(port)
        if not finding.reached and port not in self._reached:
            self._held.setdefault(port, []).append(_Held(test, finding, shared))
            return
        self._fail(test, finding, security_notice(test.login, used or test.login.security), shared)

    def reached(self, port: int) -> None:
        """Note that some server accepted a connection on ``port``."""
        self._reached.add(port)
        for each in self._held.pop(port, []):
            self._fail(each.test, each.finding, "", each.shared)

    def release_all(self) -> None:
        """Emit what is still held back: on these ports no server was reached."""
        for port, held in self._held.items():
            servers = len({each.test.address for each in held})
            blocked = blocked_port(port, servers) if servers >= _FEWEST_SERVERS else ""
            if blocked:
                self._emit(RowWarning(row=0, column="", code="port_unreachable", message=blocked))
            for each in held:
                self._fail(each.test, each.finding, "", each.shared, hint=blocked)
        self._held.clear()

    def _fail(
        self, test: LoginTest, finding: Finding, mode: str, shared: bool, *, hint: str = ""
    ) -> None:
        login = test.login
        failure = failure_of_test(finding, login.protocol, test.provider)
        if shared:
            # The server's words to one user are not shown to another.
            failure = replace(failure, reply="")
        if hint:
            failure = replace(failure, hint=hint)
        remark = " ".join(
            each for each in (mode, _SHARED if shared and not finding.refusals else "") if each
        )
        self._settle(test, LoginVerdict(failure=failure, remark=remark))

    def _settle(self, test: LoginTest, verdict: LoginVerdict) -> None:
        for row_id in test.row_ids:
            known = self._known.setdefault(row_id, {})
            known[test.login.protocol] = verdict
            if known.keys() == self._wanted[row_id]:
                del self._known[row_id]
                tested = MailboxVerdict(smtp=known[Protocol.SMTP], imap=known.get(Protocol.IMAP))
                self._emit(outcome_of(self._untested.pop(row_id), tested))


_PASSWORD_REFUSED = frozenset({Code.BAD_CREDENTIALS, Code.CREDENTIALS_ENCODING})


def outcome_of(untested: Outcome, tested: MailboxVerdict) -> Outcome:
    """Return the outcome of a row; it has a mailbox only if all its tests passed."""
    mailbox = untested.mailbox
    if mailbox is None:
        return untested
    failure = both(tested)
    if failure is not None:
        return replace(
            untested,
            mailbox=None,
            failure=_with_password_remark(failure, mailbox, tested),
            smtp=tested.smtp.failure,
            imap=tested.imap.failure if tested.imap else None,
        )
    smtp, warnings = _as_tested(mailbox.smtp, tested.smtp, untested.row)
    imap = mailbox.imap
    if imap is not None and tested.imap is not None:
        imap, more = _as_tested(imap, tested.imap, untested.row)
        warnings += more
    return replace(
        untested,
        mailbox=replace(mailbox, smtp=smtp, imap=imap),
        warnings=untested.warnings + warnings,
    )


def _with_password_remark(failure: Failure, mailbox: Mailbox, tested: MailboxVerdict) -> Failure:
    """Add to the hint of a refused login what looks wrong about its password."""
    if failure.code not in _PASSWORD_REFUSED:
        return failure
    login = mailbox.smtp if tested.smtp.failure else mailbox.imap
    remark = password_remark(login.password) if login else ""
    return replace(failure, hint=f"{remark} {failure.hint}".strip())


def _as_tested(
    login: Login, verdict: LoginVerdict, row: int
) -> tuple[Login, tuple[RowWarning, ...]]:
    """Return a login with the TLS mode that worked, and a warning if the file has another."""
    used = verdict.security or login.security
    message = security_notice(login, used)
    if message:
        message += " It is saved so."
    column = f"{login.protocol.value}secure"
    warning = RowWarning(row=row, column=column, code=Code.TLS_MODE_MISMATCH.value, message=message)
    return replace(login, security=used), (warning,) if message else ()
