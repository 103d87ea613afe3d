"""Many mailboxes tested apart from the caller: the one way into the network; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gevent.event import Event

from ..config import Config
from ..policy import Policy
from ..records import Mailbox, RefusedTargets
from . import wordings
from .guard import Guard
from .job import jobs_of
from .pool import HubRun, off_hub
from .schedule import Schedule
from .sockets import tls_context
from .verdicts import Message, Verdicts


def probe_all(
    mailboxes: Iterable[tuple[int, Mailbox]], config: Config, *, test_imap: bool = False
) -> HubRun[Message]:
    """Start to test mailboxes apart from the caller; iterate over the run's ``results``.

    Each number given comes back exactly once as a ``Tested``, in the order in which the verdicts
    are known, or, once the run is drained, not at all; what concerns all rows comes as text. The
    caller closes the run.

    :raises MailboxImportError: no CA certificates; nothing was started.
    """
    context = off_hub(tls_context, config.ca_file)
    off_hub(wordings.prepare)
    cases = list(mailboxes)

    def work(emit: Callable[[Message], None], draining: Event) -> None:
        policy = Policy(
            allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
        )
        with Guard(policy, config.dns_timeout) as guard:
            verdicts = Verdicts(emit, cases, test_imap=test_imap)
            jobs = jobs_of(cases, test_imap=test_imap)
            Schedule(jobs, config, guard, context, verdicts, draining).run()
            if guard.refused:
                emit(RefusedTargets(count=guard.refused))

    return HubRun(work)
