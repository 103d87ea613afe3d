"""What reading the worst of 500 kB costs, each in a process of its own: seconds of CPU, megabytes.

    python tests/benchmarks/hostile_bytes.py

In UTF-8 and in UTF-16; the bars are half a second, and 60 MB more than a small file takes.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from hostile_files import MADE, in_utf16
from reading_costs import read_all, show

SIZE = 500_000


def main() -> None:
    for codec in ("UTF-8", "UTF-16"):
        utf16 = codec == "UTF-16"
        files = {name: in_utf16(make, SIZE) if utf16 else make(SIZE) for name, make in MADE.items()}
        figures = read_all(files)
        print(codec)
        show(figures)
        print("over the bar:", [name for name, each in figures.items() if each.too_much] or "none")


if __name__ == "__main__":
    main()
