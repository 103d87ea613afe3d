"""Mail addresses, server names, ports, tags and workspace ids, judged by their text alone."""

from __future__ import annotations

import functools
import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import idna

from .explanations import Variant
from .words import say

if TYPE_CHECKING:
    from email_validator import ValidatedEmail


#: RFC 5321 section 4.5.3.1.3.
MAX_ADDRESS_LENGTH = 254

_SPECIAL_USE = (".test", ".local", ".internal", ".localhost", ".invalid", ".onion", ".arpa")
_PUBLIC = ".example.com"
# The usual local parts. They are judged here, because email-validator takes much longer.
_PLAIN_LOCAL_PART = re.compile(r"(?=.{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@", re.ASCII)


def judge_address(text: str) -> tuple[str, str] | None:
    """Return an address and its key; None where the text is no address.

    Two addresses with the same key are the same mailbox. The address has its domain in lower case.
    The key is in lower case throughout, and its domain is in ASCII. A local part that is not ASCII
    (RFC 6531) is refused.
    """
    local, at, domain = text.rpartition("@")
    if len(text) > MAX_ADDRESS_LENGTH or not _is_local_part(local + at):
        return None
    names = _judged_domain(domain)
    if names is None or len(local) + 1 + len(names[1]) > MAX_ADDRESS_LENGTH:
        return None
    return f"{local}@{names[0]}", f"{local}@{names[1]}".lower()


def _is_local_part(text: str) -> bool:
    if _PLAIN_LOCAL_PART.fullmatch(text):
        return True
    return _validated(f"{text}a.co", allow_smtputf8=False) is not None


@functools.lru_cache(maxsize=1024)
def _judged_domain(text: str) -> tuple[str, str] | None:
    """Return a domain in lower case and in ASCII; cached, since judging a domain takes long."""
    # email-validator refuses the domains of in-house mail (RFC 6761). With a public domain added
    # behind them, it judges their labels all the same.
    public = _PUBLIC if text.lower().endswith(_SPECIAL_USE) else ""
    found = _validated(f"a@{text}{public}")
    if found is None:
        return None
    return found.domain.removesuffix(public), found.ascii_domain.removesuffix(public)


def _validated(address: str, *, allow_smtputf8: bool = True) -> ValidatedEmail | None:
    # Imported here: compiling its patterns would add 20 ms to the app's start.
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(address, check_deliverability=False, allow_smtputf8=allow_smtputf8)
    except EmailNotValidError:
        return None


IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

#: RFC 1035 section 2.3.4, without the trailing dot.
MAX_HOST_LENGTH = 253

# RFC 1123 section 2.1; the underscore is no host name character.
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
#: For names that are not ASCII, whose labels take long to judge. Mail servers' have at most four.
_MAX_DOTS = 10
_ASCII_NAME = re.compile(r"[A-Za-z0-9.-]+", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
# A label that the socket library would read as an IPv4 address in decimal, octal or hex.
_NUMERIC_LABEL = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)


class HostRefused(ValueError):
    """The text is not the name of a mail server that may be contacted.

    :param variant: why, where that has a sentence of its own.
    """

    def __init__(self, variant: Variant | None = None) -> None:
        super().__init__(variant.value if variant is not None else "no server name")
        self.variant = variant


def judge_host(text: str, allowed_networks: Sequence[IPNetwork] = ()) -> str:
    """Return the ASCII form of a host name (A-label, lower case, no trailing dot).

    IP addresses are accepted only inside ``allowed_networks``, and names without a dot only where
    there are such networks at all (their addresses are judged when they are resolved).

    :raises HostRefused: the text is not such a name. Rules: RFC 1123 section 2.1, UTS #46.
    """
    if not text or len(text) > MAX_HOST_LENGTH + 1:
        raise HostRefused
    literal = _literal(text)
    if literal is None:
        name = _ascii_name(text)
        literal = _literal(name)
    else:
        name = str(literal)
    if literal is not None:
        if not any(literal in network for network in allowed_networks):
            raise HostRefused(Variant.HOST_IS_ADDRESS)
        return str(literal)
    _judge_labels(name.split("."), single_label_allowed=bool(allowed_networks))
    return name


def shown_server(host: str) -> str:
    """Return the name of a server as it may be shown; "" where it may be a part of a password.

    A delimiter in a password that nobody quoted moves the rest of it to where a server should be.
    """
    if host.lower() == "localhost":
        return host
    try:
        return host if _literal(host) is not None or judge_host(host) else ""
    except HostRefused:
        return ""


def judge_port(text: str, allowed_ports: Sequence[int]) -> int | None:
    """Return the port; None where the app does not allow it.

    :raises ValueError: the text is not a port number in plain ASCII digits.
    """
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise ValueError("not a port number")
    port = int(text)
    return port if port in allowed_ports else None


def _literal(text: str) -> IPAddress | None:
    if ":" not in text and not text.strip("[]").replace(".", "").isdigit():
        return None  # as nearly all names
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise HostRefused(Variant.HOST_HAS_ZONE)
    return address


@functools.lru_cache(maxsize=1024)
def _ascii_name(text: str) -> str:
    if _ASCII_NAME.fullmatch(text) and "--" not in text:
        # UTS #46 changes nothing but the case of such a name.
        return _shortened(text)
    if text.count(".") > _MAX_DOTS:
        raise HostRefused
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise HostRefused from None
    return _shortened(name)


def _shortened(name: str) -> str:
    name = name.lower().removesuffix(".")
    if len(name) > MAX_HOST_LENGTH:
        raise HostRefused
    return name


def _judge_labels(labels: Sequence[str], *, single_label_allowed: bool) -> None:
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise HostRefused
    if not labels[-1][0].isalpha() or _NUMERIC_LABEL.fullmatch(labels[-1]):
        raise HostRefused
    if len(labels) == 1 and not single_label_allowed:
        raise HostRefused(Variant.HOST_WITHOUT_DOT)


MAX_TAG_LENGTH = 64
MAX_FILE_NAME_LENGTH = 128
MAX_WORKSPACE_ID_LENGTH = 255


def one_line(text: str) -> str:
    """Return a text on one line, without control and formatting characters."""
    spaced = "".join(" " if each.isspace() else each for each in text)
    visible = "".join(each for each in spaced if unicodedata.category(each)[0] != "C")
    return " ".join(visible.split())


def clean_file_name(name: str | None) -> str | None:
    """Return the name of a file without its folders, cut to 128 characters; None if it is empty."""
    base = re.split(r"[/\\]", name or "")[-1]
    return one_line(base)[:MAX_FILE_NAME_LENGTH] or None


def clean_tag(text: str | None) -> str | None:
    """Return a tag on one line; None where it is empty.

    :raises ValueError: longer than 64 characters.
    """
    tag = one_line(text or "")
    if len(tag) > MAX_TAG_LENGTH:
        raise ValueError(say("is longer than %(most)s characters", most=MAX_TAG_LENGTH))
    return tag or None


def check_workspace_id(value: object) -> str:
    """Return a workspace id as it is.

    :raises ValueError: it is not a text of 1 to 255 visible characters.
    """
    if not isinstance(value, str) or not value or value != one_line(value):
        raise ValueError("a workspace id is a str without control characters or extra spaces")
    if len(value) > MAX_WORKSPACE_ID_LENGTH:
        raise ValueError(f"a workspace id has at most {MAX_WORKSPACE_ID_LENGTH} characters")
    return value
