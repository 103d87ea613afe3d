"""The logins that one address has refused: when it has locked us out, and when we stop before."""

from __future__ import annotations

from ..core.codes import REFUSED_LOGIN, Code
from ..core.mailboxes import Stage
from .diagnosis import Finding

#: After this many refused logins, a server that lets us in no more has locked us out. The default
#: of fail2ban is 5.
FEWEST_REFUSALS = 3

_AT_LOGIN = (Stage.AUTH, Stage.SELECT)
# How a server that has locked us out meets the next connection: it drops or refuses it, or says
# why it does. A firewall may also leave it unanswered.
_SHUT = frozenset(
    {
        Code.CONNECTION_CLOSED,
        Code.CONNECTION_REFUSED,
        Code.NETWORK_UNREACHABLE,
        Code.TOO_MANY_ATTEMPTS,
        Code.IP_BLOCKED,
    }
)


class Refusals:
    """The refused logins of one run at one address and port.

    :param limit: ``STOP_AFTER_REFUSED``.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._worked = False
        #: How many refusals there were when a connection last got through after a sign.
        self._cleared = 0

    def learn(self, finding: Finding | None) -> None:
        """Note how a login ended; None: it worked."""
        if finding is None or finding.stage is Stage.SELECT:
            self._worked = True
        elif finding.answered and finding.stage is Stage.AUTH:
            refused = finding.login_refused or finding.code in REFUSED_LOGIN
            self._count += refused or finding.code is Code.TOO_MANY_ATTEMPTS

    def clear(self) -> None:
        """Note that the server lets us in: until more refusals, a sign means something else."""
        self._cleared = self._count

    def is_sign(self, finding: Finding) -> bool:
        """Tell whether a fault may be a lock-out: too many connections at once look the same."""
        if self._worked or self._count - self._cleared < FEWEST_REFUSALS:
            return False
        if finding.stage in _AT_LOGIN:
            return finding.code is Code.CONNECTION_CLOSED
        unanswered = finding.code is Code.CONNECTION_TIMEOUT and finding.stage is Stage.CONNECT
        return unanswered or finding.code in _SHUT

    def locked_out(self, stage: Stage) -> Finding:
        """Return the finding for the logins that a lock-out hits."""
        return Finding(code=Code.TOO_MANY_ATTEMPTS, stage=stage, refusals=self._count)

    def explained(self, finding: Finding) -> Finding:
        """Return why a server let nobody in for long: a lock-out, if it has refused logins."""
        shut_out = finding.code in _SHUT and self._count >= FEWEST_REFUSALS
        return self.locked_out(finding.stage) if shut_out else finding

    def leaves_place(self, running: int) -> bool:
        """Tell whether another login may begin beside the running ones, by ``limit``."""
        return not self._limit or self._worked or self._count + running < self._limit

    def stopped(self) -> Finding | None:
        """Return the finding for the logins that are not tried, once the limit is reached."""
        if not self._limit or self._worked or self._count < self._limit:
            return None
        return Finding(code=Code.NOT_TESTED, stage=Stage.AUTH, refusals=self._count)
