"""Says before the connection test what is known to make it fail. It refuses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..core.mailboxes import Mailbox
from ..core.providers import PasswordKind, provider_of, receiver_of, server_meant
from ..core.rows import CheckedRow, RowStatus, RowWarning
from ..core.typing_errors import Likeness
from ..core.validators import shown_server
from ..core.words import say

#: A server of the file is taken for the right one where it has so many rows, and so many times as
#: many as the other one.
_FEWEST, _TIMES = 3, 3
#: The codes of these warnings.
FORESEEN = frozenset({"no_password_login", "app_password_expected", "server_typo", "receives_only"})
_FOR_SENDING = say("the server for sending")


def with_foresight(rows: Sequence[CheckedRow]) -> tuple[CheckedRow, ...]:
    """Return rows with warnings of what will probably fail; only ready ones get any."""
    hosts = Counter(row.mailbox.smtp.host for row in rows if row.mailbox is not None)
    likely = {host: _meant(host, hosts) for host in hosts}
    return tuple(_warned(row, likely) for row in rows)


def _warned(row: CheckedRow, likely: dict[str, str]) -> CheckedRow:
    mailbox = row.mailbox
    if mailbox is None or row.status is not RowStatus.READY:
        return row
    found = tuple(
        RowWarning(row=row.record.row, column=column, code=code, values=values)
        for column, code, values in _foreseen(mailbox, likely)
    )
    before = tuple(each for each in row.record.warnings if each.code not in FORESEEN)
    if before + found == row.record.warnings:
        return row
    return replace(row, record=replace(row.record, warnings=before + found))


def _foreseen(
    mailbox: Mailbox, likely: dict[str, str]
) -> Iterator[tuple[str, str, dict[str, str | int]]]:
    smtp = mailbox.smtp
    meant, receives = likely[smtp.host], receiver_of(smtp.host)
    if receives is not None:
        named = receives.smtp if receives.password is not PasswordKind.KEY else None
        server = named.host if named is not None else str(_FOR_SENDING)
        yield "smtphost", "receives_only", {"host": smtp.host, "server": server}
    elif meant and not smtp.host.endswith(f".{_domain(mailbox)}"):
        yield "smtphost", "server_typo", {"host": smtp.host, "server": meant}
    provider = provider_of(smtp.host, mailbox.email)
    if provider is None or not provider.hosts.fullmatch(smtp.host):
        return
    values: dict[str, str | int] = {"provider": provider.name}
    form = provider.app_password
    if provider.password is PasswordKind.NONE:
        yield "email", "no_password_login", values
    elif provider.password is PasswordKind.APP and form and not smtp.password.fits(form):
        yield "password", "app_password_expected", values


def _domain(mailbox: Mailbox) -> str:
    return mailbox.email_key.rpartition("@")[2]


def _meant(host: str, hosts: Counter[str]) -> str:
    """Return the server that was probably meant by a host of the file; "" where it is right."""
    if provider_of(host, "") is not None or not shown_server(host):
        return ""
    least = max(_FEWEST, _TIMES * hosts[host])
    own = Likeness(each for each, count in hosts.most_common(10) if count >= least)
    return server_meant(host) or own.of(host)
