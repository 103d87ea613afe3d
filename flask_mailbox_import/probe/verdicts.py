"""What became of each mailbox out of what became of its logins; held back until it is the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..codes import Code
from ..reasons import blocked_port, mode_notice, reason_of_test
from ..records import Mailbox, Notice, Protocol, RefusedTargets, Security, Tested, Verdict
from .diagnosis import Finding
from .job import Job

#: What a run emits: a mailbox's number and its results, or what concerns all rows.
Message = tuple[int, Tested] | Notice | RefusedTargets

# One server that cannot be reached may be down; more of them, and no other that can be, may not.
_FEWEST_SERVERS = 2
_SHARED = "Another row showed this for the server; this one was not tried."


@dataclass(frozen=True, slots=True)
class _Held:
    job: Job
    finding: Finding
    shared: bool


class Verdicts:
    """Collects the verdict of each login and emits each mailbox when all that it waits for is in.

    A server that was never reached is not held against a mailbox before some server on the same
    port was: where none is, it is rather our own network.
    """

    def __init__(
        self,
        emit: Callable[[Message], None],
        mailboxes: Iterable[tuple[int, Mailbox]],
        *,
        test_imap: bool,
    ) -> None:
        self._emit = emit
        self._wanted = {
            number: {Protocol.SMTP, Protocol.IMAP}
            if test_imap and mailbox.imap
            else {Protocol.SMTP}
            for number, mailbox in mailboxes
        }
        self._known: dict[int, dict[Protocol, Verdict]] = {}
        self._reached: set[int] = set()
        self._held: dict[int, list[_Held]] = {}

    def passed(self, job: Job, security: Security) -> None:
        """Take in that a login worked."""
        self._settle(job, Verdict(security=security))

    def failed(
        self, job: Job, finding: Finding, *, used: Security | None = None, shared: bool = False
    ) -> None:
        """Take in that a login failed; ``shared``: another row's test answers for this one."""
        port = job.login.port
        if finding.code is Code.CONNECTION_REFUSED:
            # It was somebody who refused.
            self.reached(port)
        if not finding.reached and port not in self._reached:
            self._held.setdefault(port, []).append(_Held(job, finding, shared))
            return
        self._fail(job, finding, mode_notice(job.login, used or job.login.security), shared)

    def reached(self, port: int) -> None:
        """Take in that some server took a connection on ``port``."""
        self._reached.add(port)
        for each in self._held.pop(port, []):
            self._fail(each.job, each.finding, "", each.shared)

    def release_all(self) -> None:
        """Emit what is still held back: on these ports, nothing was ever reached."""
        for port, held in self._held.items():
            servers = len({each.job.address for each in held})
            blocked = blocked_port(port, servers) if servers >= _FEWEST_SERVERS else ""
            if blocked:
                self._emit(Notice(row=0, column="", code="port_unreachable", message=blocked))
            for each in held:
                self._fail(each.job, each.finding, "", each.shared, hint=blocked)
        self._held.clear()

    def _fail(self, job: Job, finding: Finding, mode: str, shared: bool, *, hint: str = "") -> None:
        login = job.login
        reason = reason_of_test(
            finding.code,
            login.protocol,
            job.provider,
            # What the server said to one user is not for another.
            reply="" if shared else finding.reply,
            wait=finding.wait if finding.may_pass else None,
        )
        if hint:
            reason = replace(reason, hint=hint)
        remark = " ".join(each for each in (mode, _SHARED if shared else "") if each)
        self._settle(job, Verdict(reason=reason, remark=remark))

    def _settle(self, job: Job, verdict: Verdict) -> None:
        for number in job.numbers:
            known = self._known.setdefault(number, {})
            known[job.login.protocol] = verdict
            if known.keys() == self._wanted[number]:
                del self._known[number]
                tested = Tested(smtp=known[Protocol.SMTP], imap=known.get(Protocol.IMAP))
                self._emit((number, tested))
