"""Mail providers: how to know one, its servers, and the hints for its own users (providers.ini)."""

from __future__ import annotations

import configparser
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from .codes import Code
from .mailboxes import Protocol, Security
from .typing_errors import Likeness, server_of_own_domain

_PLAIN = re.compile(r"[a-z0-9.-]+")
#: What a part of a provider never takes from the whole.
_OF_THE_PART = frozenset({"smtp", "imap", "hosts", "domains", "mx", "source"})


class Username(str, Enum):
    """What a provider's servers take as user name."""

    ADDRESS = "address"
    #: What stands before the @ of the address.
    LOCAL_PART = "local part"
    #: A word or a key that the provider shows.
    KEY = "key"


class PasswordKind(str, Enum):
    """Which password a provider's servers take."""

    #: That of the account or the mailbox; with two-factor login often an app password.
    OWN = "own"
    #: An app password, and nothing else.
    APP = "app"
    #: No password works.
    NONE = "none"
    #: One that was made for sending.
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Server:
    """A server for mail programs."""

    host: str
    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class Names:
    """Names of servers or domains: some as they are, others by patterns for the whole name."""

    plain: frozenset[str]
    patterns: tuple[str, ...] = ()

    def fullmatch(self, name: str) -> bool:
        """Tell whether a name in small letters is one of these."""
        return name in self.plain or any(re.fullmatch(each, name) for each in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider, or a part of it that has servers of its own: both have the same name."""

    name: str
    #: Which part of the provider this is; "" for the whole.
    part: str
    #: What its help pages tell a mail program to use; ``None`` where it has none, or none is known.
    smtp: Server | None
    imap: Server | None
    #: All its servers that take logins, and the domains of its addresses.
    hosts: Names
    domains: Names
    #: Its servers that only receive mail and take no logins.
    mx: Names
    #: ``None`` where it is not known.
    username: Username | None
    imap_username: Username | None
    #: The user name itself, where it is the same word for everybody; else "".
    username_word: str
    #: ``None`` where it is not known.
    password: PasswordKind | None
    #: The form of its app passwords, where they have a fixed one.
    app_password: re.Pattern[str] | None
    #: Where its servers are from, and of when.
    source: str
    #: Whether it counts refused logins by account, not by the address that they come from.
    counts_by_account: bool
    #: The code of a refused login where the server's reply does not tell the cause.
    refused: Mapping[Protocol, Code]
    #: The provider's own hint for a code, in place of the general hint.
    hints: Mapping[Code, str]


def _read() -> Iterator[Provider]:
    parser = configparser.RawConfigParser()
    parser.read_string(Path(__file__).with_name("providers.ini").read_text("utf-8"))
    for title in parser.sections():
        name, _, part = title.partition(" | ")
        values = {key: " ".join(value.split()) for key, value in parser.items(title)}
        if part:
            whole = {key: " ".join(value.split()) for key, value in parser.items(name)}
            values = {k: v for k, v in whole.items() if k not in _OF_THE_PART} | values
        yield _provider(name, part, values)


def _provider(name: str, part: str, values: MutableMapping[str, str]) -> Provider:
    smtp, imap = (_server(values.pop(each, "")) for each in ("smtp", "imap"))
    own = " ".join(each.host for each in (smtp, imap) if each is not None)
    username = values.pop("username", None)
    password, app_password = values.pop("password", None), values.pop("app_password", None)
    refused = {each: values.pop(f"refused_{each.value}", None) for each in Protocol}
    return Provider(
        name=name,
        part=part,
        smtp=smtp,
        imap=imap,
        hosts=_names(f"{own} {values.pop('hosts', '')}"),
        domains=_names(values.pop("domains", "")),
        mx=_names(values.pop("mx", "")),
        username=Username(username) if username else None,
        imap_username=Username(values.pop("imap_username", username)) if username else None,
        username_word=values.pop("username_word", ""),
        password=PasswordKind(password) if password else None,
        app_password=re.compile(app_password) if app_password else None,
        source=values.pop("source"),
        counts_by_account=values.pop("refusals", "") == "account",
        refused={protocol: Code(code) for protocol, code in refused.items() if code},
        hints={Code(code): hint for code, hint in values.items()},
    )


def _server(text: str) -> Server | None:
    if not text:
        return None
    host, port, security = text.split()
    return Server(host, int(port), Security(security))


def _names(text: str) -> Names:
    words = text.split()
    plain = frozenset(each for each in words if _PLAIN.fullmatch(each))
    return Names(plain, tuple(each for each in words if each not in plain))


#: Each provider, and each part of one, in the order of the file.
SECTIONS: tuple[Provider, ...] = tuple(_read())

#: The providers without their parts.
PROVIDERS: tuple[Provider, ...] = tuple(each for each in SECTIONS if not each.part)

#: The providers of the SMTP and IMAP servers that are known by their whole name, not by a pattern.
#: Where two providers share a server, it is of the first.
SERVERS: Mapping[str, Provider] = MappingProxyType(
    {
        host: provider
        for provider in reversed(SECTIONS)
        for host in sorted(provider.hosts.plain)
        if not host.startswith("pop")
    }
)

#: What the first word of a server has in it that is for another protocol than a protocol.
_WORDS_OF_OTHERS = {Protocol.SMTP: ("imap", "pop"), Protocol.IMAP: ("smtp", "pop")}

#: Every link that a hint may hold.
HELP_PAGES = frozenset(
    word
    for provider in PROVIDERS
    for hint in provider.hints.values()
    for word in hint.split()
    if word.startswith("https://")
)


class _Index:
    """Finds the provider of a name: first in a table, then with all patterns in one."""

    def __init__(self, names: Iterable[Names]) -> None:
        self._names = tuple(zip(SECTIONS, names, strict=True))
        # Of two with the same name the first in the file is found.
        self._plain = {name: each for each, own in reversed(self._names) for name in own.plain}
        self._pattern: re.Pattern[str] | None = None

    def find(self, name: str) -> Provider | None:
        """Return the provider of a name in small letters."""
        if name in self._plain:
            return self._plain[name]
        if self._pattern is None:
            # Only now: to compile the patterns takes longer than to read the file.
            self._pattern = re.compile("|".join(self._groups()))
        match = self._pattern.fullmatch(name)
        return SECTIONS[int(str(match.lastgroup)[1:])] if match else None

    def _groups(self) -> Iterator[str]:
        for number, (_, names) in enumerate(self._names):
            if names.patterns:
                yield f"(?P<_{number}>{'|'.join(names.patterns)})"


_HOSTS = _Index(each.hosts for each in SECTIONS)
_DOMAINS = _Index(each.domains for each in SECTIONS)
_RECEIVERS = _Index(each.mx for each in SECTIONS)


def provider_of(host: str, email: str) -> Provider | None:
    """Return the provider of a server; where the server is unknown, the provider of the address.

    Where two providers share a server, the address decides.
    """
    host = host.lower()
    own = provider_of_address(email)
    if own is not None and host in own.hosts.plain:
        return own
    return _HOSTS.find(host) or own


def provider_of_address(email: str) -> Provider | None:
    """Return the provider whose domain an address has."""
    return _DOMAINS.find(email.rpartition("@")[2].lower())


def receiver_of(host: str) -> Provider | None:
    """Return the provider of a server that only receives mail, as MX records name it."""
    return _RECEIVERS.find(host.lower())


@functools.lru_cache(maxsize=1000)
def server_meant(host: str, protocol: Protocol = Protocol.SMTP, domain: str = "") -> str:
    """Return the server that was probably meant by the name of one; "" where it is right.

    A name may be one typing error away from a known server or from the address's own domain, or be
    that of the same provider's server for the other protocol.

    :param domain: that of the mailbox's address.
    """
    provider = provider_of(host, "")
    if provider is not None:
        return _of_same_provider(provider, host.lower(), protocol)
    if receiver_of(host) is not None:
        return ""
    return _likeness(protocol).of(host) or server_of_own_domain(host, domain)


def _of_same_provider(provider: Provider, host: str, protocol: Protocol) -> str:
    """Return the server for a protocol where a provider's host is plainly one for the other."""
    servers = provider.smtp, provider.imap
    server, other = servers if protocol is Protocol.SMTP else servers[::-1]
    word, _, rest = host.partition(".")
    if server is None or not any(each in word for each in _WORDS_OF_OTHERS[protocol]):
        return ""
    # "imap.zoho.eu" has "smtp.zoho.eu" beside it, and not the server of another region.
    beside = f"{server.host.partition('.')[0]}.{rest}"
    if provider.hosts.fullmatch(beside):
        return beside
    return server.host if other is not None and host == other.host != server.host else ""


@functools.cache
def _likeness(protocol: Protocol) -> Likeness:
    others = ("imap", "pop", "in.") if protocol is Protocol.SMTP else ("smtp", "send", "out")
    return Likeness(host for host in SERVERS if not host.startswith(others))
