"""Finds the known server of whose name another name is one typing error away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: In shorter words an error cannot be told from another name: "aon" and "aol", "us" and "uk".
_FEWEST = 5
#: First words of servers: one of these is no error in another of them.
_USUAL = frozenset({"smtp", "smtps", "imap", "imaps", "mail", "email", "mx", "my", "pop", "out"})
_OFTEN_WRONG = frozenset({"smtp", "imap"})


class Likeness:
    """Names to be compared with: one letter too many, too few, wrong, or two in wrong order."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._shorter: dict[str, list[str]] = {}
        for name in sorted(self._names):
            for each in _without_one(name):
                self._shorter.setdefault(each, []).append(name)

    def of(self, name: str) -> str:
        """Return the name that was probably meant; "" where there is none, or it is one of them."""
        if name in self._names:
            return ""
        for each in _without_one(name):
            for known in self._shorter.get(each, ()):
                if _is_one_error(name, known):
                    return known
        return ""


def _without_one(name: str) -> Iterator[str]:
    """Yield a name, and all names that it is without one of its characters."""
    yield name
    for place in range(len(name)):
        yield name[:place] + name[place + 1 :]


def _is_one_error(name: str, known: str) -> bool:
    start = _same(name, known)
    end = _same(name[start:][::-1], known[start:][::-1])
    left, right = name[start : len(name) - end], known[start : len(known) - end]
    is_swap = len(left) == 2 and left == right[::-1]
    if not (max(len(left), len(right)) == 1 or is_swap):
        return False
    # "smtp1" and "smtp2" are two servers.
    if any(map(str.isdigit, left + right)) and not is_swap:
        return False
    return _is_in_a_long_word(known, start, is_other=bool(left and right) and not is_swap, by=name)


def _is_in_a_long_word(known: str, place: int, *, is_other: bool, by: str) -> bool:
    """Tell whether an error at a place of a known name is one in a word that is long enough.

    :param is_other: one letter stands for another.
    :param by: the name with the error.
    """
    if known[place : place + 1] != ".":
        number = known.count(".", 0, place)
        labels = known.split(".")
        if number == 0:
            return labels[0] in _OFTEN_WRONG and by.partition(".")[0] not in _USUAL
        if number == len(labels) - 1:
            # A country may be another one: "posteo.de", "posteo.be"; ".co" for ".com" is an error.
            return not is_other and len(labels[-2]) >= _FEWEST
    start = max(known.rfind(each, 0, place) for each in ".-") + 1
    ends = [at for each in ".-" if (at := known.find(each, place)) >= 0]
    return min(ends, default=len(known)) - start >= _FEWEST


def _same(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def server_of_own_domain(host: str, domain: str) -> str:
    """Return the server that was meant where its domain is one error away from the address's own.

    It is "" where it is not. ``smtp.exmaple.com`` of ``ann@example.com`` is ``smtp.example.com``.
    """
    labels = host.split(".")
    first = len(labels) - domain.count(".") - 1
    if not domain or first < 0:
        return ""
    # The first word of a name is compared in another way: a domain is none.
    meant = Likeness([f"a.{domain}"]).of(f"a.{'.'.join(labels[first:])}")
    return ".".join([*labels[:first], meant.removeprefix("a.")]) if meant else ""
