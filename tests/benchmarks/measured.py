"""One client in a process of its own, run again and again, and what each run took.

Run as a script it takes an order (a line of JSON) from standard input, and then runs its client
once for each further line, answering with the figures of the run.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from clients import CLIENTS, Order, Row
from process_memory import peak_megabytes

# Seconds between two looks of a timer in the hub.
_TICK = 0.001


@dataclass(frozen=True)
class Figures:
    """What one run took."""

    seconds: float
    cpu_seconds: float
    #: How far the peak of memory rose above what the process had before.
    megabytes: float
    good: int
    failed: int
    statements: int = 0
    #: Seconds by which a timer in the hub rang late, each time; where that was asked for.
    late: list[float] = field(default_factory=list)


class Client:
    """A client in a process of its own, as a context manager."""

    def __init__(self, order: Order, cpus: Sequence[int], *, watch: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ask({"order": asdict(order), "cpus": list(cpus), "watch": watch})

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(self) -> Figures:
        """Run the client once."""
        return Figures(**self._ask("run"))

    def _ask(self, what: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def watch_hub(late: list[float]) -> None:
    """Have a timer in the hub of our tests ring all the time; it costs time itself."""
    import gevent

    from flask_mailbox_import.probe import prober, wire
    from flask_mailbox_import.probe.schedule import Schedule

    def ring() -> None:
        while True:
            due = time.perf_counter() + _TICK
            gevent.sleep(_TICK)
            found = time.perf_counter() - due
            # A stall is as many late rings as would have been in it.
            late.extend(found - missed * _TICK for missed in range(int(found / _TICK) + 1))

    class Watched(Schedule):
        def run(self) -> None:
            timer = gevent.spawn(ring)
            try:
                super().run()
            finally:
                timer.kill()

    prober.Schedule = Watched  # type: ignore[misc]
    # Made anew each time, as in a process that has just begun.
    prober.tls_context = wire.tls_context.__wrapped__


def watch_statements(counted: list[float]) -> None:
    """Have each statement that goes to a database counted."""
    from sqlalchemy import Engine, event

    event.listen(Engine, "before_cursor_execute", lambda *_: counted.append(0))


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    os.sched_setaffinity(0, asked["cpus"])
    rows = [Row(**each) for each in asked["order"].pop("rows")]
    order = Order(rows=rows, **asked["order"])
    seen: list[float] = []
    if asked["watch"] == "hub":
        watch_hub(seen)
    elif asked["watch"] == "statements":
        watch_statements(seen)
    with ExitStack() as stack:
        run = CLIENTS[order.client](order, stack)
        print("{}", flush=True)
        for _ in sys.stdin:
            gc.collect()
            peak_megabytes()
            before = peak_megabytes()
            seen.clear()
            start, cpu = time.perf_counter(), time.process_time()
            good, failed = run()
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            figures = Figures(seconds, cpu, (peak_megabytes() - before), good, failed)
            extra: dict[str, Any] = {"statements": len(seen)}
            if asked["watch"] == "hub":
                extra = {"late": seen}
            print(json.dumps({**asdict(figures), **extra}), flush=True)


if __name__ == "__main__":
    main()
