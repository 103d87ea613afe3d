"""Turns findings into one verdict per mailbox; holds back faults that our network may cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..core.codes import Code
from ..core.failures import Failure
from ..core.mailboxes import Login, Mailbox, Protocol, Security
from ..core.password_pitfalls import password_remarks
from ..core.rows import Outcome, RowWarning
from ..core.sentences import Sentence, sentence
from .advice import failure_of_test
from .diagnosis import Finding
from .servers import LoginTest, tested_logins


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginVerdict:
    """What a connection test of one login found; ``failure`` is None when the login worked."""

    failure: Failure | None = None
    #: How the connection was encrypted, where the login worked.
    security: Security | None = None
    #: What to add to the hint, where the login failed.
    remarks: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxVerdict:
    """What the tests of one mailbox found; ``imap`` is None where it was not tested."""

    smtp: LoginVerdict
    imap: LoginVerdict | None = None


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
            imap = replace(imap, steps=(sentence("imap_off"), *tested.imap.remarks))
        return imap.with_first(sentence("only_imap_fails"))
    if smtp.code is imap.code:
        return smtp.with_last(sentence("imap_fails_alike"))
    return smtp.with_last(sentence("imap_fails_too"), imap.what, *imap.steps)


def _remarked(verdict: LoginVerdict) -> Failure | None:
    failure = verdict.failure
    return failure and failure.with_last(*verdict.remarks)


def _mode_that_works(login: Login, used: Security) -> dict[str, str | int]:
    """Return the port and the TLS mode that works, as values; none where the file has that mode."""
    if used is login.security or Security.PLAIN in (used, login.security):
        return {}
    is_tls = used is Security.TLS
    return {
        "port": login.port,
        "secure": str(is_tls).lower(),
        "mode": "TLS" if is_tls else "STARTTLS",
    }


def security_remarks(login: Login, used: Security) -> tuple[Sentence, ...]:
    """Return what to say of the TLS mode that works; nothing where the file has that one."""
    values = _mode_that_works(login, used)
    setting = f"{login.protocol.value}secure={values.get('secure')}"
    return (sentence("works_with", {**values, "setting": setting}),) if values else ()


# If this many servers on a port were tried and none was reached, the network may block the port.
_FEWEST_SERVERS = 2


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
        self._fail(
            _Held(test, finding, shared), security_remarks(test.login, used or test.login.security)
        )

    def reached(self, port: int) -> None:
        """Note that some server accepted a connection on ``port``."""
        self._reached.add(port)
        for each in self._held.pop(port, []):
            self._fail(each)

    def release_all(self) -> None:
        """Emit what is still held back: on these ports no server was reached."""
        for port, held in self._held.items():
            servers = len({each.test.address for each in held})
            is_blocked = servers >= _FEWEST_SERVERS
            values = {"servers": servers, "port": port}
            if is_blocked:
                self._emit(RowWarning(row=0, column="", code="port_unreachable", values=values))
            for each in held:
                steps = (sentence("port_unreachable", values),) if is_blocked else ()
                self._fail(each, steps=steps)
        self._held.clear()

    def _fail(
        self,
        failed: _Held,
        remarks: tuple[Sentence, ...] = (),
        steps: tuple[Sentence, ...] = (),
    ) -> None:
        """Settle a failed login.

        :param steps: to say in place of the failure's own; empty: its own.
        """
        test, finding = failed.test, failed.finding
        failure = failure_of_test(finding, test.login, test.provider)
        if failed.shared:
            # The server's words to one user are not shown to another.
            failure = replace(failure, reply="")
            if not finding.refusals:
                remarks = (*remarks, sentence("shown_by_another_row"))
        failure = replace(failure, steps=steps or failure.steps)
        self._settle(test, LoginVerdict(failure=failure, remarks=remarks))

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
    return failure.with_first(*password_remarks(login.password)) if login else failure


def _as_tested(
    login: Login, verdict: LoginVerdict, row: int
) -> tuple[Login, tuple[RowWarning, ...]]:
    """Return a login with the TLS mode that worked, and a warning if the file has another."""
    used = verdict.security or login.security
    values = _mode_that_works(login, used)
    column = f"{login.protocol.value}secure"
    warning = RowWarning(row=row, column=column, code=Code.TLS_MODE_MISMATCH.value, values=values)
    return replace(login, security=used), (warning,) if values else ()
