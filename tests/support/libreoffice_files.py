"""Files that LibreOffice saved from one .ods, and what is in them."""

from __future__ import annotations

import json

from project_paths import DATA

FILES = DATA / "libreoffice"
EXPECTED = json.loads((FILES / "expected.json").read_text("utf-8"))
