"""Beats for all runs of this process, so that a run that is held up does not look dead."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from ..core.errors import described
from ..core.imports import ImportStatus
from ..signals import import_ended, tell
from ..storage.runs import Run, Runs
from ..storage.session import shares_connection

logger = logging.getLogger("flask_mailbox_import")

#: Seconds between two beats.
BEAT = 2.0
#: A run that has not moved for so many seconds gets no more beats: somebody else may go on.
LONGEST_REST = 600.0


class Beater:
    """One thread with a connection of its own, as long as there are runs in this process.

    Where all sessions share one connection there is no such thread: a run beats by itself.

    :param hands_over: at the end of the process, put the imports back into the queue.
    """

    def __init__(self, db: SQLAlchemy, runs: Runs, *, hands_over: bool) -> None:
        self._db = db
        self._runs = runs
        self._is_to_hand_over = hands_over
        self.forget()

    def forget(self) -> None:
        """See `Forgetful`."""
        self._lock = threading.Lock()
        #: When each run last moved, by `time.monotonic`.
        self._moved: dict[Run, float] = {}
        self._thread: threading.Thread | None = None
        self._none_left = threading.Event()

    @contextmanager
    def beating(self, run: Run) -> Iterator[Callable[[], None]]:
        """Beat for a run meanwhile; it calls what this yields whenever it moves."""

        def move() -> None:
            self._moved[run] = time.monotonic()

        if shares_connection(self._db):
            yield lambda: None
            return
        try:
            with self._lock:
                move()
                self._none_left.clear()
                self._start()
                if self._is_to_hand_over:
                    self._is_to_hand_over = False
                    atexit.register(_hand_over, weakref.ref(self), weakref.ref(_app()))
            yield move
        finally:
            with self._lock:
                del self._moved[run]
                if not self._moved:
                    self._none_left.set()

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._beat, args=(_app(),), name="mailbox-import-beater", daemon=True
            )
            self._thread.start()

    def hand_over(self) -> None:
        """Put the imports of all runs of this process back into the queue."""
        for run in list(self._moved):
            run.hand_back()
            facts = {"import_id": run.import_id, "workspace_id": run.options.workspace_id}
            tell(import_ended, **facts, status=ImportStatus.QUEUED.value)

    def _beat(self, app: Flask) -> None:
        while True:
            self._none_left.wait(BEAT)
            with self._lock:
                if not self._moved:
                    self._thread = None
                    return
                since = time.monotonic() - LONGEST_REST
                alive = [run for run, moved in self._moved.items() if moved > since]
            try:
                with app.app_context():
                    self._runs.beat_all(alive)
            except Exception as fault:  # noqa: BLE001 (the next beat may succeed)
                logger.warning("a beat was not written: %s", described(fault))


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]


def _hand_over(beater_ref: weakref.ref[Beater], app_ref: weakref.ref[Flask]) -> None:
    """At the end of the process: what it was at goes on elsewhere at once."""
    beater, app = beater_ref(), app_ref()
    if beater is None or app is None:
        return
    try:
        with app.app_context():
            beater.hand_over()
    except Exception as fault:  # noqa: BLE001 (then it is taken up once it looks dead)
        logger.warning("the imports were not handed over: %s", described(fault))
