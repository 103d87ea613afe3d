"""Files for property tests: written in any dialect, or broken in any way."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from hypothesis import assume
from hypothesis import strategies as st

from flask_mailbox_import.core.rows import SECRET_COLUMNS
from flask_mailbox_import.reading.passwords import placeholder_of
from flask_mailbox_import.reading.template import template

ENDS = ("\n", "\r\n", "\r")
DELIMITERS = (",", ";", "\t", "|")
#: Only where a line says so.
SEPARATORS = ("^", ":", "~", " ", "#", "'", "\\", "@", ".", "-", "\x01", "\x1f")
#: As Python's codecs are called; the third and fourth have no byte-order mark.
UNICODE = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-16", "utf-32")
QUOTING = (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
WORDS = {
    "email": ("e", "mail"),
    "password": ("pass", "word"),
    "smtphost": ("smtp", "host"),
    "imaphost": ("imap", "host"),
    "smtppassword": ("smtp", "password"),
    "imappassword": ("imap", "password"),
    "smtpusername": ("smtp", "user", "name"),
    "displayname": ("display", "name"),
}
REQUIRED = ("email", "password", "smtphost", "imaphost")
#: Beside any character: those that a reader may stumble over, and what spreadsheets make.
PIECES = (
    *('"', '""', "'", ",", ";", "\t", "|", " ", "  ", "\r", "\n", "\r\n", "\\", "=", "+", "-", "@"),
    *("\x01", "\x0b", "\x0c", "\x1a", "\x1c", "\x1d", "\x1e", "\x7f", "\x85", "\u2028", "\u2029"),
    *("\xa0", "\u200b", "\ufeff", "\xad", "\u201c", "\u2019", "\x1f", "ä", "ß", "é", "e\u0301"),
    *("пароль", "密码", "\U0001d11e", "1.23457E+11", "007", "sep=;", "email", "pw", "-", "n/a"),
)
INVISIBLE = ("\u200b", "\u200c", "\u2060", "\ufeff", "\xad", "\u200e", "\xa0")

_DIALECTS = [(each, said) for each in DELIMITERS for said in (False, False, True)]
_DIALECTS += [(each, True) for each in SEPARATORS]


@dataclass(frozen=True)
class Written:
    """A file as a csv writer wrote it, and what a reader must find in it."""

    text: str
    #: The numbers that a spreadsheet shows.
    numbers: list[int]
    #: Of each row, by column.
    secrets: list[dict[str, str]]
    emails: list[str]

    def ready(self, at: int) -> bool:
        found = self.secrets[at]
        texts = [each for each in found.values() if each]
        return bool(found.get("smtppassword") or found["password"]) and all(
            len(each) <= 1024 and not any(map(refused, each)) for each in texts
        )


def refused(character: str) -> bool:
    """Tell whether a row with this character in a password fails; its value is exact even then."""
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


@cache
def passwords(codec: str = "utf-8") -> st.SearchStrategy[str]:
    """Return any text that a CSV can hold in an encoding.

    A NUL cannot be in it: the csv module of Python 3.10 breaks off there, and so the reader puts
    another control character in its place (the row fails with either).
    """
    if codec in UNICODE or codec in ("utf_8", "utf_16_le", "gb18030"):
        characters = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
        return (
            st.lists(st.sampled_from(PIECES) | st.text(characters, max_size=12), max_size=5)
            .map("".join)
            .filter(_is_password)
        )
    single = [bytes([first]) for first in range(1, 256)]
    double = [bytes([first, second]) for first in range(128, 256) for second in range(64, 256)]
    texts = {each.decode(codec, "ignore") for each in (*single, *double)} | set(PIECES)
    held = st.sampled_from(sorted(each for each in texts if each and _holds(codec, each)))
    return st.lists(held, max_size=12).map("".join).filter(_is_password)


def _is_password(text: str) -> bool:
    return not placeholder_of(text)


def _holds(codec: str, text: str) -> bool:
    try:
        # Some codecs write what they read in another way (a yen sign is a backslash in cp932).
        return text.encode(codec).decode(codec) == text
    except UnicodeError:
        return False


@cache
def spellings(column: str, *, ascii_only: bool = False) -> st.SearchStrategy[str]:
    """Return names of a column in any case, with spaces, dashes, invisible characters.

    A space before a name belongs to the delimiter where all names after the first have one, so it
    is not among these.
    """
    low, words = "".join(WORDS[column]), WORDS[column]
    camel = words[0] + "".join(each.title() for each in words[1:])
    found = [low, low.upper(), low.title(), camel]
    for between in (" ", "_", "-", "  ", ".", " - "):
        text = between.join(words)
        found += [text, text.upper(), text.title(), f"{text} "]
    if not ascii_only:
        for each in INVISIBLE:
            found += [each + camel, camel + each, each.join(words), each.join(low)]
    return st.sampled_from(found)


@st.composite
def written(draw: st.DrawFn, codec: str = "utf-8", *, end: str | None = None) -> Written:
    """Return a file in some dialect, its columns in any order, with blank rows here and there."""
    end = end or draw(st.sampled_from(ENDS))
    delimiter, said = draw(st.sampled_from(_DIALECTS))
    quoting = draw(st.sampled_from(QUOTING))
    optional = draw(st.sets(st.sampled_from(sorted(set(WORDS) - set(REQUIRED))), max_size=3))
    columns = draw(st.permutations([*REQUIRED, *sorted(optional), "note"]))
    header = [
        "note" if each == "note" else draw(spellings(each, ascii_only=codec not in UNICODE))
        for each in columns
    ]
    blank = st.lists(st.sampled_from(([], [""] * len(columns), ["", " "])), max_size=2)
    above = draw(blank)
    lines: list[list[str]] = [*above, header]
    result = Written(text="", numbers=[], secrets=[], emails=[])
    for number in range(draw(st.integers(1, 4))):
        lines += draw(blank)
        values = {each: draw(passwords(codec)) for each in columns if each in SECRET_COLUMNS}
        email = f"user{number}@example.com"
        texts = {"email": email, "smtphost": "smtp.example.com", "imaphost": "", **values}
        texts["note"] = draw(passwords(codec))
        lines.append([texts.get(each, f"{each}{number}") for each in columns])
        result.numbers.append(len(lines))
        result.secrets.append(values)
        result.emails.append(email)
    # A delimiter within a name of the header hides whether all delimiters have a space.
    alone = delimiter != " " and not any(delimiter in each for each in header)
    if alone and draw(st.sampled_from((True, False, False))):
        text = _spaced(lines, delimiter, end)
    else:
        _assume_writable(lines, quoting, end)
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(lines)
        text = out.getvalue()
    above_all = f"sep={delimiter}{end}" if said else ""
    return Written(above_all + text, result.numbers, result.secrets, result.emails)


def _spaced(lines: list[list[str]], delimiter: str, end: str) -> str:
    """Write as people do: with a space after each delimiter, quotes where there must be."""
    assume(end != "\r" or "\n" not in "".join(map("".join, lines)))
    plain = re.compile(r"[\w@]+(?:[^\"\r\n]*\w)?", re.ASCII)

    def cell(text: str) -> str:
        bare = plain.fullmatch(text) and delimiter not in text
        return text if bare else '"' + text.replace('"', '""') + '"'

    return "".join(f"{delimiter} ".join(map(cell, cells)) + end for cells in lines)


def _assume_writable(lines: list[list[str]], quoting: int, end: str) -> None:
    """Leave out what the writer or the format cannot say."""
    cells = "".join("".join(each) for each in lines)
    # A file whose lines end with CR has no LF.
    assume(end != "\r" or "\n" not in cells)
    # Python's writer before 3.13 leaves a CR or LF that does not end its lines without quotes.
    assume(quoting != csv.QUOTE_MINIMAL or end == "\r\n" or not {"\r", "\n"} & set(cells))


def samples() -> list[bytes]:
    """Return whole files of many kinds, of which broken ones are made."""
    head = "email,password,smtphost,imaphost,displayname,smtpport,smtpsecure\n"
    text = head + 'a@x.com,"CANARY ""é,",smtp.x.com,imap.x.com,Jörg Müller,587,true\n\n'
    text += "b@x.com,CANARY2é,smtp.x.com,-,Zoë,465.0,ssl\n"
    tabs = text.replace(",", "\t")
    return [
        *(text.encode(codec) for codec in (*UNICODE, "cp1252", "mac_roman", "cp850")),
        *(tabs.encode(codec) for codec in ("utf-16", "utf-16-be", "cp1252")),
        text.replace("\n", "\r").encode(),
        ("sep=;\r\n" + text.replace(",", ";").replace("\n", "\r\n")).encode("utf-8-sig"),
        head.encode() + "a@x.com,パスワード,smtp.x.com,,山田太郎\n".encode("cp932"),
        head.encode() + "a@x.com,пароль,smtp.x.com,,Иван\n".encode("cp1251"),
        template(),
    ]


TOKENS = (
    *(b'"', b'""', b",", b";", b"\t", b"|", b"\r", b"\n", b"\r\n", b"\0", b" ", b"\xa0", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00", b"\xc3", b"\x80", b"\xad", b"\x1b"),
    *(b"email", b"password", b"smtp host", b"imaphost", b"a@x.com", b"sep=", b"sep=,\n", b"@"),
    *(b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF", b"<html", b'{"', b"\x85"),
    *("é".encode(), "é".encode("utf-16-le"), b"\xe9", b"(", b"/", b" or ", b"-", b"587.0"),
)


@st.composite
def broken(draw: st.DrawFn, whole: list[bytes], *, keep: int = 0) -> bytes:
    """Return a file with pieces cut out, doubled, changed and put in, after the first bytes."""
    data = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(1, 5))):
        begin = draw(st.integers(min(keep, len(data)), len(data)))
        length = draw(st.sampled_from((0, 0, 1, 2, 5, 30, 1000)))
        piece = data[begin : begin + length]
        new = draw(st.sampled_from((b"", piece * 2, piece * 50)) | st.sampled_from(TOKENS))
        data = data[:begin] + (new or draw(st.binary(max_size=3))) + data[begin + length :]
    return data


def tokens() -> st.SearchStrategy[bytes]:
    """Return a file of the pieces that files are made of, in any order."""
    return st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)
