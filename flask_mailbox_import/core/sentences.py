"""What is said of rows: each sentence by its key, so that a row keeps a key and values, no text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .codes import Code
from .explanations import EXPLANATIONS, VARIANTS
from .providers import SECTIONS, Provider
from .remarks import REMARKS, WARNINGS
from .words import Part, Words, foreign

_HINT, _WARNING = "hint", "warning"
#: Values that may be texts of ours, which the catalog has.
_OURS = frozenset({"advice", "kind", "character", "server"})
_NAME = re.compile(r"%\((\w+)\)s")


def hint_key(key: str) -> str:
    """Return the key of the hint that belongs to the sentence of a code or a variant."""
    return f"{key}.{_HINT}"


def provider_key(provider: Provider, code: Code) -> str:
    """Return the key of a provider's own hint for a code."""
    part = f"|{provider.part}" if provider.part else ""
    return f"{provider.name}{part}.{code.value}"


def warning_key(code: str) -> str:
    """Return the key of the sentence of a warning's code."""
    return f"{_WARNING}.{code}"


def _by_key() -> Mapping[str, tuple[str, str]]:
    """Return the template, and the one for many, of each key."""
    found: dict[str, str | tuple[str, str]] = dict(REMARKS.items())
    explained = {code.value: words for code, words in EXPLANATIONS.items()}
    explained |= {variant.value: (error, hint) for variant, (_, error, hint) in VARIANTS.items()}
    for key, (error, hint) in explained.items():
        found |= {key: error, hint_key(key): hint}
    for provider in SECTIONS:
        found |= {provider_key(provider, code): hint for code, hint in provider.hints.items()}
    found |= {warning_key(code): words for code, words in WARNINGS.items()}
    return MappingProxyType(
        {key: each if isinstance(each, tuple) else (each, "") for key, each in found.items()}
    )


_TEMPLATES = _by_key()
_PROVIDERS = {
    provider_key(provider, code): provider.name for provider in SECTIONS for code in provider.hints
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said of a row, by its key, with its values: numbers, and words of the row."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict, hash=False)

    @property
    def words(self) -> Words:
        """The text in English, which can be said in another language."""
        template, plural = _TEMPLATES[self.key]
        values = {
            name: foreign(str(value)) if name in _OURS else value
            for name, value in self.values.items()
        }
        return Words([Part(template, plural, values)])

    @property
    def provider(self) -> str:
        """The name of the provider whose own hint this is; "" where it is a general one."""
        return _PROVIDERS.get(self.key, "")

    def is_hint_for(self, code: Code) -> bool:
        """Tell whether this is a provider's own hint for a code."""
        return bool(self.provider) and self.key.endswith(f".{code.value}")


def sentence(key: str, values: Mapping[str, str | int] | None = None) -> Sentence:
    """Return the sentence of a key, with those of the values that it names.

    :raises KeyError: there is none of that key, or it names a value that is not there.
    """
    return Sentence(key, {name: (values or {})[name] for name in _names(key)})


def is_warning(code: str, values: Mapping[str, str | int]) -> bool:
    """Tell whether there is a sentence for a warning's code, and all values that it names."""
    key = warning_key(code)
    return key in _TEMPLATES and {*values, "column"}.issuperset(_names(key))


def _names(key: str) -> list[str]:
    """Return the names of the values of a sentence."""
    template, plural = _TEMPLATES[key]
    return sorted({*_NAME.findall(template + plural), *(("count",) if plural else ())})
