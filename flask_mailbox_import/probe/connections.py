"""Connections that a host app opens after an import: to allowed addresses only, as the test's."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl

from ..config import Config
from ..core.errors import bare
from ..core.mailboxes import Login, Security
from ..core.secret import Secret
from ..core.validators import HostRefused, IPAddress, judge_host
from .faults import NoCommonMechanism, NotAReply, ReplyRefused
from .guard import MAX_ADDRESSES, Policy, by_turns
from .smtp import PasswordSMTP

#: Seconds, where the caller gives no timeout.
_DEFAULT_TIMEOUT = 30.0


def open_smtp(login: Login, timeout: float, config: Config) -> smtplib.SMTP:
    """Connect to a mailbox's server with verified TLS or STARTTLS, as in its test, and log in.

    :param timeout: seconds for each address that is tried, and for each read afterwards.
    :raises socket.gaierror: the name does not exist, or leads where nothing may be contacted.
    :raises smtplib.SMTPException: a fault of the dialogue; ``SMTPAuthenticationError`` where the
        login was refused.
    :raises OSError: the server cannot be reached; ``TimeoutError`` and ``ssl.SSLError`` are such.
    """
    context = ssl.create_default_context(cafile=config.ca_file)
    client = _Client(login, config, context if login.security is Security.TLS else None, timeout)
    try:
        client.ehlo()
        if login.security is Security.STARTTLS:
            client.starttls(context=context)
            client.ehlo()
        fault = _fault_of_login(client, login.username, login.password)
        if fault is not None:
            raise fault
    except BaseException:
        client.close()
        raise
    return client


class _Client(PasswordSMTP):
    """smtplib's client on a connection of `open_connection`; with a context, TLS from the start."""

    def __init__(
        self,
        login: Login,
        config: Config,
        context: ssl.SSLContext | None,
        timeout: float,
    ) -> None:
        self._config = config
        self._context = context
        super().__init__(login.host, login.port, local_hostname=config.ehlo_name, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = open_connection(host, port, timeout, self._config)
        if self._context is None:
            return sock
        try:
            return self._context.wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise


def _fault_of_login(client: PasswordSMTP, username: str, password: Secret) -> Exception | None:
    """Log in; return the fault without its frames, since these hold the password."""
    try:
        client.authenticate(username, password)
    except ReplyRefused as refused:
        return smtplib.SMTPAuthenticationError(refused.code or 0, refused.text)
    except NoCommonMechanism:
        return smtplib.SMTPNotSupportedError("the server offers no login with a password")
    except NotAReply:
        return smtplib.SMTPException("the server's challenge cannot be read")
    except Exception as fault:  # noqa: BLE001 (any fault is returned)
        bare(fault)
        return fault
    return None


def open_connection(host: str, port: int, timeout: float, config: Config) -> socket.socket:
    """Connect to a mail server if all its addresses may be contacted, as a connection test does.

    The check is needed each time: a name may lead to another address than it did in the test, and
    without a test its addresses were never checked.

    :param timeout: seconds for each address that is tried, and for each read afterwards.
    :raises socket.gaierror: the name does not exist, or one of its addresses is not allowed.
    :raises PermissionError: the port is not in ``ALLOWED_PORTS``.
    :raises OSError: the server cannot be reached; ``TimeoutError`` is one.
    """
    policy = Policy(
        allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
    )
    if not isinstance(timeout, int | float):
        timeout = _DEFAULT_TIMEOUT  # smtplib and imaplib pass an object or None for "no timeout"
    refused = socket.gaierror(socket.EAI_NONAME, "no mail server of this name can be reached")
    try:
        name = judge_host(host, policy.allowed_networks)
    except HostRefused:
        raise refused from None
    if port not in config.allowed_ports:
        raise PermissionError(f"port {port} is not in MAILBOX_IMPORT_ALLOWED_PORTS")
    try:
        answers = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        raise refused from None
    addresses = tuple(dict.fromkeys(ipaddress.ip_address(each[4][0]) for each in answers))
    if not policy.allows_all(name, addresses):
        raise refused
    fault: OSError = refused
    for address in by_turns(addresses)[:MAX_ADDRESSES]:
        try:
            return _connected(address, port, timeout)
        except OSError as failed:
            fault = failed
    raise fault


def _connected(address: IPAddress, port: int, timeout: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock
