"""What spreadsheets and copying do to passwords: it is said, and the password is left as it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5

from .rows import Record, RowWarning
from .secret import Secret
from .sentences import Sentence, sentence, warning_key

_CURLY = frozenset("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033")
_SCIENTIFIC = re.compile(r"[0-9][.,]?[0-9]*E\+?[0-9]{1,3}", re.IGNORECASE)
#: Spreadsheets keep 15 digits of a number and write zeros for the others.
_CUT_NUMBER = re.compile(r"[1-9][0-9]{14}0+")
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mrz|Mai|Okt|Dez)"
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[ T]00:00(?::00)?)?"
    r"|[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{2}){1,2}"
    rf"|[0-9]{{1,2}}[-. ]{{1,2}}{_MONTH}|{_MONTH}[- ][0-9]{{2}}"
)
_FORMULA = re.compile(r'="[^"]*"')
#: In an .xls workbook, a formula whose result is a text is read as 0.
_LOST = re.compile(
    r"0|#(?:NAME\?|REF!|VALUE!|N/A|DIV/0!|NUM!|NULL!|#+"
    # in other languages: #WERT!, #NOM?, #N/D
    r"|[A-Z\u00c0-\u00dc0/]{2,12}[!?]|NV|N/[A-Z])|Err:[0-9]{3}"
)
#: UTF-8 that was read as Windows-1252 or Latin-1, or U+FFFD in place of an unreadable letter.
_GARBLED = re.compile("[\u00c2\u00c3\u00c4\u00c5][\u0080-\u00bf\u2018-\u203a\u20ac]|\ufffd")
#: Characters as HTML writes them.
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z0-9]{2,31});")
#: What a spreadsheet would compute, behind the apostrophe that keeps it from that.
_GUARD = re.compile(r"'[-=+@0-9\t\r](?:.*[^'])?", re.DOTALL)
_QUOTED = re.compile(r"""(["'`\u00b4]).+\1|\u00ab.+\u00bb|\u00bb.+\u00ab""", re.DOTALL)
#: An app password as Google shows it.
_APP_PASSWORD = re.compile(r"[a-z]{4}(?:[ \u00a0][a-z]{4}){3}\s*")
_NUMBER = re.compile(r"[1-9][0-9]+")


def has_entity(text: str) -> bool:
    """Tell whether a text has a character as HTML writes it (https://html.spec.whatwg.org/)."""
    names = (each[1] for each in _ENTITY.finditer(text))
    return any(each[0] == "#" or f"{each};" in html5 for each in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pitfall:
    code: str
    found: Callable[[str], object]
    #: Whether to warn before the login is tested; if not, only a refused login's hint says it.
    warned: bool = True


_PITFALLS = (
    _Pitfall(
        code="password_spaces",
        found=lambda text: text != text.strip(),
    ),
    _Pitfall(
        code="password_invisible",
        found=lambda text: not text.isascii() and any(map(_invisible, text.strip())),
    ),
    _Pitfall(
        code="password_quotes",
        found=lambda text: not _CURLY.isdisjoint(text) or _QUOTED.fullmatch(text),
    ),
    _Pitfall(
        code="password_number",
        found=lambda text: _SCIENTIFIC.fullmatch(text) or _CUT_NUMBER.fullmatch(text),
    ),
    _Pitfall(
        code="password_date",
        found=_DATE.fullmatch,
    ),
    _Pitfall(
        code="password_lost",
        found=_LOST.fullmatch,
    ),
    _Pitfall(
        code="password_formula",
        found=_FORMULA.fullmatch,
    ),
    _Pitfall(
        code="password_garbled",
        found=_GARBLED.search,
    ),
    _Pitfall(
        code="html_entities",
        found=has_entity,
    ),
    _Pitfall(
        code="formula_guard",
        found=_GUARD.fullmatch,
    ),
    _Pitfall(
        code="app_password_spaces",
        found=_APP_PASSWORD.fullmatch,
        warned=False,
    ),
    _Pitfall(
        code="password_not_ascii",
        found=lambda text: not text.isascii() and not any(map(_invisible, text)),
        warned=False,
    ),
    _Pitfall(
        code="password_digits",
        found=_NUMBER.fullmatch,
        warned=False,
    ),
)


def pitfall_warnings(record: Record) -> Iterator[RowWarning]:
    """Return warnings of what may have happened to the passwords of a record."""
    for column, secret in record.secrets.items():
        for each in _pitfalls(secret):
            if each.warned:
                yield RowWarning(row=record.row, column=column, code=each.code)


def password_remarks(password: Secret) -> tuple[Sentence, ...]:
    """Return what may be wrong with a refused password, as far as it shows."""
    return tuple(
        sentence(warning_key(each.code) if each.warned else each.code, {"column": "password"})
        for each in _pitfalls(password)
    )


def _pitfalls(secret: Secret) -> Iterator[_Pitfall]:
    text = secret.reveal()
    return (each for each in _PITFALLS if text and each.found(text))


def _invisible(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or (
        character != " " and unicodedata.category(character) == "Zs"
    )
