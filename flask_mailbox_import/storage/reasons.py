"""Keeps why rows failed, and warnings, as codes, keys and values: they are put into words later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.codes import Code
from ..core.failures import Failure, failure_for
from ..core.rows import RowWarning
from ..core.sentences import Sentence, hint_key, is_warning, sentence

#: A sentence as JSON: its key and its values.
_Pair = tuple[str, Mapping[str, str | int]]


def said_json(**failures: Failure | None) -> dict[str, Any] | None:
    """Return what is said of failures, by the given names, as JSON.

    What a code says by itself is left out; None where nothing is left.
    """
    found = {
        name: {"what": _pair(each.what), "steps": [_pair(step) for step in each.steps]}
        for name, each in failures.items()
        if each is not None and not _is_plain(each)
    }
    return found or None


def failure_from(
    code: str | None, said: Mapping[str, Any] | None, name: str, reply: str | None = None
) -> Failure | None:
    """Return a failure from its columns; None where there is no code.

    :param name: by which it stands in ``said``.
    """
    if code is None:
        return None
    known, kept = Code(code), (said or {}).get(name)
    pairs = [kept["what"], *kept["steps"]] if kept else map(_pair, _plain(known))
    what, *steps = _sentences(pairs, known)
    return Failure(code=known, what=what, steps=tuple(steps), reply=reply or "")


def warnings_json(warnings: Iterable[RowWarning]) -> list[dict[str, Any]]:
    """Return warnings as JSON."""
    return [
        {
            "row": each.row,
            "column": each.column,
            "code": each.code,
            "values": dict(each.values),
        }
        for each in warnings
    ]


def warnings_from(kept: Iterable[Mapping[str, Any]] | None) -> tuple[RowWarning, ...]:
    """Return warnings from JSON, without those that this version has no words for."""
    found = (
        RowWarning(
            row=each["row"],
            column=each["column"],
            code=each["code"],
            values=each.get("values", {}),
        )
        for each in kept or ()
    )
    return tuple(each for each in found if is_warning(each.code, each.values))


def _is_plain(failure: Failure) -> bool:
    return [failure.what, *failure.steps] == _plain(failure.code)


def _plain(code: Code) -> list[Sentence]:
    """Return a code's own sentence and hint, without values."""
    return [Sentence(code.value), Sentence(hint_key(code.value))]


def _pair(said: Sentence) -> _Pair:
    return said.key, dict(said.values)


def _sentences(pairs: Iterable[_Pair], code: Code) -> list[Sentence]:
    """Return the sentences of keys and values.

    A row may be of another version of this package, whose sentence this one does not have.
    """
    try:
        return [sentence(key, values) for key, values in pairs]
    except KeyError:
        pass
    try:
        plain = failure_for(code)
    except KeyError:
        return [sentence("of_another_version"), sentence("read_anew")]
    return [plain.what, *plain.steps]
