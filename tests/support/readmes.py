"""The READMEs as data: their blocks of code, tables, headings and links."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "flask_mailbox_import"
#: Every README by its wing; that of the repository is ``top``.
PATHS = {"top": ROOT / "README.md"} | {
    path.parent.name: path for path in sorted(PACKAGE.glob("*/README.md"))
}
TEXTS = {name: path.read_text("utf-8") for name, path in PATHS.items()}
WINGS = tuple(name for name in PATHS if name != "top")

_FENCE = re.compile(r"^```(\w*)$", re.MULTILINE)


def _blocks() -> dict[str, str]:
    """Return every block of code by where it stands: README, heading, and number below it."""
    found = {}
    for name, text in TEXTS.items():
        heading, count = "", defaultdict[str, int](int)
        lines: list[str] | None = None
        for line in text.splitlines():
            if lines is not None and line == "```":
                count[heading] += 1
                found[f"{name}/{heading}/{count[heading]}"] = "\n".join(lines) + "\n"
                lines = None
            elif lines is not None:
                lines.append(line)
            elif line.startswith("```"):
                lines = []
            elif line.startswith("#"):
                heading = line.lstrip("# ")
        assert lines is None, f"a block of {name} is not closed"
    return found


BLOCKS = _blocks()


def prose(name: str) -> str:
    """Return a README without its blocks of code."""
    return "".join(_FENCE.split(TEXTS[name] + "\n")[::4])


def table(name: str, *header: str) -> list[list[str]]:
    """Return the rows of the one table of a README whose header begins with these cells."""
    lines = TEXTS[name].splitlines()
    begins = f"| {' | '.join(header)} |"
    (first,) = (place for place, line in enumerate(lines) if line.startswith(begins))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    width = lines[first].count("|") - 1
    assert all(len(row) == width for row in rows), f"a row of the table {header} is ragged"
    return rows


def named(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def names_in(name: str, *header: str) -> list[str]:
    """Return what stands in backticks in the first column of a table."""
    return [each for row in table(name, *header) for each in named(row[0])]


def paragraph(name: str, begins: str) -> str:
    """Return the one paragraph of a README that begins so."""
    (found,) = (each for each in prose(name).split("\n\n") if each.strip().startswith(begins))
    return " ".join(found.split())


def anchors(name: str) -> set[str]:
    """Return the addresses of a README's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(name), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", each.lower()) for each in headings)
    return {each.replace(" ", "-") for each in plain}
