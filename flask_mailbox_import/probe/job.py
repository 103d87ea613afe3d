"""One login to test, for all the mailboxes that share it; tries nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..providers import Provider, provider_of
from ..records import Login, Mailbox


@dataclass(slots=True)
class Job:
    """One login to test, for all the mailboxes that share it."""

    login: Login
    provider: Provider | None
    numbers: list[int]
    #: What its server's name leads to, once that is known.
    address: str = ""
    tries: int = 0
    #: How often it was refused for what our own pace caused, and whether it met silence before.
    refusals: int = 0
    silences: int = 0
    started: float = 0.0
    #: Whether other connections of ours were open to the server beside it.
    crowded: bool = False


def jobs_of(mailboxes: Iterable[tuple[int, Mailbox]], *, test_imap: bool) -> list[Job]:
    """Group mailboxes whose login is the same, password included: it is tested once."""
    groups: dict[tuple[object, ...], list[Job]] = {}
    jobs: list[Job] = []
    for number, mailbox in mailboxes:
        for login in (mailbox.smtp, mailbox.imap if test_imap else None):
            if login is None:
                continue
            key = (login.protocol, login.host, login.port, login.security, login.username)
            group = groups.setdefault(key, [])
            same = next((job for job in group if job.login.password.same_as(login.password)), None)
            if same is not None:
                same.numbers.append(number)
                continue
            # An address tells whose server it is only where it is what logs in.
            email = mailbox.email if login.username == mailbox.email else ""
            job = Job(login=login, provider=provider_of(login.host, email), numbers=[number])
            group.append(job)
            jobs.append(job)
    return jobs
