"""Connections that a host app opens after an import: to allowed addresses only, as the test's."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import selectors
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..config import Config
from ..core.errors import bare
from ..core.mailboxes import Login, Security, Stage
from ..core.validators import HostRefused, IPAddress, judge_host
from .faults import (
    HungUp,
    NoCommonMechanism,
    NotAReply,
    ReplyRefused,
    ReplyTooLong,
    StartTLSNotOffered,
)
from .guard import Policy, by_turns, connect_in_turn
from .lines import Lines
from .replies import echoes_password, parse_reply
from .smtp import SMTPDialogue

#: Seconds, where the caller gives no timeout.
_DEFAULT_TIMEOUT = 30.0

R = TypeVar("R")


def open_smtp(login: Login, timeout: float, config: Config) -> smtplib.SMTP:
    """Connect to a mailbox's server with verified TLS or STARTTLS, as in its test, and log in.

    Without encryption only where ``ALLOW_PLAINTEXT`` permits it now. A reply is limited in length.

    :param timeout: seconds from the look-up of the name to the end of the login, and for each
        reply afterwards.
    :raises socket.gaierror: the name does not exist, or leads where nothing may be contacted.
    :raises smtplib.SMTPException: a fault of the dialogue; ``SMTPAuthenticationError`` where the
        login was refused, ``SMTPNotSupportedError`` where the server offers no encryption.
    :raises OSError: the server cannot be reached; ``TimeoutError`` and ``ssl.SSLError`` are such.
    """
    connection = _Connection(login.host, _seconds(timeout), config.ca_file)
    client = _Client(connection, login, config.ehlo_name)
    try:
        fault = _fault_of_login(client, connection, login, config)
        if fault is not None:
            raise fault
    except BaseException:
        connection.close()
        raise
    client.hand_over()
    return client


class _Connection:
    """A connection without a hub: each step ends by the deadline, however slowly bytes come."""

    def __init__(self, host: str, timeout: float, ca_file: str | None) -> None:
        self.stage = Stage.RESOLVE
        self.lines = Lines(self._receive)
        self.sock: socket.socket | None = None
        self._host = host
        self._timeout = timeout
        self._ca_file = ca_file
        self.extend()

    def extend(self) -> None:
        """Begin to count the seconds anew."""
        self._deadline = time.monotonic() + self._timeout

    def open(self, port: int, config: Config) -> None:
        """Connect; see :func:`open_connection`."""
        self.stage = Stage.CONNECT
        self.sock = open_connection(self._host, port, self._left(), config)
        self.stage = Stage.GREETING

    def upgrade(self) -> None:
        """Make the TLS handshake; verify the chain and the name.

        :raises NotAReply: the server sent more bytes in clear before it.
        """
        self.stage = Stage.TLS
        if self.lines.pending:
            # RFC 3207 section 6: an attacker may inject cleartext before the handshake.
            raise NotAReply(b"")
        context = ssl.create_default_context(cafile=self._ca_file)
        self.sock = secured = context.wrap_socket(
            self._open_socket(), server_hostname=self._host, do_handshake_on_connect=False
        )
        self._in_time(secured.do_handshake)

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        sock = self._open_socket()
        sock.settimeout(self._left())
        sock.sendall(data)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def _receive(self, size: int) -> bytes:
        return self._in_time(lambda: self._open_socket().recv(size))

    def _in_time(self, step: Callable[[], R]) -> R:
        """Take a step of the socket again until it need not wait.

        In a process that gevent has patched, a timeout of the socket would count from each byte.
        """
        sock = self._open_socket()
        sock.settimeout(0)
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            while True:
                try:
                    return step()
                except (ssl.SSLWantReadError, BlockingIOError):
                    selector.modify(sock, selectors.EVENT_READ)
                except ssl.SSLWantWriteError:
                    selector.modify(sock, selectors.EVENT_WRITE)
                selector.select(self._left())

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mail server did not answer in time")
        return left

    def _open_socket(self) -> socket.socket:
        if self.sock is None:
            raise HungUp
        return self.sock


class _Client(SMTPDialogue):
    """smtplib's client for whoever sends: its faults are smtplib's."""

    def __init__(self, connection: _Connection, login: Login, ehlo_name: str) -> None:
        super().__init__(connection, login, ehlo_name)
        self._sender = connection
        self._logged_in = False

    def hand_over(self) -> None:
        """Note that the login is done: from now on each reply has a deadline and a limit."""
        self._logged_in = True
        self._sender.lines.most = None
        self.sock = self._sender.sock

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply; raise smtplib's exceptions once the caller has the client."""
        if not self._logged_in:
            return super().getreply()
        try:
            self._sender.extend()
            return super().getreply()
        except (HungUp, OSError):
            self.close()
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed") from None
        except (NotAReply, ReplyTooLong):
            self.close()
            raise smtplib.SMTPServerDisconnected("What the server sent is no reply") from None

    def send(self, s: Any) -> None:
        """Send; raise smtplib's exception where the server is gone."""
        if not self._logged_in:
            return super().send(s)
        try:
            self._sender.extend()
            super().send(s)
        except (HungUp, OSError):
            self.close()
            raise smtplib.SMTPServerDisconnected("Server not connected") from None

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()
        super().close()


#: smtplib's exceptions for a refusal, by the stage at which it came.
_REFUSED = {
    Stage.GREETING: smtplib.SMTPConnectError,
    Stage.EHLO: smtplib.SMTPHeloError,
    Stage.TLS: smtplib.SMTPResponseException,
    Stage.AUTH: smtplib.SMTPAuthenticationError,
}


def _fault_of_login(
    client: _Client, connection: _Connection, login: Login, config: Config
) -> Exception | None:
    """Connect and log in; return the fault without its frames, since these hold the password."""
    may_be_clear = login.security is Security.PLAIN and config.allow_plaintext
    try:
        connection.open(login.port, config)
        if login.security is Security.TLS:
            connection.upgrade()
        client.run(login.security, allow_plaintext=may_be_clear)
    except ReplyRefused as refused:
        # Some servers repeat the command, with the password in it.
        echoes = echoes_password(parse_reply(refused.code, refused.text).words, login)
        return _REFUSED[connection.stage](refused.code or 0, b"" if echoes else refused.text)
    except StartTLSNotOffered:
        return smtplib.SMTPNotSupportedError("the server offers no encryption")
    except NoCommonMechanism:
        return smtplib.SMTPNotSupportedError("the server offers no login with a password")
    except HungUp:
        return smtplib.SMTPServerDisconnected("the server closed the connection")
    except NotAReply:
        return smtplib.SMTPException("what the server sent is no reply")
    except ReplyTooLong:
        return smtplib.SMTPException("the server's reply is too long")
    except Exception as fault:  # noqa: BLE001 (any fault is returned)
        bare(fault)
        return fault
    return None


def open_connection(host: str, port: int, timeout: float, config: Config) -> socket.socket:
    """Connect to a mail server if all its addresses may be contacted, as a connection test does.

    The check is needed each time: a name may lead to another address than it did in the test, and
    without a test its addresses were never checked.

    :param timeout: seconds to look the name up and to connect; then for each read and write.
    :raises socket.gaierror: the name does not exist, or one of its addresses is not allowed.
    :raises PermissionError: the port is not in ``ALLOWED_PORTS``.
    :raises OSError: the server cannot be reached; ``TimeoutError`` is one.
    """
    policy = Policy(
        allowed_networks=config.allowed_networks, denied_networks=config.denied_networks
    )
    timeout = _seconds(timeout)
    deadline = time.monotonic() + timeout
    refused = socket.gaierror(socket.EAI_NONAME, "no mail server of this name can be reached")
    try:
        name = judge_host(host, policy.allowed_networks)
    except HostRefused:
        raise refused from None
    if port not in config.allowed_ports:
        raise PermissionError(f"port {port} is not in MAILBOX_IMPORT_ALLOWED_PORTS")
    addresses = _addresses(name, port, timeout)
    if not addresses or not policy.allows_all(name, addresses):
        raise refused
    sock = connect_in_turn(
        by_turns(addresses),
        deadline - time.monotonic(),
        lambda address, seconds: _connected(address, port, seconds),
    )
    sock.settimeout(timeout)
    return sock


def _seconds(timeout: object) -> float:
    """Return a timeout; the default for what is none, such as smtplib's sign of "no timeout"."""
    is_one = isinstance(timeout, int | float) and math.isfinite(timeout)
    return float(timeout) if is_one else _DEFAULT_TIMEOUT  # type: ignore[arg-type]


def _addresses(name: str, port: int, seconds: float) -> tuple[IPAddress, ...]:
    """Return the addresses of a name; none where there is no such name.

    The look-up runs in a thread, since the C library knows no deadline for it.

    :raises TimeoutError: it takes longer than ``seconds``.
    """
    found: list[tuple[IPAddress, ...]] = []

    def look_up() -> None:
        answers = []
        with contextlib.suppress(OSError):
            answers = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        found.append(tuple(dict.fromkeys(ipaddress.ip_address(each[4][0]) for each in answers)))

    thread = threading.Thread(target=look_up, name="mailbox-import-dns", daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError("the look-up of the server's name took too long")
    return found[0]


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
