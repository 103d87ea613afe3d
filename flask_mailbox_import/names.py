"""What people call our columns: a table (names.ini) and how it is looked up; judges no file."""

from __future__ import annotations

import configparser
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .records import Protocol

REQUIRED = ("email", "password", "smtphost", "imaphost")
OPTIONAL = (
    *("smtpport", "imapport", "smtpsecure", "imapsecure", "displayname"),
    *("smtpusername", "smtppassword", "imapusername", "imappassword"),
)
COLUMNS = REQUIRED + OPTIONAL
SECRET_COLUMNS = frozenset({"password", "smtppassword", "imappassword"})

#: A longer name is none of ours, and is not repeated whole.
MAX_NAME = 128

#: Words of a name, and names between "/" or "or", beyond which it is a sentence.
_MAX_WORDS, _MAX_ALTERNATIVES = 16, 4

#: Words of a name: camelCase and CAPITALS are such as well.
_WORD = re.compile(r"[^\W\d_a-z]+(?![a-z])|[^\W\d_]?[^\W\d_A-Z]+|\d+")
_ALTERNATIVES = re.compile(r"/|\bor\b|\boder\b|\bou\b", re.IGNORECASE)
#: What is said in brackets and changes nothing; "(hashed)" or "(old)" would. No two parts that
#: follow one another take the same characters: that would cost the square of the length.
_REMARK = re.compile(
    r"[(\[](?:[^\w()\[\]@]*(?:(?:required|optional|mandatory|pflichtfeld|obligatoire|obligatorio"
    r"|true/false|yes/no|ja/nein|[0-9](?:[0-9 ,/or]*[0-9])?)[^\w()\[\]]*"
    r"|(?:e\.?g|z\.?b|ex)\b[^()\[\]]*)|\s*[^()\[\]\s@]*@[^()\[\]\s]*\s*)[)\]]",
    re.IGNORECASE,
)

_Found = tuple["str | None", tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The table of names, from names.ini."""

    #: Longest first: one may hold another.
    protocols: tuple[tuple[str, Protocol], ...]
    fillers: frozenset[str]
    of_protocol: Mapping[str, str]
    of_mailbox: Mapping[str, str]
    #: What a column is where no other is that, in order.
    alone: Mapping[str, tuple[str, ...]]
    #: What is written of how a connection is secured.
    security: Mapping[str, str]

    def of(self, cell: str) -> _Found:
        """Return the column that a header cell names, and what it may be where it names none."""
        if len(cell) > MAX_NAME:
            return None, ()
        without = without_remark(cell)
        for each in (cell, without) if without != cell else (cell,):
            found = self._of([plain(each)])
            words = _WORD.findall(each)
            if not any(found) and len(words) <= _MAX_WORDS:
                found = self._of_words([plain(word) for word in words])
            # "SMTP" alone is the host, but "SMTP (yes/no)" is not.
            if any(found) and (each is cell or not self._is_protocol(plain(each))):
                return found
        several = _ALTERNATIVES.split(cell)
        if not 1 < len(several) <= _MAX_ALTERNATIVES:
            return None, ()
        same = {self._of([plain(each)]) for each in several}
        return same.pop() if len(same) == 1 else (None, ())

    def _is_protocol(self, name: str) -> bool:
        return any(name == word for word, _ in self.protocols)

    def _of_words(self, words: Sequence[str]) -> _Found:
        rest = [word for word in words if word not in self.fillers]
        return (None, ()) if all(map(self._is_protocol, rest)) else self._of(rest)

    def _of(self, words: Sequence[str]) -> _Found:
        """Look up words that make one name."""
        found = self._of_name("".join(words), words)
        others = [word for word in words if self.of_protocol.get(word) != "host"]
        if any(found) or not 0 < len(others) < len(words):
            return found
        name, weak = self._of_name("".join(others), others)
        # Without a protocol it is of nobody knows which server: "Login URL", "Password server".
        return (None, ()) if name in self.of_mailbox.values() else (name, weak)

    def _of_name(self, whole: str, words: Sequence[str]) -> _Found:
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


def said_of_security(text: str) -> str:
    """Return what a cell says: ``yes no tls starttls none either``; "" where that is not known."""
    return NAMES.security.get(plain(without_remark(text)), "") if text else "either"


def without_remark(text: str) -> str:
    """Return a name without what is said in brackets and changes nothing, such as (required)."""
    return _REMARK.sub(" ", text) if len(text) <= MAX_NAME else text


def _read_names() -> Names:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(Path(__file__).with_name("names.ini").read_text("utf-8"))

    def table(section: str) -> list[tuple[str, str]]:
        return [
            (plain(each), key)
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


def plain(name: str) -> str:
    """Return a name in the form in which names are compared: its letters and digits alone."""
    # A byte-order mark that some program has read as Windows-1252 stays before the first name.
    name = name[: 2 * MAX_NAME].removeprefix("\u00ef\u00bb\u00bf")
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(filter(str.isalnum, decomposed))


NAMES = _read_names()
