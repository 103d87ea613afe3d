"""Files of any size that are as bad as can be thought of for whoever reads them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

HEADER = b"email,password,smtphost,imaphost,smtpport,smtpsecure\n"
ROW = b"a@x.com,pw,h.x.com,,587,\n"
WIDE = HEADER[:-1] + b"".join(b",c%d" % number for number in range(194)) + b"\n"
LEGACY = bytes(range(0x80, 0x100))
EVERY = bytes(range(0x100))
#: Two accents in the wrong order: whoever normalises a run of them sorts it.
ACCENTS = "\u0315\u0316".encode()
#: Characters of a cell at most, in pairs.
PAIRS = 65_000
TAILS = (b"", b"a@ x")

#: Head, what is repeated, tail.
REPEATED: dict[str, tuple[bytes, bytes, bytes]] = {
    "commas": (b"", b",", b""),
    "newlines": (b"", b"\n", b"x"),
    "carriage returns": (b"", b"\r", b"x"),
    "blank rows": (b"", b",\n", b"x"),
    "rows of a space": (b"", b" \n", b"x"),
    "a row of a": (b"", b"a\n", b""),
    "a row of ,a": (b"", b",a\n", b""),
    "a row of a below a header": (HEADER, b"a\n", b""),
    "a row of ,a below a header": (HEADER, b",a\n", b""),
    "a row of commas below a header": (HEADER, b",,,,,\n", b"x"),
    "quotes": (b"", b'"', b""),
    "quotes below a header": (HEADER, b'"', b""),
    "quoted nothing": (b"", b'"",', b""),
    "quoted nothing below a header": (HEADER, b'"",', b""),
    "rows of quoted nothing": (HEADER, b'""\n', b""),
    "a quote and a comma": (b"", b'",', b""),
    "an unclosed quote": (HEADER + b'a,"', b"a", b""),
    "an unclosed quote before rows": (HEADER + b'a,"', ROW, b""),
    "one long cell": (b"", b"a", b""),
    "one long cell below a header": (HEADER, b"a", b""),
    "columns with commas": (b"", b"cc,", b""),
    "columns with semicolons": (b"", b"cc;", b""),
    "columns with tabs": (b"", b"cc\t", b""),
    "columns with bars": (b"", b"cc|", b""),
    "columns with a delimiter that is said": (b"sep=:\n", b"cc:", b""),
    "columns with every delimiter": (b"", b"a,b;c|d\t", b""),
    "columns beyond ASCII": (b"", "\u044f\u044f,".encode(), b""),
    "commas behind sep=": (b"sep=,", b",", b""),
    "titles": (b"", b"A title, and; more| of\tit\n", HEADER + ROW),
    "blank rows above the header": (b"", b"\n", HEADER + ROW),
    "blank rows below the header": (HEADER, b"\n", ROW),
    "cells of lines that look like rows": (HEADER, b'a@x.com,"p\n' + ROW + b'",h.x.com,,\n', b""),
    "cells of lines that do not": (HEADER, b'a@x.com,"p\nq,r\n",h.x.com,,\n', b""),
    "cells of two lines": (HEADER, b'"a\nb",', b""),
    "cells of two addresses": (HEADER, b'"@,\n@,",', b""),
    "cells of an address and blank lines": (HEADER, b'"@,' + b"\n" * 21 + b'",', b""),
    "a cell of newlines": (HEADER, b'"' + b"\n" * 60_000 + b'",', b"\n"),
    "NULs": (b"", b"\0", b""),
    "cells of NULs": (HEADER, b"\0,\0,\0,\0\n", b""),
    "0xFF": (b"", b"\xff", b""),
    "rows of 0xFF": (b"", b"\xff\n", b""),
    "rows of 0xFF below a header": (HEADER, b"\xff\n", b""),
    "newlines and 0xFF": (b"", b"\n", b"\xff"),
    "commas and 0xFF": (b"", b",", b"\xff"),
    "columns and 0xFF": (b"", b"cc,", b"\xff"),
    "blank rows and 0xFF": (HEADER, b"\n", b"\xff,b,c,d,\n"),
    "rows of a and 0xFF": (HEADER, b"a\n", b"\xff"),
    "every byte": (b"", EVERY, b""),
    "every legacy byte": (HEADER, LEGACY + b"\n", b""),
    "every legacy byte as a word": (b"", LEGACY + b",", b""),
    "every legacy letter in a cell": (HEADER, b"a@x.com," + LEGACY[32:] + b",h.x.com,,\n", b""),
    "UTF-32": ("\ufeff".encode("utf-32-le"), "c,".encode("utf-32-le"), b""),
    "one character of four bytes": (HEADER + "\U0001f600".encode(), b"cc,", b""),
    "passwords of 1,024 characters": (HEADER, b"a@x.com," + b"p" * 1024 + b",h.x.com,,\n", b""),
    "accents": (b"", ACCENTS, b""),
}

#: What is repeated in the names of a header of ten rows.
NAMES = {
    "words": b"a b ",
    "either": b"a or ",
    "alternatives": b"a/",
    "capitals": b"aB",
    "brackets": b"(a)",
    "brackets that open": b"(",
    "brackets of addresses": b"(@",
    "brackets of numbers": b"(1 ,",
    "protocols": b"x smtp1 imap2 ",
    "every delimiter": b"a;b|c\td ",
}

#: Cells that are as long as they can be, in each column.
CELLS = {
    "accents": ACCENTS,
    "brackets": b"((",
    "brackets of addresses": b"(@",
    "spaces": b"  ",
    "spaces that are none": "\u00a0\u200b".encode(),
    "quotes": "\u201c\u201d".encode(),
    "ligatures": "\ufdfa\ufdfa".encode(),
    "digits": b"11",
    "dots": b"a.",
    "at signs": b"@@",
    "curly and straight": "\u2019'".encode(),
}


def _repeated(head: bytes, unit: bytes, tail: bytes, size: int) -> bytes:
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


def _row(cells: list[bytes]) -> bytes:
    return b",".join(cells) + b"\n"


def _names(unit: bytes, size: int) -> bytes:
    name = (unit * 128)[:126]
    row = _row([name] * 200)
    return row * min(10, size // len(row)) + ROW * (max(0, size - 10 * len(row)) // len(ROW))


def _cells(pair: bytes, size: int) -> bytes:
    """Return rows with one such cell each: in each column, and ending in what fits and what not."""
    rows = [HEADER]
    places = range(HEADER.count(b",") + 1)
    for place, tail, host in itertools.product(places, TAILS, (b"h.x.com", b"@")):
        cells = [b"a@x.com", b"pw", host, b"", b"587", b""]
        # What is left of the file's size for each of them, and what the csv module takes.
        cells[place] = tail[:2] + pair * min(PAIRS, size // 30 // len(pair)) + tail
        rows.append(_row(cells))
    return b"".join(rows)


def _wide(cell: bytes, size: int) -> bytes:
    row = ROW[:-1] + b"," + _row([cell] * 194)
    return WIDE + row * min(500, (size - len(WIDE)) // len(row))


def _random(size: int) -> bytes:
    return random.Random(1).randbytes(size)  # noqa: S311 (not for secrets)


def _random_letters(size: int) -> bytes:
    return bytes(random.Random(2).choices(b'ab@\xe9\xfc ,;|\t\n"', k=size))  # noqa: S311


MADE: dict[str, Callable[[int], bytes]] = {
    **{name: lambda size, each=each: _repeated(*each, size) for name, each in REPEATED.items()},
    **{
        f"names of {name}": lambda size, unit=unit: _names(unit, size)
        for name, unit in NAMES.items()
    },
    **{
        f"a cell of {name}": lambda size, pair=pair: _cells(pair, size)
        for name, pair in CELLS.items()
    },
    "200 columns, 500 rows": lambda size: _wide(b"a", size),
    "200 columns of words": lambda size: _wide(b"abcd", size),
    "200 columns of two lines": lambda size: _wide(b'"\n"', size),
    "random": _random,
    "random below a header": lambda size: HEADER + _random(size - len(HEADER)),
    "random letters": _random_letters,
    "random letters below a header": lambda size: HEADER + _random_letters(size - len(HEADER)),
}


def in_utf16(make: Callable[[int], bytes], size: int) -> bytes:
    """Return the same text, each byte a character, in UTF-16."""
    text = make(size // 2 - 2).decode("latin-1")
    return text.encode("utf-16")
