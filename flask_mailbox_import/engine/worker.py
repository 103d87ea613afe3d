"""Runs queued imports in a process of its own, without a broker."""

from __future__ import annotations

import logging
import threading
import time

from ..core.errors import described
from .execution import Execution
from .runner import ThreadRunner
from .sweeper import SOON, Sweeper

logger = logging.getLogger("flask_mailbox_import")

#: Seconds between two looks at the queue.
LOOK = 1.0


class Worker:
    """The loop of ``flask mailbox-import work``. Needs an app context."""

    def __init__(self, sweeper: Sweeper, runner: ThreadRunner, execution: Execution) -> None:
        self._sweeper = sweeper
        self._runner = runner
        self._execution = execution

    def run(self, ending: threading.Event, *, once: bool = False) -> None:
        """Run what waits and what is dead, ``MAX_RUNNING`` at a time, until ``ending`` is set.

        Then no more tests begin; those that run end, are saved, and the rest waits for the next
        worker.

        :param once: end as soon as nothing waits.
        """
        swept = 0.0
        while not ending.is_set():
            try:
                if time.monotonic() > swept + SOON:
                    swept = time.monotonic()
                    self._sweeper.look()
                self._runner.serve_as_worker()
                if once and self._runner.is_idle():
                    return
            except Exception as fault:  # noqa: BLE001 (the database may be back for the next look)
                logger.warning("a look at the queue failed: %s", described(fault))
            ending.wait(LOOK)
        self._execution.end_soon()
        self._runner.join()
