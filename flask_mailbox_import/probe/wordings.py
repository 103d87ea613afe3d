"""What servers write in their replies -> the code of the cause; the rules are in wordings.txt."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from ..codes import Code
from ..records import Stage

_STAGES = {
    "any": frozenset({Stage.GREETING, Stage.EHLO, Stage.TLS, Stage.AUTH, Stage.SELECT}),
    "before": frozenset({Stage.GREETING, Stage.EHLO, Stage.TLS}),
    "first": frozenset({Stage.GREETING, Stage.EHLO}),
    "ehlo": frozenset({Stage.EHLO}),
    "asked": frozenset({Stage.EHLO, Stage.AUTH, Stage.SELECT}),
    "login": frozenset({Stage.AUTH, Stage.SELECT}),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """One rule: these words, at these stages, mean this cause."""

    code: Code
    stages: frozenset[Stage]
    said_by: str
    words: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The words as a pattern."""
        return _compiled(self.words)


@functools.cache
def _compiled(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


def prepare() -> None:
    """Compile all patterns: some 20 ms, so neither when the app starts nor in the hub."""
    for rules in _TABLES.values():
        for each in rules:
            _compiled(each.words)


def _read() -> dict[str, tuple[Wording, ...]]:
    tables: dict[str, list[Wording]] = {}
    table: list[Wording] = []
    lines = Path(__file__).with_name("wordings.txt").read_text("utf-8").splitlines()
    for line in lines:
        if line.startswith("["):
            table = tables.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            code, stages, said_by, pattern = re.split(r" {2,}", line, maxsplit=3)
            table.append(Wording(Code(code), _STAGES[stages], said_by, pattern))
    return {name: tuple(rules) for name, rules in tables.items()}


_TABLES = _read()
DECISIVE = _TABLES["decisive"]
LATER = _TABLES["later"]
EXPLICIT = _TABLES["explicit"]
REFUSED = _TABLES["refused"]


def code_of_words(words: str, stage: Stage, rules: tuple[Wording, ...] = DECISIVE) -> Code | None:
    """Return the code of the first wording that a reply holds; None where its numbers decide."""
    return next(
        (each.code for each in rules if stage in each.stages and each.pattern.search(words)), None
    )
