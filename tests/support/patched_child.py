"""A script: two runs at once in a process that gevent has patched."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 (gevent patches first)
import sys  # noqa: E402 (gevent patches first)
from contextlib import closing  # noqa: E402

import gevent  # noqa: E402

from flask_mailbox_import.probe.hub import HubRun  # noqa: E402


def work(emit, draining):
    emit(gevent.get_hub())
    draining.wait()


def main() -> None:
    json.load(sys.stdin)
    own = gevent.get_hub()
    with closing(HubRun(work)) as first, closing(HubRun(work)) as second:
        hubs = []
        for run in (first, second):
            hubs.append(next(each for each in run.results(0.01) if each is not None))
            run.drain()
    report = {
        "is_process_hub": [each is own for each in hubs],
        "lives_on": own.loop is not None and gevent.get_hub() is own,
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
