"""The door of this wing: tests the logins of many rows apart from the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gevent.event import Event

from ..config import Config
from ..core.rows import Outcome, RowWarning
from .guard import Guard, Policy
from .hub import HubRun, off_hub
from .replies import compile_wordings
from .schedule import Schedule
from .servers import login_tests
from .verdicts import Verdicts
from .wire import tls_context


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedTargets:
    """How many servers of an import had names that lead where nothing may be contacted."""

    count: int


#: What a run emits: what is to be saved of a row, or what concerns all rows.
Message = Outcome | RowWarning | RefusedTargets


def probe_all(
    untested: Iterable[Outcome], config: Config, *, with_imap: bool = False
) -> HubRun[Message]:
    """Start to test the mailboxes of rows apart from the caller, who iterates over the ``results``.

    Each row comes back once, with its mailbox as it was tested or with what it failed of, as soon
    as that is known; once the run is drained, only those under way do. What concerns all rows
    comes as a ``RowWarning`` with row 0, or as ``RefusedTargets``. The caller closes the run.

    :param untested: rows with a mailbox.
    :raises MailboxImportError: no CA certificates; nothing was started.
    """
    context = off_hub(tls_context, config.ca_file)
    off_hub(compile_wordings)
    rows = list(untested)

    def work(emit: Callable[[Message], None], draining: Event) -> None:
        policy = Policy(
            allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
        )
        with Guard(policy, config.dns_timeout) as guard:
            verdicts = Verdicts(emit, rows, with_imap=with_imap)
            tests = login_tests(rows, with_imap=with_imap)
            Schedule(tests, config, guard, context, verdicts, draining).run()
            if guard.refused:
                emit(RefusedTargets(count=guard.refused))

    return HubRun(work)
