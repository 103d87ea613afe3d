"""The bars: what the figures of the scenarios are to be, as ratios within one run; runs nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from result import Result
from scenarios import LOGIN_TRIPS, STARTTLS_TRIPS, TLS_TRIPS

MISSED = "MISSED"
OURS = "our import"
THREADS, ASYNC = "threads + smtplib", "aiosmtplib"
FAR, ONE_HOST, TLS = "STARTTLS, 50 ms", "STARTTLS, 50 ms, one host", "implicit TLS, 50 ms"
PROMPTS = "STARTTLS, 50 ms, LOGIN only"
NEAR, WRONG, STALLS = "STARTTLS, 0 ms", "STARTTLS, 50 ms, 1 of 10 wrong", "stalls of the hub, 50 ms"
SOME_SILENT, ALL_SILENT = "1 of 10 on a silent host", "all on one silent host"
FEW, MANY, UNTESTED = "500 rows, 0 ms", "10,000 rows, 0 ms", "no tests, SQLite"
#: Rows that our import saves in one transaction.
_BATCH = 50

#: Results by scenario and client.
Results = Mapping[tuple[str, str], Result]


@dataclass(frozen=True)
class Bar:
    """A figure that is to be at most, or exactly, what the bar says."""

    what: str
    limit: float
    figure: Callable[[Results], float]
    exactly: bool = False

    def line(self, results: Results) -> str | None:
        """Return how it stands; None where what it needs was not run."""
        try:
            figure = self.figure(results)
        except KeyError:
            return None
        kept = math.isclose(figure, self.limit) if self.exactly else figure <= self.limit
        sign = "=" if self.exactly else "<="
        return f"{'kept' if kept else MISSED:7} {figure:9.3f} {sign:>2} {self.limit:<7} {self.what}"


def judged(found: Sequence[Result]) -> Iterator[str]:
    """Say of each bar whether it is kept, where what it needs was run."""
    results = {(each.scenario.name, each.client): each for each in found}
    for bar in BARS:
        line = bar.line(results)
        if line is not None:
            yield line


def _over_bound(scenario: str) -> Callable[[Results], float]:
    return lambda found: found[scenario, OURS].seconds / found[scenario, OURS].scenario.bound


def _over_peer(peer: str) -> Callable[[Results], float]:
    return lambda found: found[FAR, OURS].seconds / found[FAR, peer].seconds


def _replies(scenario: str) -> Callable[[Results], float]:
    return lambda found: found[scenario, OURS].replies


def _auths(scenario: str) -> Callable[[Results], float]:
    return lambda found: found[scenario, OURS].auths


def _stall(quantile: float) -> Callable[[Results], float]:
    """Of all runs together, in milliseconds: the first one has nothing warm yet."""

    def figure(found: Results) -> float:
        late = sorted(chain.from_iterable(each.late for each in found[STALLS, OURS].figures))
        return 1000 * late[math.ceil(quantile * len(late)) - 1]

    return figure


def _beside_silence(found: Results) -> float:
    """All of it over one time-out and the time that the other rows take."""
    result, good = found[SOME_SILENT, OURS], found[FAR, OURS]
    share = result.figures[0].good / good.scenario.rows
    return result.seconds / (result.scenario.timeout + share * good.seconds)


def _time_per_row(found: Results) -> float:
    few, many = found[FEW, OURS], found[MANY, OURS]
    return (many.seconds / many.scenario.rows) / (few.seconds / few.scenario.rows)


def _memory_per_row(found: Results) -> float:
    few, many = found[FEW, OURS], found[MANY, OURS]
    return 1024 * (many.megabytes - few.megabytes) / (many.scenario.rows - few.scenario.rows)


def _statements_per_batch(found: Results) -> float:
    few, many = found[UNTESTED, OURS], found[f"{UNTESTED}, 5,000 rows", OURS]
    batches = (many.scenario.rows - few.scenario.rows) / _BATCH
    return (many.median("statements") - few.median("statements")) / batches


def _all_silent(found: Results) -> float:
    result = found[ALL_SILENT, OURS]
    return result.seconds / result.scenario.timeout


BARS = (
    Bar("STARTTLS, 50 ms, 10 hosts: import / bound", 1.10, _over_bound(FAR)),
    Bar("the same: import / probe of threads + smtplib", 0.80, _over_peer(THREADS)),
    Bar("the same: import / probe of aiosmtplib", 0.80, _over_peer(ASYNC)),
    Bar("STARTTLS, 50 ms, one host: import / bound", 1.15, _over_bound(ONE_HOST)),
    Bar("implicit TLS, 50 ms: import / bound", 1.10, _over_bound(TLS)),
    Bar("STARTTLS: replies a mailbox", STARTTLS_TRIPS, _replies(FAR), exactly=True),
    Bar(
        "STARTTLS, 1 of 10 wrong: replies a mailbox", STARTTLS_TRIPS, _replies(WRONG), exactly=True
    ),
    Bar("STARTTLS, LOGIN only: replies a mailbox", LOGIN_TRIPS, _replies(PROMPTS), exactly=True),
    Bar("implicit TLS: replies a mailbox", TLS_TRIPS, _replies(TLS), exactly=True),
    Bar("STARTTLS, 1 of 10 wrong: AUTH commands a mailbox", 1, _auths(WRONG), exactly=True),
    Bar("implicit TLS: AUTH commands a mailbox", 1, _auths(TLS), exactly=True),
    Bar("stalls of the hub, ms, 99th percentile", 6, _stall(0.99)),
    Bar("stalls of the hub, ms, longest", 25, _stall(1)),
    Bar(
        "0 ms: CPU of the import / of the probe of threads + smtplib",
        1.0,
        lambda found: (
            found[NEAR, OURS].median("cpu_seconds") / found[NEAR, THREADS].median("cpu_seconds")
        ),
    ),
    Bar("50 of 500 silent: seconds / (time-out + the good rows' time)", 1.0, _beside_silence),
    Bar("all 500 silent: time-outs", 3, _all_silent),
    Bar("10,000 rows: time a row / that of 500 rows", 1.10, _time_per_row),
    Bar("10,000 rows: kB of memory more a row", 4, _memory_per_row),
    Bar(
        "500 rows without tests, SQLite: seconds",
        0.25,
        lambda found: found[UNTESTED, OURS].seconds,
    ),
    Bar("the same: statements more for each batch of 50 rows", 10, _statements_per_batch),
    Bar("500 rows: MB over the idle app", 30, lambda found: found[FAR, OURS].megabytes),
)
