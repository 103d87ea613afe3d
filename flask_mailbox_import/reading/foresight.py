"""Says before the connection test what is known to make it fail. It refuses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from ..core.mailboxes import Login, Mailbox, Protocol
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
#: For each server of a file the one that was probably meant; "" where it is right.
Likely: TypeAlias = dict[tuple[Protocol, str], str]
_FOR_SENDING = say("the server for sending")


def with_foresight(rows: Sequence[CheckedRow]) -> tuple[CheckedRow, ...]:
    """Return rows with warnings of what will probably fail; only ready ones get any."""
    mailboxes = [row.mailbox for row in rows if row.mailbox is not None]
    likely = _servers_meant(each.smtp for each in mailboxes)
    likely |= _servers_meant(each.imap for each in mailboxes if each.imap is not None)
    return tuple(_warned(row, likely) for row in rows)


def _warned(row: CheckedRow, likely: Likely) -> CheckedRow:
    mailbox = row.mailbox
    if mailbox is None or row.status is not RowStatus.READY:
        return row
    are_found = {each.column for each in row.record.warnings if each.code == "server_found"}
    found = tuple(
        RowWarning(row=row.record.row, column=column, code=code, values=values)
        for column, code, values in _foreseen(mailbox, likely, are_found)
    )
    before = tuple(each for each in row.record.warnings if each.code not in FORESEEN)
    if before + found == row.record.warnings:
        return row
    return replace(row, record=replace(row.record, warnings=before + found))


def _foreseen(
    mailbox: Mailbox, likely: Likely, are_found: Container[str]
) -> Iterator[tuple[str, str, dict[str, str | int]]]:
    """Yield column, code and values of what will probably fail.

    :param are_found: the columns of the servers that were found by the address.
    """
    smtp, imap = mailbox.smtp, mailbox.imap
    receives = receiver_of(smtp.host)
    if receives is not None:
        named = receives.smtp if receives.password is not PasswordKind.KEY else None
        server = named.host if named is not None else str(_FOR_SENDING)
        yield "smtphost", "receives_only", {"host": smtp.host, "server": server}
    elif meant := _meant(smtp, mailbox, likely, are_found):
        yield "smtphost", "server_typo", {"host": smtp.host, "server": meant}
    if imap is not None and (meant := _meant(imap, mailbox, likely, are_found)):
        yield "imaphost", "server_typo", {"host": imap.host, "server": meant}
    provider = provider_of(smtp.host, mailbox.email)
    if provider is None or not provider.hosts.fullmatch(smtp.host):
        return
    values: dict[str, str | int] = {"provider": provider.name}
    form = provider.app_password
    if provider.password is PasswordKind.NONE:
        yield "email", "no_password_login", values
    elif provider.password is PasswordKind.APP and form and not smtp.password.fits(form):
        yield "password", "app_password_expected", values


def _meant(login: Login, mailbox: Mailbox, likely: Likely, are_found: Container[str]) -> str:
    """Return the server that was probably meant; "" where the row's is right.

    A server of the address's domain is right, but not where it was found by an address that may
    have the typing error itself.
    """
    domain = mailbox.email_key.rpartition("@")[2]
    is_found = f"{login.protocol.value}host" in are_found
    if login.host.endswith(f".{domain}") and not is_found:
        return ""
    found = likely[login.protocol, login.host]
    return found or server_meant(login.host, login.protocol, domain)


def _servers_meant(logins: Iterable[Login]) -> Likely:
    """Return for each server of one protocol the one that was probably meant; "" where none."""
    counts = Counter((each.protocol, each.host) for each in logins)
    return {(protocol, host): _server_meant(protocol, host, counts) for protocol, host in counts}


def _server_meant(protocol: Protocol, host: str, counts: Counter[tuple[Protocol, str]]) -> str:
    if not shown_server(host):
        return ""
    known = server_meant(host, protocol)
    if known or provider_of(host, "") is not None:
        return known
    least = max(_FEWEST, _TIMES * counts[protocol, host])
    own = Likeness(each for (_, each), count in counts.most_common(10) if count >= least)
    return own.of(host)
