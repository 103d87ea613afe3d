"""Scripts of this folder, run in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from project_paths import ROOT, SUPPORT

#: In which a script of this folder finds the package, and its neighbours.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(SUPPORT)])}


def run_child(way: Sequence[str], script: Path, order: object) -> Any:
    """Run a script in a process of its own, by a command that starts others."""
    done = subprocess.run(
        [*way, sys.executable, str(script)],
        input=json.dumps(order),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
