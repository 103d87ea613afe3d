"""The demo of the example app, in a process of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


class Demo:
    """The running demo: its process, and what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, f"the demo did not start: {printed}"
            printed += line
        (self.page,) = re.findall(r"http://\S+/mailboxes/import\n", printed)
        self.page = self.page.strip()
        self.sample = Path(re.findall(r"A sample file: +(.+)", printed)[0])
        (self.curl,) = re.findall(r"^curl .+$", printed, re.MULTILINE)
