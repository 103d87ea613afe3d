"""One try of one login within one deadline: connect, TLS or STARTTLS, log in, QUIT."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

import gevent
from gevent.ssl import SSLContext

from ..config import Config
from ..core.codes import Code
from ..core.errors import described
from ..core.mailboxes import Login, Protocol, Security, Stage
from ..core.providers import Provider
from .diagnosis import Finding, Tried, diagnose, is_not_tls
from .faults import HungUp, Silent
from .guard import Guard
from .imap import IMAPDialogue
from .smtp import SMTPDialogue
from .wire import Wire

logger = logging.getLogger("flask_mailbox_import")


#: Only TLS is spoken on these ports, so that no other mode is tried for a login there.
_TLS_PORTS = frozenset(each.tls_port for each in Protocol)

# With a TIMEOUT of 20 s or more: the seconds to wait for a greeting before TLS is tried, and the
# seconds that its handshake may take.
_GREETING_PATIENCE = 5.0
_HANDSHAKE_PATIENCE = 3.0
# The same as shares of a shorter TIMEOUT; the rest is for a second try of the first mode.
_GREETING_SHARE = 0.25
_HANDSHAKE_SHARE = 0.15


class Attempt:
    """One try of a login: the connections that it needs, one after another."""

    def __init__(
        self,
        login: Login,
        provider: Provider | None,
        guard: Guard,
        context: SSLContext,
        *,
        mode_known: bool = False,
    ) -> None:
        self._login = login
        self._mode_known = mode_known
        self._provider = provider
        self._guard = guard
        self._context = context
        self._security = login.security
        self._wire = self._new_wire()
        self._dialogue: SMTPDialogue | IMAPDialogue | None = None
        #: Whether the server was asked to close the connection.
        self.said_goodbye = False

    def run(self, config: Config, timeout: float, on_connected: Callable[[], None]) -> Tried:
        """Try the login, for at most ``timeout`` seconds of wall-clock time.

        No exception leaves this method, because its frames would hold the password.

        :param on_connected: called when a connection is open.
        """
        started = time.monotonic()
        deadline = gevent.Timeout(timeout)
        deadline.start()
        finding: Finding | None = None
        done = False
        try:
            self._log_in(config, timeout, on_connected)
            done = True
        except gevent.Timeout as expired:
            if expired is not deadline:
                raise
            if not done:
                finding = self._diagnose(TimeoutError())
        except Exception as fault:  # noqa: BLE001 (any fault is the result of the test)
            finding = self._diagnose(fault)
        finally:
            deadline.close()
        self._say_goodbye()
        return Tried(
            finding=finding,
            stage=self._wire.stage,
            security=self._security if self._shown_mode() else self._login.security,
            seconds=time.monotonic() - started,
        )

    @property
    def trip(self) -> float:
        """The seconds of the server's quickest reply: a round trip."""
        return self._wire.trip

    def linger(self, seconds: float) -> float | None:
        """Wait until the server has closed the connection too; return the seconds since QUIT.

        Return None where it takes longer than ``seconds``.
        """
        return self._wire.linger(seconds)

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._wire.close()

    def _log_in(self, config: Config, timeout: float, on_connected: Callable[[], None]) -> None:
        plan = _plan(self._login, timeout)
        if self._mode_known and self._login.security is not Security.TLS:
            plan = plan[-1:]
        first: Exception | None = None
        for number, (security, patience) in enumerate(plan):
            self._security = security
            try:
                self._begin(security, patience, config.connect_timeout, on_connected)
                break
            except (Silent, HungUp, OSError) as fault:
                if number == len(plan) - 1 or not _is_mode(fault, number):
                    # Where the second mode fails too, the fault of the first one tells more.
                    if first is None or _spoke_tls(fault):
                        raise
                    self._security = self._login.security
                    raise first from None
                first = first or fault
        dialogue = self._dialogue = self._new_dialogue(config)
        if first is not None and security is not Security.TLS and self._login.port in _TLS_PORTS:
            # Only listen: a server that is too busy may say so in clear, before any TLS.
            self._security = Security.TLS
            dialogue.read_greeting()
            raise first
        # A login that asks for TLS is never sent in clear.
        allow_plaintext = config.allow_plaintext and self._login.security is not Security.TLS
        self._security = dialogue.run(security, allow_plaintext=allow_plaintext)

    def _begin(
        self,
        security: Security,
        patience: float | None,
        connect_timeout: float,
        on_connected: Callable[[], None],
    ) -> None:
        """Connect anew; return when the server has sent a byte or TLS is up."""
        self._wire.close()
        wire = self._wire = self._new_wire()
        wire.open(connect_timeout)
        on_connected()
        if security is Security.TLS:
            wire.start_tls(patience)
        elif patience is not None:
            wire.wait_for_bytes(patience)

    def _shown_mode(self) -> bool:
        """Tell whether the server has shown that it speaks the mode of the last connection."""
        wire = self._wire
        return self._security is Security.PLAIN or (
            wire.secure and wire.stage in (Stage.EHLO, Stage.AUTH, Stage.SELECT)
        )

    def _new_wire(self) -> Wire:
        return Wire(self._guard, self._context, self._login.host, self._login.port)

    def _new_dialogue(self, config: Config) -> SMTPDialogue | IMAPDialogue:
        if self._login.protocol is Protocol.SMTP:
            return SMTPDialogue(self._wire, self._login, config.ehlo_name)
        return IMAPDialogue(self._wire, self._login)

    def _diagnose(self, fault: Exception) -> Finding:
        try:
            finding = diagnose(self._login, self._wire.stage, fault, self._provider)
        except Exception as ours:  # noqa: BLE001 (a fault of ours must not end the run)
            log_unforeseen(self._wire.stage, ours)
            return Finding(code=Code.INTERNAL, stage=self._wire.stage)
        if finding.code is Code.INTERNAL:
            log_unforeseen(self._wire.stage, fault)
        return finding

    def _say_goodbye(self) -> None:
        """Send QUIT or LOGOUT, also after a refusal: some servers count dropped connections longer.

        It has a deadline of its own, since the one of the try has ended.
        """
        if self._dialogue is not None:
            with suppress(OSError, HungUp, Silent), gevent.Timeout(1, Silent()):
                self._dialogue.say_goodbye()
                self.said_goodbye = True


def _plan(login: Login, timeout: float) -> list[tuple[Security, float | None]]:
    """Return the modes to begin with, in order, each with the seconds to wait for first bytes."""
    greeting = min(_GREETING_PATIENCE, timeout * _GREETING_SHARE)
    handshake = min(_HANDSHAKE_PATIENCE, timeout * _HANDSHAKE_SHARE)
    if login.security is Security.TLS:
        # In the first mode the server answered in cleartext. If it is silent in the second mode,
        # the answer was only a refusal, and TLS is tried again.
        return [(Security.TLS, None), (Security.STARTTLS, greeting), (Security.TLS, None)]
    # The third mode is for a server that greets late and spoke no TLS in the second mode.
    return [(Security.STARTTLS, greeting), (Security.TLS, handshake), (Security.STARTTLS, None)]


def _is_mode(fault: Exception, number: int) -> bool:
    """Tell whether a fault in mode ``number`` of the plan may mean that the mode is wrong."""
    if number == 0:
        return isinstance(fault, Silent) or is_not_tls(fault)
    return not _spoke_tls(fault)


def _spoke_tls(fault: Exception) -> bool:
    """Tell whether the server spoke TLS in a handshake that failed."""
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError) or is_not_tls(fault):
        return False
    return isinstance(fault, ssl.SSLError)


def log_unforeseen(stage: Stage, fault: BaseException) -> None:
    """Log what broke and where, without any value."""
    logger.error("connection test broke at %s: %s", stage.value, described(fault))
