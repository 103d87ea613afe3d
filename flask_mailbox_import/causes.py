"""Failed rows by their cause: what there is to do once for many; knows no page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .providers import PROVIDERS
from .records import Reason
from .results import RowResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What went wrong with some rows, in one sentence for all."""

    reason: Reason
    #: The provider whose mailboxes they are, "" where that is not known or not one.
    provider: str
    rows: tuple[int, ...]


def causes_of(results: Iterable[RowResult]) -> list[Cause]:
    """Return the causes of failed rows, those of most rows first."""
    groups: dict[tuple[str, str], list[RowResult]] = {}
    for each in results:
        groups.setdefault((each.reason.error, each.reason.hint), []).append(each)
    causes = [
        Cause(
            reason=group[0].reason,
            provider=_provider(group[0].reason),
            rows=tuple(each.row for each in group),
        )
        for group in groups.values()
    ]
    return sorted(causes, key=lambda each: -len(each.rows))


def _provider(reason: Reason) -> str:
    """Return whose own next step a hint is."""
    for provider in PROVIDERS:
        hint = provider.hints.get(reason.code)
        if hint and hint in reason.hint:
            return provider.name
    return ""
