"""Failed rows, grouped by their cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .failures import Failure
from .rows import RowResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The cause that some failed rows have in common."""

    failure: Failure
    #: The provider whose own hint ``failure`` has; "" where it has the general hint.
    provider: str
    rows: tuple[int, ...]


def causes_of(results: Iterable[RowResult]) -> list[Cause]:
    """Return the causes of failed rows; the cause with the most rows comes first."""
    rows: dict[tuple[str, str], list[int]] = {}
    failures: dict[tuple[str, str], Failure] = {}
    for each in results:
        if each.failure is not None:
            key = (each.failure.error, each.failure.hint)
            rows.setdefault(key, []).append(each.row)
            failures.setdefault(key, each.failure)
    causes = [
        Cause(failure=failure, provider=_provider(failure), rows=tuple(rows[key]))
        for key, failure in failures.items()
    ]
    return sorted(causes, key=lambda each: -len(each.rows))


def _provider(failure: Failure) -> str:
    """Return the name of the provider whose hint for its code a failure has."""
    return next((each.provider for each in failure.steps if each.is_hint_for(failure.code)), "")
