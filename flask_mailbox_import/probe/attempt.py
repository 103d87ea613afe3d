"""One try of one login within one deadline: connect, TLS or STARTTLS, log in, QUIT."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import gevent
from gevent.ssl import SSLContext

from ..config import Config
from ..core.codes import Code
from ..core.errors import described
from ..core.mailboxes import Login, Protocol, Security, Stage
from ..core.providers import Provider
from .diagnosis import Finding, Tried, diagnose, is_not_tls, overheard
from .faults import HungUp, MadeWay, NotAReply, RefusedInClear, ReplyRefused, Silent
from .guard import Guard
from .imap import IMAPDialogue
from .modes import FirstWord, ModeSearch, speaks_tls
from .smtp import SMTPDialogue
from .wire import Wire

logger = logging.getLogger("flask_mailbox_import")


#: Only TLS is spoken on these ports, so that no other mode is tried for a login there.
_TLS_PORTS = frozenset(each.tls_port for each in Protocol)

# Most servers greet within so many seconds; a slower one is waited for together with others.
_PROMPT = 2.0
# A server that has answered TLS in clear greets within this share of TIMEOUT, or in twice the time
# of that answer. If it does not, the answer was only a refusal.
_GREETING_SHARE = 0.25


class Attempt:
    """One try of a login: the connections that it needs, one after another."""

    def __init__(
        self,
        login: Login,
        provider: Provider | None,
        guard: Guard,
        context: SSLContext,
        search: ModeSearch,
    ) -> None:
        self._login = login
        self._provider = provider
        self._guard = guard
        self._context = context
        self._search = search
        #: The mode of the last connection.
        self._security = login.security
        self._started = 0.0
        #: When the last connection was begun.
        self._connected = 0.0
        self._timeout = 0.0
        self._wire = self._new_wire()
        self._dialogue: SMTPDialogue | IMAPDialogue | None = None
        #: Whether the server was asked to close the connection.
        self.said_goodbye = False

    def run(self, config: Config, timeout: float, on_connected: Callable[[], None]) -> Tried:
        """Try the login, for at most ``timeout`` seconds of wall-clock time.

        No exception leaves this method, because its frames would hold the password.

        :param on_connected: called when a connection is open.
        """
        self._started = self._connected = time.monotonic()
        self._timeout = timeout
        deadline = gevent.Timeout(timeout)
        deadline.start()
        finding: Finding | None = None
        done = made_way = False
        try:
            self._log_in(config, on_connected)
            done = True
        except gevent.Timeout as expired:
            if expired is not deadline:
                raise
            if not done:
                finding = self._diagnose(TimeoutError())
                if self._wire.stage is Stage.GREETING:
                    # QUIT would come before the greeting.
                    self._dialogue = None
        except MadeWay:
            made_way = True
        except Exception as fault:  # noqa: BLE001 (any fault is the result of the test)
            finding = self._diagnose(fault)
        finally:
            deadline.close()
        self._say_goodbye()
        return Tried(
            finding=finding,
            stage=self._wire.stage,
            security=self._security if self._shown_mode() else self._login.security,
            seconds=time.monotonic() - self._connected,
            made_way=made_way,
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

    def _log_in(self, config: Config, on_connected: Callable[[], None]) -> None:
        def connect(security: Security) -> None:
            self._connect(security, config.connect_timeout, on_connected)

        if (self._search.known or self._login.security) is Security.TLS:
            self._begin_with_tls(connect, config)
        else:
            self._begin_with_greeting(connect, config)
        dialogue = self._dialogue = self._new_dialogue(config)
        # A login that asks for TLS is never sent in clear.
        allow_plaintext = config.allow_plaintext and self._login.security is not Security.TLS
        self._security = dialogue.run(
            self._security, allow_plaintext=allow_plaintext, on_tls=self._search.learn
        )

    def _begin_with_tls(self, connect: Callable[[Security], None], config: Config) -> None:
        """Connect by TLS; where the server answers that in clear, anew for STARTTLS.

        Where the second mode fails too, the fault of the first one tells more.
        """
        try:
            return connect(Security.TLS)
        except OSError as fault:
            if not is_not_tls(fault):
                raise
            self._raise_if_refused()
            first = fault
        answered_in = time.monotonic() - self._started
        try:
            connect(Security.STARTTLS)
            self._wire.wait_for_bytes(max(self._timeout * _GREETING_SHARE, 2 * answered_in))
        except (Silent, HungUp, OSError):
            self._begin_as_asked(connect, first)
        else:
            if self._login.port in _TLS_PORTS:
                self._hear_refusal(first, config)

    def _begin_as_asked(self, connect: Callable[[Security], None], first: OSError) -> None:
        """Try TLS again, since the server's answer in clear was only a refusal."""
        try:
            connect(Security.TLS)
        except (HungUp, OSError) as fault:
            if speaks_tls(fault):
                raise
            self._raise_if_refused()
            self._security = self._login.security
            raise first from None

    def _raise_if_refused(self) -> None:
        """Where the server is known to speak TLS, its answer in clear was a refusal."""
        if self._search.known is Security.TLS:
            raise RefusedInClear from None

    def _hear_refusal(self, first: OSError, config: Config) -> None:
        """Only listen: on a port for TLS, a server that is too busy may say so in clear."""
        self._security = Security.TLS
        dialogue = self._dialogue = self._new_dialogue(config)
        dialogue.read_greeting()
        raise first

    def _begin_with_greeting(self, connect: Callable[[Security], None], config: Config) -> None:
        """Connect and wait for the greeting; where none comes, the server may speak TLS."""
        connect(Security.STARTTLS)
        try:
            self._wire.wait_for_bytes(min(_PROMPT, self._timeout / 4))
        except Silent:
            tries_tls = partial(self._tls_wire, config.connect_timeout)
            wire = FirstWord(self._wire, self._search, tries_tls).wait(self._started, self._timeout)
            if wire is None:
                self._begin_with_tls(connect, config)
            elif wire.secure:
                self._wire, self._security = wire, Security.TLS
        if not self._search.speaks_first and not self._wire.secure:
            # A refusal in clear shows nothing: a server that speaks TLS may send one.
            self._search.speaks_first = self._wire.peek().upper().startswith((b"220", b"* OK"))

    def _connect(
        self, security: Security, seconds: float, on_connected: Callable[[], None]
    ) -> None:
        """Connect anew; for TLS, make the handshake too."""
        self._wire.close()
        self._security = security
        self._connected = time.monotonic()
        wire = self._wire = self._new_wire()
        wire.open(seconds)
        on_connected()
        if security is Security.TLS:
            wire.start_tls()
            self._search.learn(Security.TLS)

    def _tls_wire(self, seconds: float) -> Wire | Exception:
        """Return a second connection, with TLS, or why it failed."""
        wire = self._new_wire()
        try:
            wire.open(seconds)
            wire.start_tls()
        except Exception as fault:  # noqa: BLE001 (it ends no test: the server may yet greet)
            wire.close()
            if speaks_tls(fault):
                self._search.learn(Security.TLS)
            return fault
        except BaseException:
            wire.close()
            raise
        self._search.learn(Security.TLS)
        return wire

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
        stage = self._wire.stage
        try:
            finding = self._overheard(fault) or diagnose(self._login, stage, fault, self._provider)
        except Exception as ours:  # noqa: BLE001 (a fault of ours must not end the run)
            log_unforeseen(stage, ours)
            return Finding(code=Code.INTERNAL, stage=stage)
        if finding.code is Code.INTERNAL:
            log_unforeseen(stage, fault)
        return finding

    def _overheard(self, fault: Exception) -> Finding | None:
        """Return the cause that the server told before it fell silent or left, if it did."""
        left = isinstance(fault, HungUp | NotAReply | ConnectionError)
        heard = self._dialogue.heard() if self._dialogue else None
        if isinstance(heard, ReplyRefused) and (left or isinstance(fault, TimeoutError)):
            return overheard(self._login, self._wire.stage, heard)
        if isinstance(heard, NotAReply) and isinstance(fault, TimeoutError):
            return diagnose(self._login, self._wire.stage, heard)
        return None

    def _say_goodbye(self) -> None:
        """Send QUIT or LOGOUT, also after a refusal: some servers count dropped connections longer.

        It has a deadline of its own, since the one of the try has ended.
        """
        if self._dialogue is not None:
            with suppress(OSError, HungUp, Silent), gevent.Timeout(1, Silent()):
                self._dialogue.say_goodbye()
                self.said_goodbye = True


def log_unforeseen(stage: Stage, fault: BaseException) -> None:
    """Log what broke and where, without any value."""
    logger.error("connection test broke at %s: %s", stage.value, described(fault))
