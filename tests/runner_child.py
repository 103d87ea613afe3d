"""A process whose runner is at imports, until somebody kills it; reads its order."""

from __future__ import annotations

import json
import sys

from conftest import new_host
from steering import sent


def main() -> None:
    order = json.loads(sys.stdin.readline())
    host = new_host(*order["host"], **order["settings"])
    print(json.dumps([sent(host, csv) for csv in order["files"]]), flush=True)  # noqa: T201
    # Until the other end is gone, whatever became of it.
    sys.stdin.read()


if __name__ == "__main__":
    main()
