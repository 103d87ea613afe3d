"""Where the project, its tests, their helpers and their data are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parent
TESTS = SUPPORT.parent
ROOT = TESTS.parent
DATA = TESTS / "data"


def read_data(name: str) -> Any:
    """Return what a JSON file of the tests' data holds."""
    return json.loads((DATA / name).read_text("utf-8"))
