"""What people call our columns: looks a name up in the table of header_names.ini."""

from __future__ import annotations

import configparser
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.mailboxes import Protocol
from ..core.rows import COLUMNS

#: Characters. A longer name is never one of ours, and is shown cut.
MAX_NAME = 128

#: A header cell with more words, or with more names between "/" or "or", is a sentence, not a name.
_MAX_WORDS, _MAX_ALTERNATIVES = 16, 4

#: The words of a name; in camelCase a capital begins a word.
_WORD = re.compile(r"[^\W\d_a-z]+(?![a-z])|[^\W\d_]?[^\W\d_A-Z]+|\d+")
_ALTERNATIVES = re.compile(r"/|\bor\b|\boder\b|\bou\b", re.IGNORECASE)
#: A remark in brackets that does not change what a column is, unlike "(hashed)" or "(old)". No two
#: neighbouring parts match the same characters; otherwise matching would take quadratic time.
_REMARK = re.compile(
    r"[(\[](?:[^\w()\[\]@]*(?:(?:required|optional|mandatory|pflichtfeld|obligatoire|obligatorio"
    r"|true/false|yes/no|ja/nein|[0-9](?:[0-9 ,/or]*[0-9])?)[^\w()\[\]]*"
    r"|(?:e\.?g|z\.?b|ex)\b[^()\[\]]*)|\s*[^()\[\]\s@]*@[^()\[\]\s]*\s*)[)\]]",
    re.IGNORECASE,
)

#: "1. Email", "(2) Password", "#3 Host", "A) Email", "Col4: Host"
_NUMBERING = re.compile(
    r"^\s*(?:[(\[]?[0-9]{1,3}\s*[.)\]:\u00b0_-]|[#\u2116]\s?[0-9]{1,3}[.):]?(?!\d)|[\u2460-\u2473]"
    r"|[A-Za-z][.)](?=\s)|col(?:umn)?\s?[0-9]{1,3}\s*[:.)-])\s*",
    re.IGNORECASE,
)

#: The column that a name surely means, and else those that it may mean.
Found = tuple["str | None", tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The table of column names, from header_names.ini."""

    #: The longest first, because one may contain another.
    protocols: tuple[tuple[str, Protocol], ...]
    fillers: frozenset[str]
    of_protocol: Mapping[str, str]
    of_mailbox: Mapping[str, str]
    #: For a vague name, the columns that it may mean. It means the first that no other name takes.
    alone: Mapping[str, tuple[str, ...]]
    #: The words for how a connection is encrypted.
    security: Mapping[str, str]

    def of(self, cell: str) -> Found:
        """Return the column that a header cell names, or else the columns that it may be."""
        if len(cell) > MAX_NAME:
            return None, ()
        cell = without_number(cell)
        without = without_remark(cell)
        for each in (cell, without) if without != cell else (cell,):
            found = self._of([folded(each)])
            words = words_of(each)
            if not any(found) and words:
                found = self._of_words(words)
            # "SMTP" alone is the host; "SMTP (yes/no)" is not.
            if any(found) and (each is cell or not self._is_protocol(folded(each))):
                return found
        same = {self._of([folded(each)]) for each in alternatives_of(cell)}
        return same.pop() if len(same) == 1 else (None, ())

    def _is_protocol(self, name: str) -> bool:
        return any(name == word for word, _ in self.protocols)

    def _of_words(self, words: Sequence[str]) -> Found:
        rest = [word for word in words if word not in self.fillers]
        return (None, ()) if all(map(self._is_protocol, rest)) else self._of(rest)

    def _of(self, words: Sequence[str]) -> Found:
        """Look up a name that consists of these words."""
        found = self._of_name("".join(words), words)
        others = [word for word in words if self.of_protocol.get(word) != "host"]
        if any(found) or not 0 < len(others) < len(words):
            return found
        name, weak = self._of_name("".join(others), others)
        # Without a protocol the server is not known: "Login URL", "Password server".
        return (None, ()) if name in self.of_mailbox.values() else (name, weak)

    def _of_name(self, whole: str, words: Sequence[str]) -> Found:
        if whole in self.of_mailbox:
            return self.of_mailbox[whole], ()
        protocols, rest = set(), []
        named = [pair for pair in self.protocols if pair[0] in whole]
        for word in words:
            for known, protocol in named:
                if known in word:
                    protocols.add(protocol)
                    word = word.replace(known, "", 1)
            rest.append(word)
        name = "".join(rest)
        kind = self.of_protocol.get(name)
        if not protocols:
            return self.of_mailbox.get(name), self.alone.get(name, ())
        if len(protocols) > 1:
            return (kind if kind in ("username", "password") else None), ()
        side = protocols.pop().value
        return (f"{side}{kind}" if kind else None), self.alone.get(side + name, ())


def words_of(text: str) -> list[str]:
    """Return the words of a name, as `folded` has them; none of a sentence."""
    words = _WORD.findall(text)
    return [folded(each) for each in words] if len(words) <= _MAX_WORDS else []


def alternatives_of(text: str) -> list[str]:
    """Return the names in a cell that has several, with "/" or "or" between; else none."""
    several = _ALTERNATIVES.split(text)
    return several if 1 < len(several) <= _MAX_ALTERNATIVES else []


def without_number(text: str) -> str:
    """Return a name without a number or a letter that only counts it, such as "2." in front."""
    return _NUMBERING.sub("", text)


def without_remark(text: str) -> str:
    """Return a name without remarks in brackets that do not change it, such as (required)."""
    return _REMARK.sub(" ", text) if len(text) <= MAX_NAME else text


def _read_names() -> Names:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(Path(__file__).with_name("header_names.ini").read_text("utf-8"))

    def table(section: str) -> list[tuple[str, str]]:
        return [
            (folded(each), key)
            for key, value in parser[section].items()
            for each in value.split(",")
        ]

    alone: dict[str, tuple[str, ...]] = {}
    for name, key in table("where alone"):
        alone[name] = (*alone.get(name, ()), key)
    protocols = sorted(table("protocols"), key=lambda pair: len(pair[0]), reverse=True)
    return Names(
        protocols=tuple((word, Protocol(key)) for word, key in protocols),
        fillers=frozenset(word for word, _ in table("fillers")),
        of_protocol=dict(table("of a protocol")),
        of_mailbox=dict(table("of a mailbox")) | {each: each for each in COLUMNS},
        alone=alone,
        security=dict(table("security")),
    )


def folded(name: str) -> str:
    """Return a name as names are compared: only its letters and digits, in lower case."""
    # A byte-order mark that a program read as Windows-1252 may stand before the first name.
    name = name[: 2 * MAX_NAME].removeprefix("\u00ef\u00bb\u00bf")
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(filter(str.isalnum, decomposed))


NAMES = _read_names()
