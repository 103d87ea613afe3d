"""How many columns of other tools' files are known by their names: prints the share, and the rest.

    python tests/benchmarks/headers.py [--quiet]

``headers.json`` holds header rows, forms and settings that were seen in public, each column with
what it means (None: none of ours), as somebody judged who had not seen the table of names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flask_mailbox_import.reading.header_names import NAMES

SOURCES = json.loads(Path(__file__).with_name("headers.json").read_text("utf-8"))
#: Ways to say how a connection is secured, which ``cells`` folds into one.
SECURED = ("secure", "tls", "starttls")


def same(meant: str | None, found: str | None) -> bool:
    if meant and found and meant[4:] in SECURED and found[4:] in SECURED:
        return meant[:4] == found[:4]
    return meant == found


def main() -> None:
    right, wrong, missed = 0, [], []
    for source in SOURCES:
        for name, meant in source["mapping"].items():
            found, weak = NAMES.of(name)
            if same(meant, found) or (meant in weak and not found):
                right += 1
            elif found:
                wrong.append((name, meant, found))
            elif meant:
                missed.append((name, meant))
            else:
                right += 1
    if "--quiet" not in sys.argv:
        for each in wrong:
            print("wrong ", *each)
        for each in missed:
            print("missed", *each)
    count = right + len(wrong) + len(missed)
    print(f"{len(SOURCES)} sources, {count} columns: {right / count:.1%} right, ", end="")
    print(f"{len(missed)} not known, {len(wrong)} taken for another")


if __name__ == "__main__":
    main()
