"""What a mail server may be called, judged by its text alone; nothing is ever looked up here."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence

import idna

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

#: RFC 1035 section 2.3.4, without the trailing dot.
MAX_HOST_LENGTH = 253

# RFC 1123 section 2.1; the underscore is no host name character.
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
#: Of names beyond ASCII, whose labels take long to judge; mail servers' have four at most.
_MAX_DOTS = 10
_PLAIN_NAME = re.compile(r"[A-Za-z0-9.-]+", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
# What the socket library would read as an IPv4 address in decimal, octal or hex.
_NUMERIC_LABEL = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)


class HostRefused(ValueError):  # noqa: N818 (the fault is the name)
    """The text is not the name of a mail server that may be contacted; its words tell why."""


def judge_host(text: str, allowed_networks: Sequence[IPNetwork] = ()) -> str:
    """Return the ASCII form of a host name (A-label, lower case, no trailing dot).

    IP addresses are accepted only inside ``allowed_networks``, and names without a dot only where
    there are such networks at all (their addresses are judged when they are resolved).

    :raises HostRefused: the text is not such a name. Rules: RFC 1123 section 2.1, UTS #46.
    """
    if not text or len(text) > MAX_HOST_LENGTH + 1:
        raise HostRefused("is not a server name")
    literal = _literal(text)
    if literal is None:
        name = _ascii_name(text)
        literal = _literal(name)
    else:
        name = str(literal)
    if literal is not None:
        if not any(literal in network for network in allowed_networks):
            raise HostRefused("is an IP address; the name of the server is needed")
        return str(literal)
    _judge_labels(name.split("."), single_label_allowed=bool(allowed_networks))
    return name


def judge_port(text: str, allowed_ports: Sequence[int]) -> int | None:
    """Return the port, or None where it is a port that the host app does not allow.

    :raises ValueError: the text is not a port number in plain ASCII digits.
    """
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise ValueError("not a port number")
    port = int(text)
    return port if port in allowed_ports else None


def _literal(text: str) -> IPAddress | None:
    if ":" not in text and not text.strip("[]").replace(".", "").isdigit():
        return None  # what is most of all names
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise HostRefused("is an IP address with a zone")
    return address


@functools.lru_cache(maxsize=1024)
def _ascii_name(text: str) -> str:
    if _PLAIN_NAME.fullmatch(text) and "--" not in text:
        # UTS #46 leaves it as it is, but for its case.
        return _shortened(text)
    if text.count(".") > _MAX_DOTS:
        raise HostRefused("is not a server name")
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise HostRefused("is not a server name") from None
    return _shortened(name)


def _shortened(name: str) -> str:
    name = name.lower().removesuffix(".")
    if len(name) > MAX_HOST_LENGTH:
        raise HostRefused("is not a server name")
    return name


def _judge_labels(labels: Sequence[str], *, single_label_allowed: bool) -> None:
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise HostRefused("is not a server name")
    if not labels[-1][0].isalpha() or _NUMERIC_LABEL.fullmatch(labels[-1]):
        raise HostRefused("is not a server name")
    if len(labels) == 1 and not single_label_allowed:
        raise HostRefused("has no dot; the full name of the server is needed")
