"""Runs work in a gevent hub apart from the caller, and hands over its results."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, ParamSpec, TypeVar, cast

import gevent
from gevent._hub_local import get_hub_if_exists  # the only way to ask without making one
from gevent.event import Event

from ..core.errors import InternalFault

logger = logging.getLogger("flask_mailbox_import")


T = TypeVar("T")
P = ParamSpec("P")

#: Killing greenlets takes no time; more than this means that one does not let itself be killed.
_STOP_SECONDS = 10


def off_hub(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what takes long in another thread, where this one has a hub that others need meanwhile.

    That is so in a process that gevent has patched.
    """
    hub = get_hub_if_exists()
    if hub is None:
        return work(*args, **kwargs)

    def done() -> tuple[T | None, Exception | None]:
        # What a task raises, gevent writes to the standard error.
        try:
            return work(*args, **kwargs), None
        except Exception as fault:  # noqa: BLE001 (it is raised where it belongs)
            return None, fault

    found, fault = hub.threadpool.apply(done)
    if fault is not None:
        raise fault
    return cast("T", found)


class HubRun(Generic[T]):
    """One piece of work in its own hub: an iterator of what it emits, with an end in any case.

    ``work`` gets ``emit``, and an event that is set when it is to begin nothing more. It runs in a
    thread with a hub of its own, destroyed at its end; in a process that gevent has patched, a
    thread is a greenlet, and the work runs on the process's hub, which is left alone. Whoever
    iterates may take any time between two results: the work goes on.
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
        """Yield the results that are there every ``tick`` seconds, and None after them.

        To be woken for each of them would cost more than what is done with it.

        :raises InternalFault: the work itself broke down (a fault of ours; it is logged).
        """
        while True:
            # Asked first: what came before the end is there then.
            ended = self._ended.wait(tick)
            while self._results:
                yield self._results.popleft()
            if ended:
                break
            yield None
        if self._fault:
            raise InternalFault(f"the connection tests broke down ({self._fault})")

    def drain(self) -> None:
        """Have the work begin nothing more; what it has begun still comes as results."""
        self._draining.set()

    def close(self) -> None:
        """Stop the work at once, if it is still going, and wait until its hub is gone."""
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
