"""A script: an import in a process of its own, for what is measured of a whole process."""

from __future__ import annotations

import gc
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from host_apps import new_host
from process_memory import peak_kilobytes
from signals_and_logs import logged


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
        peak_kilobytes()
        before = peak_kilobytes()
        with files_left(order["spare_files"]):
            answer = host.post(order["csv"], key, **order["fields"])
        after = peak_kilobytes()
        stored = {each.email: each.reply for each in host.rows()}
        report = {"text": answer.text, "kilobytes": after - before, "replies": stored}
        json.dump({**report, "log": log.getvalue()}, sys.stdout)


if __name__ == "__main__":
    main()
