"""Jobs that wait for another try of theirs, by when they are due; decides nothing else."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator

from .job import Job
from .pace import jittered

#: Seconds before the first and each further retry of a temporary refusal; jitter is added.
RETRY_WAITS = (1.0, 4.0)


class Retries:
    """The jobs of one run that are tried again later."""

    def __init__(self) -> None:
        self._jobs: list[tuple[float, int, Job]] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def add(self, job: Job, wait: float | None) -> None:
        """Put a job aside for its next try; ``wait`` is what the server said, in seconds."""
        job.tries += 1
        seconds = max(wait or 0, RETRY_WAITS[min(job.tries, len(RETRY_WAITS)) - 1])
        self._count += 1
        # The second item is unique, so that no two jobs are ever compared.
        heapq.heappush(self._jobs, (time.monotonic() + jittered(seconds), self._count, job))

    def due(self) -> Iterator[Job]:
        """Take out the jobs whose time has come."""
        while self._jobs and self._jobs[0][0] <= time.monotonic():
            yield heapq.heappop(self._jobs)[2]

    @property
    def next_due(self) -> list[float]:
        """When the next one is due, by the monotonic clock; nothing where none waits."""
        return [due for due, _, _ in self._jobs[:1]]
