"""Runs work in a gevent hub apart from the callers, and hands over its results."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, cast

import gevent
from gevent import monkey
from gevent._hub_local import get_hub_if_exists  # get_hub() would make one
from gevent.event import Event

from ..core.errors import InternalFault

logger = logging.getLogger("flask_mailbox_import")


T = TypeVar("T")
P = ParamSpec("P")

#: How many seconds to wait until killed greenlets have ended. Without a fault it takes no time.
_STOP_SECONDS = 10


def off_hub(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that takes long; in a thread of the pool where this thread has a gevent hub.

    In a process that gevent has patched, other greenlets need the hub meanwhile.
    """
    hub = get_hub_if_exists()
    if hub is None:
        return work(*args, **kwargs)

    def done() -> tuple[T | None, Exception | None]:
        # gevent would write an exception of the task to standard error.
        try:
            return work(*args, **kwargs), None
        except Exception as fault:  # noqa: BLE001 (raised again by the caller)
            return None, fault

    found, fault = hub.threadpool.apply(done)
    if fault is not None:
        raise fault
    return cast("T", found)


class _Hub:
    """A thread with a gevent hub, which is destroyed when the last run has left it.

    In a process that gevent has patched, the thread is a greenlet on the process's hub.
    """

    def __init__(self) -> None:
        #: How many runs use it.
        self.users = 0
        self._ready = threading.Event()
        self._loop: Any = None
        self._closing: Event | None = None
        self._thread = threading.Thread(target=self._serve, name="mailbox-import", daemon=True)
        self._thread.start()
        self._ready.wait()

    def is_alive(self) -> bool:
        """Tell whether its thread lives: no fork has it, and a fault of ours may end it."""
        return self._thread.is_alive() and self._loop is not None

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the hub, soon; it must not wait there."""
        if self._loop is not None:
            self._loop.run_callback_threadsafe(function, *args)

    def close(self) -> None:
        """Destroy the hub, and wait until it is destroyed."""
        if self._closing is not None:
            self.call(self._closing.set)
        self._thread.join(_STOP_SECONDS)

    def _serve(self) -> None:
        own_hub = get_hub_if_exists() is None
        try:
            hub = gevent.get_hub()
            closing = self._closing = Event()
            # A loop without a watcher would end while no run waits for anything.
            watcher = hub.loop.async_()
            watcher.start(lambda: None)
            self._loop = hub.loop
        finally:
            self._ready.set()
        try:
            while not closing.is_set():
                self._serve_until(closing)
        finally:
            self._loop = None
            watcher.close()
            if own_hub:
                # Without it, destroy() leaves the hub's frame behind, and so the hub.
                hub.join(1)
                hub.destroy(destroy_loop=True)

    def _serve_until(self, closing: Event) -> None:
        try:
            closing.wait()
        except SystemExit:
            # gevent raises it here if it is raised in a greenlet. It ends that greenlet's run only.
            logger.error("a connection test asked for the end of the process")


class _Hubs:
    """The hub of this process: the first run makes it, and the last one destroys it.

    In a process that gevent has patched, all share the process's own hub, and none is made.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hub: _Hub | None = None

    def enter(self) -> _Hub:
        """Return the hub; the caller leaves it at the end.

        :raises InternalFault: it cannot be made, such as without a free file descriptor.
        """
        if monkey.is_module_patched("threading"):
            return self._entered(_Hub())
        with self._lock:
            if self._hub is None or not self._hub.is_alive():
                self._hub = _Hub()
            return self._entered(self._hub)

    def leave(self, hub: _Hub) -> None:
        """Destroy the hub if no other run uses it."""
        with self._lock:
            hub.users -= 1
            if hub.users:
                return
            if self._hub is hub:
                self._hub = None
        hub.close()

    def _entered(self, hub: _Hub) -> _Hub:
        if not hub.is_alive():
            raise InternalFault("the connection tests cannot begin: there is no event loop")
        hub.users += 1
        return hub


_hubs = _Hubs()


class HubRun(Generic[T]):
    """Runs ``work`` in the hub of this process. The caller iterates over its results.

    Runs that overlap share the hub, so that what they share needs no lock there. The work goes on
    however long the caller takes between two results.

    :param work: gets ``emit``, which it calls with each result, and an event: once this is set, the
        work begins nothing more.
    :raises InternalFault: there is no hub and none can be made.
    """

    def __init__(self, work: Callable[[Callable[[T], None], Event], None]) -> None:
        self._work = work
        self._results: deque[T] = deque()
        self._ended = threading.Event()
        self._fault: str | None = None
        self._draining = Event()
        self._worker: gevent.Greenlet[..., None] | None = None
        self._is_closed = False
        self._hub = _hubs.enter()
        self._hub.call(self._begin)

    def results(self, tick: float) -> Iterator[T | None]:
        """Yield the new results every ``tick`` seconds, and None after them, until the work ends.

        To wake the caller for each single result would take more time than the result's own work.

        :raises InternalFault: the work itself broke down (a fault of ours; it is logged).
        """
        while True:
            # Looked at first, so that no result before the end is missed.
            ended = self._ended.wait(tick) or not self._hub.is_alive()
            while self._results:
                yield self._results.popleft()
            if ended:
                break
            yield None
        fault = self._fault if self._ended.is_set() else "killed"
        if fault is not None:
            raise InternalFault(f"the connection tests broke down ({fault})")

    def drain(self) -> None:
        """Tell the work to begin nothing more; what it has begun still gives results."""
        self._hub.call(self._draining.set)

    def close(self) -> None:
        """Stop the work at once if it still runs; destroy the hub if no other run uses it."""
        if self._is_closed:
            return
        self._is_closed = True
        self._hub.call(self._kill)
        if self._hub.is_alive() and not self._ended.wait(_STOP_SECONDS):
            logger.error("the connection tests did not stop within %s s", _STOP_SECONDS)
        _hubs.leave(self._hub)

    def _begin(self) -> None:
        self._worker = gevent.spawn(self._work, self._results.append, self._draining)
        self._worker.link(self._end)

    def _end(self, worker: gevent.Greenlet[..., None]) -> None:
        if worker.exception is not None:
            self._fault = type(worker.exception).__name__
            logger.error("the connection tests broke down: %s", self._fault)
        self._ended.set()

    def _kill(self) -> None:
        if self._worker is not None:
            self._worker.kill(block=False)
