"""What reading a file costs, measured in a process for each file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from process_memory import peak_megabytes

SECONDS, MEGABYTES = 0.5, 60
#: Seconds after which a process is not waited for.
_PATIENCE = 20
#: Seconds of CPU time that `_yardstick` takes where the limit of SECONDS holds as it is.
_USUAL = 0.03
_SMALL = b"email,password,smtphost,imaphost\nann@x.com,pw,h.x.com,\n"


@dataclass(frozen=True)
class Figures:
    """What came of a file, and its cost: seconds of CPU time, megabytes over a small file's.

    On a machine that is slower at that moment, as the yardstick tells, the seconds are as many
    fewer.
    """

    outcome: str
    size: int
    seconds: float
    megabytes: float

    @property
    def too_much(self) -> bool:
        return self.seconds >= SECONDS or self.megabytes >= MEGABYTES


def read_all(
    files: Mapping[str, bytes],
    column_mapping: Mapping[str, str | None] | None = None,
    **settings: object,
) -> dict[str, Figures]:
    """Read each file in a process that has read nothing but small ones before."""
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder, str(number)) for number, name in enumerate(files)}
        for name, path in paths.items():
            path.write_bytes(files[name])
        order = [[str(each) for each in paths.values()], column_mapping or {}, settings]
        done = subprocess.run(
            [sys.executable, __file__],
            input=json.dumps(order).encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
    figures = [Figures(*json.loads(line)) for line in done.stdout.splitlines()]
    return dict(zip(files, figures, strict=True))


def _yardstick() -> float:
    """Return the seconds of CPU time that some texts take to be split and joined."""
    start = time.process_time()
    for _ in range(1500):
        ",".join(each.strip() for each in ("a@x.com, pw, h.x.com, " * 60).split(","))
    return time.process_time() - start


def show(table: Mapping[str, Figures]) -> None:
    for name, each in table.items():
        cost = f"{each.size:10,} bytes {each.seconds:7.3f} s {each.megabytes:6.1f} MB"
        sys.stdout.write(f"\n{name:38} {cost}  {each.outcome}")
    sys.stdout.write("\n")


def main() -> None:
    from file_reading import nothing

    from flask_mailbox_import import FileError
    from flask_mailbox_import.config import Config
    from flask_mailbox_import.core.imports import ImportOptions
    from flask_mailbox_import.core.secret import generate_encryption_key
    from flask_mailbox_import.reading.reader import read_file

    paths, column_mapping, settings = json.load(sys.stdin)
    settings = {"ENCRYPTION_KEYS": [generate_encryption_key()], **settings}
    config = Config.from_mapping(
        {f"MAILBOX_IMPORT_{name}": each for name, each in settings.items()}
    )
    # Whatever is loaded once, and stays.
    for small in (_SMALL, _SMALL + b"\xe9,,,\n"):
        with contextlib.suppress(FileError):
            read_file(small, config, ImportOptions(workspace_id="w1"), nothing)

    options = ImportOptions(workspace_id="w1", column_mapping=column_mapping)

    def read(path: str) -> Figures:
        peak_megabytes()
        before = peak_megabytes()
        data = Path(path).read_bytes()
        slower = max(1, _yardstick() / _USUAL)
        start = time.process_time()
        try:
            rows = read_file(data, config, options, nothing).rows
            outcome = f"{len(rows)} rows, {sum(each.failure is None for each in rows)} ready"
        except FileError as fault:
            outcome = fault.reason
        seconds = (time.process_time() - start) / slower
        return Figures(outcome, len(data), round(seconds, 3), round(peak_megabytes() - before, 1))

    for path in paths:
        # This process reads no file itself: what it let go of again would be counted as nothing.
        child = os.fork()
        if child == 0:
            signal.alarm(_PATIENCE)
            sys.stdout.write(json.dumps([*asdict(read(path)).values()]) + "\n")
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            size = Path(path).stat().st_size
            sys.stdout.write(json.dumps([f"died: {status}", size, _PATIENCE, 0]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
