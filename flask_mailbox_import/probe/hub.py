"""Runs work in a gevent hub apart from the caller, and hands over its results."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, ParamSpec, TypeVar, cast

import gevent
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


class HubRun(Generic[T]):
    """Runs ``work`` in a gevent hub apart from the caller. The caller iterates over its results.

    The work runs in a thread with a hub of its own, which is destroyed at the end. In a process
    that gevent has patched, the thread is a greenlet on the process's hub. The work goes on
    however long the caller takes between two results.

    :param work: gets ``emit``, which it calls with each result, and an event: once this is set, the
        work begins nothing more.
    """

    def __init__(self, work: Callable[[Callable[[T], None], Event], None]) -> None:
        self._work = work
        self._results: deque[T] = deque()
        self._ended = threading.Event()
        self._fault: str | None = None
        self._stop = Event()
        self._draining = Event()
        self._thread = threading.Thread(target=self._run, name="mailbox-import", daemon=True)
        self._thread.start()

    def results(self, tick: float) -> Iterator[T | None]:
        """Yield the new results every ``tick`` seconds, and None after them, until the work ends.

        To wake the caller for each single result would take more time than the result's own work.

        :raises InternalFault: the work itself broke down (a fault of ours; it is logged).
        """
        while True:
            # Looked at first, so that no result before the end is missed.
            ended = self._ended.wait(tick)
            while self._results:
                yield self._results.popleft()
            if ended:
                break
            yield None
        if self._fault:
            raise InternalFault(f"the connection tests broke down ({self._fault})")

    def drain(self) -> None:
        """Tell the work to begin nothing more; what it has begun still gives results."""
        self._draining.set()

    def close(self) -> None:
        """Stop the work at once if it still runs, and wait until its hub is destroyed."""
        self._stop.set()
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            logger.error("the connection tests did not stop within %s s", _STOP_SECONDS)

    def _run(self) -> None:
        own_hub = get_hub_if_exists() is None
        fault: str | None = "killed"
        try:
            worker = gevent.spawn(self._work, self._results.append, self._draining)
            stopper = gevent.spawn(self._kill_on_stop, worker)
            worker.join()
            stopper.kill()
            fault = type(worker.exception).__name__ if worker.exception else None
        finally:
            if fault is not None:
                logger.error("the connection tests broke down: %s", fault)
            self._fault = fault
            self._ended.set()
            if own_hub:
                gevent.get_hub().destroy(destroy_loop=True)

    def _kill_on_stop(self, worker: gevent.Greenlet[..., None]) -> None:
        self._stop.wait()
        worker.kill(block=False)
