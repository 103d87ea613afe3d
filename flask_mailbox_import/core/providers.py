"""Mail providers: how to know one, and the hints for its own users (providers.ini)."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .codes import Code
from .mailboxes import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider. The patterns match whole names of its servers and of its addresses' domains."""

    name: str
    hosts: re.Pattern[str]
    domains: re.Pattern[str] | None
    #: The code of a refused login where the server's reply does not tell the cause.
    refused: Mapping[Protocol, Code]
    #: The provider's own hint for a code, in place of the general hint.
    hints: Mapping[Code, str]


def _read() -> Iterator[Provider]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(Path(__file__).with_name("providers.ini").read_text("utf-8"))
    for name in parser.sections():
        values = {key: " ".join(value.split()) for key, value in parser[name].items()}
        domains = values.pop("domains", None)
        refused = {each: values.pop(f"refused_{each.value}", None) for each in Protocol}
        yield Provider(
            name=name,
            hosts=re.compile(rf"(.*\.)?({values.pop('hosts')})"),
            domains=re.compile(domains) if domains else None,
            refused={protocol: Code(code) for protocol, code in refused.items() if code},
            hints={Code(code): hint for code, hint in values.items()},
        )


PROVIDERS: tuple[Provider, ...] = tuple(_read())

#: Every link that a hint may hold.
HELP_PAGES = frozenset(
    word
    for provider in PROVIDERS
    for hint in provider.hints.values()
    for word in hint.split()
    if word.startswith("https://")
)


def provider_of(host: str, email: str) -> Provider | None:
    """Return the provider of a server; where the server is unknown, the provider of the address."""
    domain = email.rpartition("@")[2].lower()
    for provider in PROVIDERS:
        if provider.hosts.fullmatch(host):
            return provider
    for provider in PROVIDERS:
        if provider.domains is not None and provider.domains.fullmatch(domain):
            return provider
    return None
