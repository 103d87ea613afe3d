"""An import in a process of its own, for what is measured of a whole process; reads its order."""

from __future__ import annotations

import gc
import json
import resource
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from conftest import logged, new_host


def leave_files(spare: int) -> None:
    """Let this process open ``spare`` more files than are open, and no more."""
    gc.collect()
    taken = {int(each.name) for each in Path("/dev/fd").iterdir()}
    limit = next(limit for limit in range(4096) if len(set(range(limit)) - taken) > spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def main() -> None:
    order = json.load(sys.stdin)
    with (
        TemporaryDirectory() as folder,
        closing(
            new_host(Path(folder) / "host.sqlite", *order["host"], **order["settings"])
        ) as host,
        logged() as log,
    ):
        key = host.create_key()
        # Whatever is loaded once, and stays.
        assert host.post(order["warm_up"], key, **order["fields"]).json["data"]["failed"] == 0
        if order["spare_files"] is not None:
            leave_files(order["spare_files"])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = host.post(order["csv"], key, **order["fields"])
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        stored = {each.email: each.reply for each in host.rows()}
        report = {"text": answer.text, "kilobytes": after - before, "replies": stored}
        json.dump({**report, "log": log.getvalue()}, sys.stdout)


if __name__ == "__main__":
    main()
