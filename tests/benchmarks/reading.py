"""Time and memory of reading and validating: ``python tests/benchmarks/reading.py``.

With ``--profile`` it shows where the time goes instead.

Files of two shapes (the columns of the contract; the 15 of an Instantly export), in UTF-8 and in
UTF-16, without any option. Time: the processor's, of ``read_file``, the median
and the least of some runs (nothing is waited for, and other programs on the machine count less).
Memory: how far the peak of a fresh process rises above what it had with the file's bytes at hand.
The bar: 500 rows under 50 ms, and a time per row that does not grow up to 100,000 rows.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import gc
import io
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flask_mailbox_import.config import Config
from flask_mailbox_import.core.imports import ImportOptions
from flask_mailbox_import.core.rows import COLUMNS
from flask_mailbox_import.core.secret import generate_encryption_key
from flask_mailbox_import.reading.reader import read_file

ROWS = (500, 1_000, 5_000, 10_000, 50_000, 100_000)
ENCODINGS = ("utf-8", "utf-16")
#: Of 500 rows.
BAR = 0.05
INSTANTLY = (
    *("Email", "First Name", "Last Name", "IMAP Username", "IMAP Password", "IMAP Host"),
    *("IMAP Port", "SMTP Username", "SMTP Password", "SMTP Host", "SMTP Port", "Daily Limit"),
    *("Warmup Enabled", "Warmup Limit", "Warmup Increment"),
)
_NAMES = (("Ann", "Example"), ("Jörg", "Müller"), ("Zoë", "O'Neil"), ("Bob", "van Dyk"))


def contract_row(number: int) -> tuple[str, ...]:
    first, last = _NAMES[number % len(_NAMES)]
    # Senders have two or three mailboxes on each of their domains.
    domain = f"try-acme{number // 3}.com"
    servers = (f"smtp.{domain}", f"imap.{domain}", "587", "993", "false", "true")
    return (f"user{number}@{domain}", f'pä"ss,{number}', *servers, f"{first} {last}")


def instantly_row(number: int) -> tuple[str, ...]:
    first, last = _NAMES[number % len(_NAMES)]
    domain = f"try-acme{number // 3}.com"
    email, password = f"user{number}@{domain}", f"abcd efgh ijkl {number}"
    imap = (email, password, f"imap.{domain}", "993")
    smtp = (email, password, f"smtp.{domain}", "587")
    return (email, first, last, *imap, *smtp, "30", "true", "40", "2")


SHAPES: dict[str, tuple[tuple[str, ...], Callable[[int], tuple[str, ...]]]] = {
    "contract": (COLUMNS[:9], contract_row),
    "instantly": (INSTANTLY, instantly_row),
}


def file_of(shape: str, encoding: str, rows: int) -> bytes:
    header, row = SHAPES[shape]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(row(number) for number in range(rows))
    return text.getvalue().encode(encoding)


def config_for(rows: int) -> Config:
    config = Config.from_mapping({"MAILBOX_IMPORT_ENCRYPTION_KEYS": [generate_encryption_key()]})
    return replace(config, max_rows=rows, max_file_size=10**9)


def read(data: bytes, config: Config) -> None:
    check = read_file(data, config, ImportOptions(workspace_id="w1"), lambda _keys: set())
    if not all(each.mailbox for each in check.rows):
        raise SystemExit("a row of the benchmark is not valid")


def seconds(data: bytes, config: Config, runs: int) -> list[float]:
    taken = []
    for _ in range(runs):
        gc.collect()
        begin = time.process_time()
        read(data, config)
        taken.append(time.process_time() - begin)
    return taken


def peak() -> int:
    """Return the most memory that this process has had, in KiB; Linux knows it.

    What ``getrusage`` says begins with what the parent had.
    """
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def child(rows: int) -> None:
    """Read the file on standard input, and print by how much the peak has risen."""
    data, config = sys.stdin.buffer.read(), config_for(rows)
    before = peak()
    read(data, config)
    print(peak() - before)


def megabytes(data: bytes, rows: int) -> float:
    command = [sys.executable, __file__, "--child", str(rows)]
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) / 1024


def measure(shape: str, encoding: str, rows: int, runs: int) -> tuple[float, str]:
    data = file_of(shape, encoding, rows)
    taken = seconds(data, config_for(rows), runs)
    median, least = statistics.median(taken), min(taken)
    cells = (
        f"{shape:<10}{encoding:<8}{rows:>9,}{len(data) / 1e6:>9.2f}{median * 1e3:>9.1f}"
        f"{least * 1e3:>9.1f}{median / rows * 1e6:>9.1f}{megabytes(data, rows):>9.1f}"
    )
    return median, cells


def profile(rows: int) -> None:
    for shape in SHAPES:
        data, config = file_of(shape, "utf-8", rows), config_for(rows)
        profiler = cProfile.Profile()
        profiler.runcall(read, data, config)
        print(f"{shape}, {rows:,} rows")
        pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--runs", type=int, default=5, help="of which the median is shown")
    parser.add_argument("--profile", action="store_true", help="where the time goes; no table")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        return child(options.child)
    if options.profile:
        return profile(options.rows[0])
    print(
        f"{'file':<10}{'':<8}{'rows':>8}{'MB':>8}{'ms':>10}{'least':>10}{'us/row':>9}{'peak MB':>9}"
    )
    for shape in SHAPES:
        for encoding in ENCODINGS:
            for rows in options.rows:
                taken, cells = measure(shape, encoding, rows, options.runs)
                over = "  over the bar" if rows == ROWS[0] and taken > BAR else ""
                print(cells + over, flush=True)
    return None


if __name__ == "__main__":
    main()
