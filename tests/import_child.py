"""An import in a process of its own, for what is measured of a whole process; reads its order."""

from __future__ import annotations

import gc
import json
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from conftest import logged, new_host


@contextmanager
def files_left(spare: int | None) -> Iterator[None]:
    """Let this process open ``spare`` more files than are open, and no more."""
    gc.collect()
    taken = {int(each.name) for each in Path("/dev/fd").iterdir()}
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if spare is not None:
        limit = next(limit for limit in range(4096) if len(set(range(limit)) - taken) > spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def peak() -> int:
    """Return the kilobytes that this process held at most, at Linux since it was last asked."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Not getrusage's: that begins with the size of the process that started this one.
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
    Path("/proc/self/clear_refs").write_text("5")
    return int(found)


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
        peak()
        before = peak()
        with files_left(order["spare_files"]):
            answer = host.post(order["csv"], key, **order["fields"])
        after = peak()
        stored = {each.email: each.reply for each in host.rows()}
        report = {"text": answer.text, "kilobytes": after - before, "replies": stored}
        json.dump({**report, "log": log.getvalue()}, sys.stdout)


if __name__ == "__main__":
    main()
