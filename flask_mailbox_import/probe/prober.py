"""The door of this wing: tests the logins of many rows in a hub apart from the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gevent.event import Event

from ..config import Config
from ..core.rows import Outcome, RowWarning
from .guard import Guard, Policy
from .hub import HubRun, off_hub
from .pace import Paces
from .replies import compile_wordings
from .schedule import Schedule
from .servers import login_tests
from .verdicts import Begun, Verdicts
from .wire import tls_context


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedTargets:
    """How many server names resolve to addresses that may not be contacted."""

    count: int


#: What a run emits: the outcome of a row, that rows are tested now, or a fact about all rows.
Message = Outcome | Begun | RowWarning | RefusedTargets


def probe_all(
    untested: Iterable[Outcome], config: Config, paces: Paces, *, with_imap: bool = False
) -> HubRun[Message]:
    """Start to test the mailboxes of rows; the caller reads the ``results`` and calls ``close``.

    Each row gives one ``Outcome`` as soon as its tests have ended: with the mailbox that works, or
    with the failure. After ``drain`` only the rows whose tests run give one. A fact about all rows
    is a ``RowWarning`` with row 0, or ``RefusedTargets``.

    :param untested: the rows, each with a mailbox.
    :param paces: those of the app: runs that overlap share its connections to an address.
    :param with_imap: test the IMAP logins too.
    :raises MailboxImportError: there are no CA certificates; nothing was started.
    """
    context = off_hub(tls_context, config.ca_file)
    off_hub(compile_wordings)
    rows = list(untested)
    tests = off_hub(login_tests, rows, with_imap=with_imap)

    def work(emit: Callable[[Message], None], draining: Event) -> None:
        policy = Policy(
            allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
        )
        with Guard(policy, config.dns_timeout) as guard:
            verdicts = Verdicts(emit, rows, with_imap=with_imap)
            Schedule(tests, config, guard, context, paces, verdicts, draining).run()
            if guard.refused:
                emit(RefusedTargets(count=guard.refused))

    return HubRun(work)
