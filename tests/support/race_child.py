"""A script: imports at once, each in a process with an app of its own."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from host_apps import Host, new_host

from flask_mailbox_import import ImportNotRunnable

#: What one write to a pipe does at once, so that the lines of two processes do not mix.
_LINE = 4000


def do(host: Host, job: Mapping[str, Any]) -> dict[str, Any]:
    """Post a file, or run a staged import; return what came of it in a few words."""
    if "import_id" in job:
        with host.app.app_context():
            try:
                summary = host.extension.importer.continue_import(job["import_id"])
            except ImportNotRunnable as fault:
                return {"refused": type(fault).__name__}
        return {name: getattr(summary, name) for name in ("imported", "skipped", "failed")}
    answer = host.post(job["csv"], job["key"], **job["fields"])
    data = answer.json.get("data", {"text": answer.text})
    return {"status": answer.status_code, **data, "errors": data.get("errors", [])[:3]}


def child(order: Mapping[str, Any], job: Mapping[str, Any], ready: int, start: int) -> None:
    with closing(new_host(*order["host"], **order["settings"])) as host:
        os.write(ready, b".")
        os.read(start, 1)
        line = json.dumps(do(host, job))
    os.write(sys.stdout.fileno(), f"{line[:_LINE]}\n".encode())


def main() -> None:
    order = json.load(sys.stdin)
    (all_ready, ready), (start, begin) = os.pipe(), os.pipe()
    children = []
    for job in order["jobs"]:
        children.append(os.fork())
        if not children[-1]:
            os.close(begin)
            try:
                child(order, job, ready, start)
            except BaseException:  # noqa: BLE001 (it must not go on as its parent)
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
    os.close(ready)
    waiting = len(children)
    while waiting and (came := os.read(all_ready, waiting)):
        waiting -= len(came)
    os.close(begin)
    sys.exit(any([os.waitpid(pid, 0)[1] for pid in children]))  # noqa: C419 (wait for all)


if __name__ == "__main__":
    main()
