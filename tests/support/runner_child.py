"""A script: a process whose runner works at imports until somebody kills it."""

from __future__ import annotations

import json
import sys

from host_apps import new_host
from import_calls import sent


def main() -> None:
    order = json.loads(sys.stdin.readline())
    host = new_host(*order["host"], **order["settings"])
    print(json.dumps([sent(host, csv) for csv in order["files"]]), flush=True)  # noqa: T201
    # Until the other end is gone, whatever became of it.
    sys.stdin.read()


if __name__ == "__main__":
    main()
