"""The logins that one address has refused: when it has locked us out, and when we stop before."""

from __future__ import annotations

from ..core.codes import REFUSED_LOGIN, Code
from ..core.mailboxes import Stage
from .diagnosis import FROM_LOGIN, Finding

#: After this many refused logins, a server that lets us in no more has locked us out. The default
#: of fail2ban is 5.
FEWEST_REFUSALS = 3
# Seconds before each look at a server that shuts us out, without jitter: too many connections, or
# too many in a short time, look the same, and are over by then. The last look is for a server at
# which a login has worked.
_LOOKS = (0.0, 1.0, 4.0, 8.0)

# How a server that has locked us out meets the next connection: it drops or refuses it, or says
# why. A firewall may also leave it unanswered.
_SHUT = frozenset(
    {
        Code.CONNECTION_CLOSED,
        Code.CONNECTION_REFUSED,
        Code.NETWORK_UNREACHABLE,
        Code.TOO_MANY_ATTEMPTS,
        Code.TEMPORARY_FAILURE,
        Code.IP_BLOCKED,
    }
)
# The same at the login.
_SHUT_AT_LOGIN = frozenset({Code.CONNECTION_CLOSED, Code.TOO_MANY_ATTEMPTS})


class Refusals:
    """The refused logins of one run at one address and port.

    :param limit: ``STOP_AFTER_REFUSED``.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._worked = False
        #: How many connections in a row, each alone, were shut out.
        self._shut = 0

    def learn(self, finding: Finding | None) -> None:
        """Note how a login ended; None: it worked."""
        if finding is None or finding.stage is Stage.SELECT:
            self._worked = True
            self._shut = 0
        elif finding.answered and finding.stage is Stage.AUTH:
            refused = finding.login_refused or finding.code in REFUSED_LOGIN
            self._count += refused or finding.code is Code.TOO_MANY_ATTEMPTS
            if finding.code not in _SHUT_AT_LOGIN:
                self._shut = 0

    def is_sign(self, finding: Finding, *, is_known: bool) -> bool:
        """Tell whether a fault may come of a lock-out.

        :param is_known: another run has found that the server has locked us out.
        """
        if finding.login_refused or (self._count < FEWEST_REFUSALS and not is_known):
            return False
        if finding.stage in FROM_LOGIN:
            return finding.code in _SHUT_AT_LOGIN
        unanswered = finding.code is Code.CONNECTION_TIMEOUT and finding.stage is Stage.CONNECT
        return unanswered or finding.code in _SHUT

    def shut_out(self, *, is_known: bool) -> bool:
        """Note a connection that was alone and shut out; tell whether that is a lock-out."""
        self._shut += 1
        return is_known or self._shut >= len(_LOOKS) - (not self._worked)

    @property
    def seconds_to_look(self) -> float:
        """The seconds to wait before the next connection, which shows whether it is one."""
        return _LOOKS[min(self._shut, len(_LOOKS) - 1)]

    def locked_out(self, stage: Stage) -> Finding:
        """Return the finding for the logins that a lock-out hits."""
        # With fewer, it was another run that was locked out: its logins are not for this one.
        refusals = self._count if self._count >= FEWEST_REFUSALS else 0
        return Finding(code=Code.TOO_MANY_ATTEMPTS, stage=stage, refusals=refusals)

    def leaves_place(self, running: int) -> bool:
        """Tell whether another login may begin beside the running ones, by ``limit``."""
        return not self._limit or self._worked or self._count + running < self._limit

    def stopped(self) -> Finding | None:
        """Return the finding for the logins that are not tried, once the limit is reached."""
        if not self._limit or self._worked or self._count < self._limit:
            return None
        return Finding(code=Code.NOT_TESTED, stage=Stage.AUTH, refusals=self._count)
