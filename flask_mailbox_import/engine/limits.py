"""Limits how many imports run at once in a process, and how many logins may be refused."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..config import Config
from ..core.codes import REFUSED_LOGIN
from ..core.errors import TooManyRefusedLogins, TooManyRunning, TooManyWaiting
from ..core.words import say
from ..signals import limit_reached, tell
from ..storage.models import REFUSED_COUNT_FOR, now
from ..storage.queries import Queries


class Limits:
    """The limits of one app on what runs, what waits, and refused logins.

    ``refuse_run`` and ``refuse_guessing`` read the database and need an app context.

    :param seconds_to_end: returns how soon a run of this process is likely to end.
    """

    def __init__(
        self, config: Config, queries: Queries, seconds_to_end: Callable[[], float | None]
    ) -> None:
        self._config = config
        self._queries = queries
        self._seconds_to_end = seconds_to_end
        #: One place stays for a workspace that has none running.
        self._of_one = config.workspace_running or max(1, config.max_running - 1)
        self.forget()

    def forget(self) -> None:
        """See `Forgetful`."""
        self._lock = threading.Lock()
        #: How many imports of each workspace run in this process; None: of an operator's call.
        self._running = Counter[str | None]()

    def take_place(self, workspace_id: str | None) -> bool:
        """Take a place for a run of a workspace; return False if none is free."""
        with self._lock:
            is_full = self._running.total() >= self._config.max_running
            if is_full or self._running[workspace_id] >= self._of_one:
                return False
            self._running[workspace_id] += 1
            return True

    def give_place_back(self, workspace_id: str | None) -> None:
        """Give back a place that was taken."""
        with self._lock:
            self._running[workspace_id] -= 1
            self._running += Counter()  # without those that have none

    def without_place(self) -> list[str] | None:
        """Return the workspaces that may begin no more runs in this process now; None: all."""
        with self._lock:
            if self._running.total() >= self._config.max_running:
                return None
            return [
                workspace_id
                for workspace_id, running in self._running.items()
                if workspace_id is not None and running >= self._of_one
            ]

    @contextmanager
    def place(self, workspace_id: str | None) -> Iterator[None]:
        """Hold a place for a run.

        :raises TooManyRunning: none is free.
        """
        if not self.take_place(workspace_id):
            full = self.without_place() is None
            limit = "MAX_RUNNING" if full else "WORKSPACE_RUNNING"
            tell(limit_reached, workspace_id=workspace_id, limit=limit)
            words = say("Too many imports are running here: try again in a while.")
            if not full:
                words = say("Too many imports of this workspace are running: try again in a while.")
            raise TooManyRunning(words, self._seconds_to_end())
        try:
            yield
        finally:
            self.give_place_back(workspace_id)

    def refuse_waiting(self, workspace_id: str) -> None:
        """Refuse to queue one more import of a workspace of which many wait.

        :raises TooManyWaiting: ``WORKSPACE_QUEUED`` wait.
        """
        if self._queries.count_queued(workspace_id) >= self._config.workspace_queued:
            tell(limit_reached, workspace_id=workspace_id, limit="WORKSPACE_QUEUED")
            raise TooManyWaiting(
                say(
                    "Too many imports of this workspace wait already: try again when some have "
                    "ended."
                ),
                self._seconds_to_end(),
            )

    def refuse_run(self, import_id: str, workspace_id: str | None) -> None:
        """Refuse an import that tests logins if its workspace has too many refused logins.

        :raises ImportNotFound: the workspace has no import of this id.
        :raises TooManyRefusedLogins: see :meth:`refuse_guessing`.
        """
        to_test = self._queries.workspace_to_test(import_id, workspace_id)
        if to_test is not None:
            self.refuse_guessing(to_test)

    def refuse_guessing(self, workspace_id: str) -> None:
        """Refuse to test logins for a workspace that has had too many refused.

        :raises TooManyRefusedLogins: ``MAX_REFUSED_LOGINS`` within an hour.
        """
        limit = self._config.max_refused_logins
        if not limit:
            return
        count = self._queries.refused_logins(workspace_id, REFUSED_LOGIN, REFUSED_COUNT_FOR)
        if count < limit:
            return
        tell(limit_reached, limit="MAX_REFUSED_LOGINS", workspace_id=workspace_id)
        raise TooManyRefusedLogins(
            say(
                "More than %(count)s login of this workspace was refused within an hour: wait an "
                "hour before the next import.",
                plural="More than %(count)s logins of this workspace were refused within an hour: "
                "wait an hour before the next import.",
                count=limit,
            ),
            self._seconds_to_fewer(workspace_id, count - limit),
        )

    def _seconds_to_fewer(self, workspace_id: str, too_many: int) -> float | None:
        """Return in how many seconds so many refused logins count no more, and one beside them."""
        last = self._queries.refused_at(workspace_id, REFUSED_LOGIN, REFUSED_COUNT_FOR, too_many)
        return None if last is None else (last + REFUSED_COUNT_FOR - now()).total_seconds()
