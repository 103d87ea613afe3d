"""What the runs of one client in one scenario took, and its line in the table; runs nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from mail_fleet import Seen
from measured import Figures
from scenarios import Scenario

HEAD = (
    f"{'scenario':32} {'client':18} {'runs':>4} {'s':>8} {'x bound':>8} {'x ours':>7}"
    f" {'spread':>7} {'CPU s':>7} {'MB':>6} {'open':>5} {'replies':>8} {'AUTH':>6} {'good':>6}"
    f" {'failed':>6}"
)


@dataclass(frozen=True)
class Result:
    """What the runs of one client in one scenario took: medians, unless said otherwise."""

    scenario: Scenario
    client: str
    figures: tuple[Figures, ...]
    seen: tuple[Seen, ...]

    def median(self, name: str) -> float:
        return statistics.median(getattr(each, name) for each in self.figures)

    @property
    def seconds(self) -> float:
        return self.median("seconds")

    @property
    def megabytes(self) -> float:
        """The most: a process that has run once keeps some of it."""
        return max(each.megabytes for each in self.figures)

    @property
    def spread(self) -> float:
        """From the quickest to the slowest run, as a share of the median."""
        found = [each.seconds for each in self.figures]
        return (max(found) - min(found)) / self.seconds

    @property
    def replies(self) -> float:
        """A connection's, with TLS handshakes, until the verdict; exact, and the same each time."""
        return self._seen_of("replies")

    @property
    def auths(self) -> float:
        return self._seen_of("auths")

    def _seen_of(self, name: str) -> float:
        found = {getattr(each, name) / max(1, each.connections) for each in self.seen}
        return max(found)

    def line(self, ours: Result) -> str:
        """Return its line in the table; ``ours`` is our import in the same scenario."""
        first, seen = self.figures[0], self.seen
        bound = self.scenario.bound
        ratio = f"{self.seconds / bound:8.2f}" if bound else f"{'':8}"
        return (
            f"{self.scenario.name:32} {self.client:18} {len(self.figures):4}"
            f" {self.seconds:8.3f} {ratio} {self.seconds / ours.seconds:7.2f}"
            f" {self.spread:7.0%} {self.median('cpu_seconds'):7.2f} {self.megabytes:6.1f}"
            f" {max(each.open_most for each in seen):5} {self.replies:8.2f}"
            f" {self.auths:6.2f} {first.good:6} {first.failed:6}"
        )
