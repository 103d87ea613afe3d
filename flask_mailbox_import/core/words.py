"""English texts that keep what they are made of, so that they can be said in another language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Part:
    """A template with ``%(names)s``, and the values of these names.

    A value that is ``Words`` is said in the same language as the template around it.
    """

    template: str
    #: The template for other counts than 1, by the value ``count``; "" where there is but one.
    plural: str = ""
    values: Mapping[str, object] = field(default_factory=dict, hash=False)

    def filled(self, template: str, said: Callable[[Words], str]) -> str:
        """Return a template of this part, or a translation of it, with the values."""
        values = {
            name: said(value) if isinstance(value, Words) else value
            for name, value in self.values.items()
        }
        return template % values if values else template


class Words(str):
    """A text for people, in English. It is a string that knows its ``parts``."""

    parts: tuple[Part, ...]

    def __new__(cls, parts: Iterable[Part] = ()) -> Words:
        """Make the text of its parts, with a space between."""
        kept = tuple(parts)
        made = super().__new__(cls, joined(_english(each) for each in kept))
        made.parts = kept
        return made

    def __getnewargs__(self) -> tuple[tuple[Part, ...]]:  # type: ignore[override]
        """Let ``copy`` and ``pickle`` make it of its parts, not of its text."""
        return (self.parts,)


def say(template: str, /, *, plural: str = "", **values: object) -> Words:
    """Return a text with its values.

    The template stands in the call itself, because the catalog for translators is read from there.
    """
    return Words([Part(template, plural, values)])


def foreign(text: str) -> Words:
    """Return a text that is not made by :func:`say`, such as a host's."""
    return Words([Part(text)])


def together(*texts: Words) -> Words:
    """Return several texts as one; empty ones are left out."""
    return Words(part for text in texts for part in text.parts)


def joined(texts: Iterable[str]) -> str:
    """Join sentences with spaces. Some of the contract's sentences have no stop: they get one."""
    *before, last = [each for each in texts if each.strip()] or [""]
    return " ".join([*map(_stopped, before), last])


def _stopped(text: str) -> str:
    is_link = "://" in text.split()[-1]
    return f"{text}." if text[-1].isalnum() and not is_link else text


def _english(part: Part) -> str:
    is_many = part.plural and part.values.get("count") != 1
    return part.filled(part.plural if is_many else part.template, str)
