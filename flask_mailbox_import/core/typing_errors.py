"""Finds the known name of which another name is one typing error away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Likeness:
    """Names to be compared with: one letter too many, too few, wrong, or two in wrong order."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._shortened: dict[str, list[str]] = {}
        for name in sorted(self._names):
            for each in _shortened(name):
                self._shortened.setdefault(each, []).append(name)

    def of(self, name: str) -> str:
        """Return the name that was probably meant; "" where there is none, or it is one of them."""
        if name in self._names:
            return ""
        for each in _shortened(name):
            for known in self._shortened.get(each, ()):
                if _is_one_error(name, known):
                    return known
        return ""


def _shortened(name: str) -> Iterator[str]:
    """Yield a name, and all names that it is without one of its characters."""
    yield name
    for place in range(len(name)):
        yield name[:place] + name[place + 1 :]


def _is_one_error(name: str, known: str) -> bool:
    start = _same(name, known)
    end = _same(name[start:][::-1], known[start:][::-1])
    left, right = name[start : len(name) - end], known[start : len(known) - end]
    # "smtp1" and "smtp2" are two servers.
    if any(map(str.isdigit, left + right)):
        return False
    return max(len(left), len(right)) == 1 or (len(left) == 2 and left == right[::-1])


def _same(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
