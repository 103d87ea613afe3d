"""Why a row is no mailbox: its code, and the keys of what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .codes import Code
from .explanations import VARIANTS, Variant
from .sentences import Sentence, hint_key, sentence
from .words import Words, together


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a row did not become a mailbox: a code, a sentence for a person, and the next steps."""

    code: Code
    what: Sentence
    steps: tuple[Sentence, ...]
    #: What the server answered, cleaned: its numbers and, from the login on, its words.
    reply: str = ""

    @property
    def error(self) -> Words:
        """The sentence."""
        return self.what.words

    @property
    def hint(self) -> Words:
        """What to do about it."""
        return together(*(each.words for each in self.steps))

    @property
    def text(self) -> Words:
        """The sentence and the hint, on one line."""
        return together(self.error, self.hint)

    def with_first(self, *more: Sentence) -> Failure:
        """Return it with steps before its own."""
        return replace(self, steps=more + self.steps)

    def with_last(self, *more: Sentence) -> Failure:
        """Return it with steps behind its own, but before one that ends with a link."""
        *others, last = self.steps
        is_link = not last.words.endswith(".")
        steps = (*others, *more, last) if is_link else (*self.steps, *more)
        return replace(self, steps=steps)


def failure_for(code: Code, **values: str | int) -> Failure:
    """Return the failure of a code, with its own sentence and hint.

    :param values: those that they name.
    """
    return _failure(code, code.value, values)


def failure_of(variant: Variant, **values: str | int) -> Failure:
    """Return the failure of a cause that has its own sentence and hint.

    :param values: those that they name.
    """
    return _failure(VARIANTS[variant][0], variant.value, values)


def _failure(code: Code, key: str, values: dict[str, str | int]) -> Failure:
    what, step = sentence(key, values), sentence(hint_key(key), values)
    return Failure(code=code, what=what, steps=(step,))
