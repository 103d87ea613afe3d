"""Every ``MAILBOX_IMPORT_*`` setting: its type, default, bounds and meaning."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import difflib
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .core.errors import ConfigError, shielded
from .core.mailboxes import DEFAULT_PORTS
from .core.secret import KEY_BYTES
from .core.validators import IPNetwork

PREFIX = "MAILBOX_IMPORT_"

#: Our own layout.
DEFAULT_BASE_TEMPLATE = "mailbox_import/base.html"

_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII)
_URL_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)
_EHLO_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_GENERATE_KEY = (
    "make one with 'python -m flask_mailbox_import generate-encryption-key' and set "
    "MAILBOX_IMPORT_ENCRYPTION_KEYS to a list that holds it, from where you keep other secrets"
)


class _Wrong(ValueError):
    """A value is wrong. The message says what it must be."""


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be True or False (in the environment: true or false)")
    return value


def _integer(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _Wrong(f"must be a whole number from {low} to {high}")
        return value

    return parse


def _unless_none(parse: Callable[[object], int]) -> Callable[[object], int | None]:
    return lambda value: None if value is None else parse(value)


def _seconds(low: float, high: float) -> Callable[[object], float]:
    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _Wrong(f"must be a number of seconds from {low:g} to {high:g}")
        if not low <= value <= high:
            raise _Wrong(f"must be a number of seconds from {low:g} to {high:g}")
        return float(value)

    return parse


def _list(value: object, example: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _Wrong(f"must be a list (in the environment, JSON: {example})")
    return list(value)


def _keys(value: object) -> tuple[tuple[str, bytes], ...]:
    entries = _list(value, '["k1:BASE64"]')
    if not entries:
        raise _Wrong(f"holds no key: {_GENERATE_KEY}")
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(entries, 1):
        kid, key = _key(entry, position)
        if kid in keys:
            raise _Wrong(f"names the key id of entry {position} twice: each needs its own")
        keys[kid] = key
    return tuple(keys.items())


def _key(entry: object, position: int) -> tuple[str, bytes]:
    """Parse one ``kid:base64``. The error does not repeat any of the value."""
    kid, colon, text = entry.partition(":") if isinstance(entry, str) else ("", "", "")
    if not colon or not _KEY_ID.fullmatch(kid):
        raise _Wrong(f"entry {position} is not of the form 'kid:base64': {_GENERATE_KEY}")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _Wrong(f"entry {position} is not base64: {_GENERATE_KEY}") from None
    if len(key) != KEY_BYTES:
        raise _Wrong(f"entry {position} has {len(key)} bytes, not {KEY_BYTES}: {_GENERATE_KEY}")
    return kid, key


def _ports(value: object) -> tuple[int, ...]:
    ports = _list(value, "[465, 587, 993]")
    if not ports or any(type(port) is not int or not 1 <= port <= 65535 for port in ports):
        raise _Wrong("must be a list of port numbers from 1 to 65535")
    return tuple(ports)


def _networks(value: object) -> tuple[IPNetwork, ...]:
    networks = []
    for text in _list(value, '["10.1.0.0/16"]'):
        try:
            networks.append(ipaddress.ip_network(str(text)))
        except ValueError as fault:
            raise _Wrong(f"must be a list of networks such as 10.1.0.0/16: {fault}") from None
    return tuple(networks)


def _url_prefix(value: object) -> str:
    if not isinstance(value, str) or not _URL_PREFIX.fullmatch(value):
        raise _Wrong("must be empty or a path such as /tools, without a slash at its end")
    return value


def _ca_file(value: object) -> str | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
            return value
    except OSError:
        pass
    raise _Wrong("must be the path of a readable file with CA certificates in PEM form")


def _ehlo_name(value: object) -> str:
    if value is None:
        name = socket.gethostname()
        return name if "." in name and _EHLO_NAME.fullmatch(name) else "localhost.localdomain"
    if not isinstance(value, str) or not _EHLO_NAME.fullmatch(value):
        raise _Wrong("must be a full host name such as mail.example.com (RFC 5321 section 4.1.3)")
    return value


def _runner(value: object) -> str:
    if value not in ("inline", "thread", "worker", "celery"):
        raise _Wrong("must be 'inline', 'thread', 'worker' or 'celery'")
    return str(value)


def _template(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong("must be the name of a template")
    return value


def _endpoint(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise _Wrong("must be the name of an endpoint, such as 'mailboxes.index'")
    return value


def _setting(
    default: object, parse: Callable[[Any], Any], meaning: str, *, secret: bool = False
) -> Any:
    metadata = {"default": default, "parse": parse, "meaning": meaning}
    return dataclasses.field(metadata=metadata, repr=not secret)


_REQUIRED = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of one app, as :meth:`from_mapping` reads them."""

    encryption_keys: tuple[tuple[str, bytes], ...] = _setting(
        _REQUIRED, _keys, "keys that seal passwords: the first seals, all open", secret=True
    )
    url_prefix: str = _setting("", _url_prefix, "path before every route")
    max_rows: int = _setting(500, _integer(1, 1_000_000), "rows of one file")
    max_file_size: int = _setting(500_000, _integer(1000, 10**9), "bytes of one file")
    concurrency: int = _setting(20, _integer(1, 1000), "connections open at once in one import")
    per_host: int = _setting(20, _integer(1, 1000), "connections at once to one host")
    max_refused_logins: int = _setting(
        1000, _integer(0, 10**9), "refused logins of a workspace in an hour; 0 = no limit"
    )
    stop_after_refused: int = _setting(
        0,
        _integer(0, 1000),
        "refused logins at one server, none of which worked, after which its other rows are not "
        "tested; 0 = every row is tested",
    )
    timeout: float = _setting(20.0, _seconds(0.1, 600), "seconds for one try of one mailbox")
    connect_timeout: float = _setting(8.0, _seconds(0.1, 600), "of these, to connect")
    dns_timeout: float = _setting(5.0, _seconds(0.1, 600), "of these, to resolve the name")
    retries: int = _setting(2, _integer(0, 10), "more tries after a temporary refusal")
    test_imap: bool = _setting(
        False, _boolean, "log in for reading (IMAP) too, where a call does not say"
    )
    allowed_ports: tuple[int, ...] = _setting(DEFAULT_PORTS, _ports, "ports that a file may name")
    allowed_networks: tuple[IPNetwork, ...] = _setting(
        [], _networks, "networks that may be contacted beside public addresses"
    )
    denied_networks: tuple[IPNetwork, ...] = _setting(
        [], _networks, "networks that may not be contacted though they are public"
    )
    allow_plaintext: bool = _setting(
        False, _boolean, "log in without encryption where a server offers none"
    )
    ca_file: str | None = _setting(None, _ca_file, "CA certificates in place of the system's")
    ehlo_name: str = _setting(None, _ehlo_name, "what we call ourselves to mail servers")
    max_running: int = _setting(4, _integer(1, 1000), "imports running at once in one process")
    workspace_running: int | None = _setting(
        None,
        _unless_none(_integer(1, 1000)),
        "of these, of one workspace; None: one less than MAX_RUNNING, and at least 1",
    )
    workspace_queued: int = _setting(
        20, _integer(1, 100_000), "imports of one workspace that wait for their run"
    )
    keep_failed_secrets: int = _setting(
        86_400, _integer(0, 86_400), "seconds that a failed row's credentials are kept for a retry"
    )
    runner: str = _setting("thread", _runner, "what executes an import started from a page")
    chunk_rows: int = _setting(500, _integer(1, 100_000), "rows of one Celery task")
    mailboxes_endpoint: str | None = _setting(
        None, _endpoint, "the endpoint of the app's own list of mailboxes"
    )
    base_template: str = _setting(
        DEFAULT_BASE_TEMPLATE, _template, "the host's layout that the pages extend"
    )

    @classmethod
    @shielded
    def from_mapping(cls, mapping: Mapping[str, object]) -> Config:
        """Read the ``MAILBOX_IMPORT_*`` keys of an app's config.

        :raises ConfigError: lists every wrong value, unknown key and missing key, never a value
            of ``ENCRYPTION_KEYS``.
        """
        fields = {PREFIX + field.name.upper(): field for field in dataclasses.fields(cls)}
        problems = [
            _unknown_key(key, fields)
            for key in mapping
            if key.startswith(PREFIX) and key not in fields
        ]
        values: dict[str, Any] = {}
        for key, field in fields.items():
            value = mapping.get(key, field.metadata["default"])
            if value is _REQUIRED or (value is None and field.metadata["default"] is _REQUIRED):
                problems.append(f"{key} is not set: {_GENERATE_KEY}")
                continue
            try:
                values[field.name] = field.metadata["parse"](value)
            except _Wrong as wrong:
                problems.append(f"{key} {wrong}")
        if problems:
            raise ConfigError(problems)
        return cls(**values)


def _unknown_key(key: str, known: Mapping[str, object]) -> str:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)
    return f"{key} is not a setting; did you mean {nearest[0]}?"
