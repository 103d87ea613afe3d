"""The door of this wing: tests the logins of many mailboxes apart from the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gevent.event import Event

from ..config import Config
from ..core.mailboxes import Mailbox
from .guard import Guard, Policy
from .hub import HubRun, off_hub
from .replies import compile_wordings
from .schedule import Schedule
from .servers import login_tests
from .verdicts import Message, RefusedTargets, Verdicts
from .wire import tls_context


def probe_all(
    mailboxes: Iterable[tuple[int, Mailbox]], config: Config, *, test_imap: bool = False
) -> HubRun[Message]:
    """Start to test mailboxes apart from the caller, who iterates over the ``results``.

    Each number comes back once with its ``MailboxVerdict``, as soon as that is known; once the run
    is drained, only those under way do. What concerns all rows comes as a ``RowWarning``, with row
    0, or as ``RefusedTargets``. The caller closes the run.

    :raises MailboxImportError: no CA certificates; nothing was started.
    """
    context = off_hub(tls_context, config.ca_file)
    off_hub(compile_wordings)
    cases = list(mailboxes)

    def work(emit: Callable[[Message], None], draining: Event) -> None:
        policy = Policy(
            allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
        )
        with Guard(policy, config.dns_timeout) as guard:
            verdicts = Verdicts(emit, cases, test_imap=test_imap)
            tests = login_tests(cases, test_imap=test_imap)
            Schedule(tests, config, guard, context, verdicts, draining).run()
            if guard.refused:
                emit(RefusedTargets(count=guard.refused))

    return HubRun(work)
