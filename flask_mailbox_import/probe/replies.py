"""Parses a server's reply, finds the cause by its words (wordings.txt), cleans it for display."""

from __future__ import annotations

import base64
import functools
import html
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ..core.codes import Code
from ..core.mailboxes import Login, Stage

#: At most so many characters of a server's text are shown.
MAX_SHOWN = 300
_LEAST_ENCODED = 6
#: At most so many bytes of a server's text are read.
MAX_READ = 1000

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
# Some servers repeat the reply code in the text, or pass on another server's reply.
_REPEATED_CODE = re.compile(r"\b[245]\d\d[- ](?=[245]\.\d{1,3}\.\d{1,3}\b)")
_IMAP_STATUS = re.compile(r"(?:OK|NO|BAD|BYE)\b", re.IGNORECASE)
_IMAP_CODE = re.compile(r"\[([A-Z-]+)\b[^\]]*\]", re.IGNORECASE)
_URL = re.compile(r"://|:/+|www\.|mailto:", re.IGNORECASE)
_URLSAFE = str.maketrans("-_", "+/")
_ADDRESS = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}",
    re.IGNORECASE,
)
_WAIT = re.compile(
    r"(?:back ?off|retry|try|wait|again|after|in|for)\b[^\d]{0,30}?(\d{1,9})[ ]?"
    r"(milliseconds?|msec|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)\b",
    # ASCII: otherwise a long s (U+017F) would match an s.
    re.IGNORECASE | re.ASCII,
)
_UNITS = {"ms": 0.001, "mi": 60.0, "m": 60.0, "s": 1.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply of a server: its numbers or its IMAP response code, and its words on one line."""

    code: int | None
    enhanced: str
    #: IMAP's response code (RFC 5530), upper case, or "".
    response_code: str
    #: IMAP's status: NO, BAD or BYE; "" for SMTP.
    status: str
    words: str

    @property
    def wait(self) -> float | None:
        """The seconds that the server says to wait; None where it names no time."""
        match = _WAIT.search(self.words)
        if match is None:
            return None
        unit = match[2].lower()
        scale = 0.001 if unit.startswith(("milli", "ms")) else _UNITS[unit[0]]
        return int(match[1]) * scale


def parse_reply(code: int | None, text: bytes) -> Reply:
    """Parse a reply. An enhanced code counts only at its start (RFC 2034 section 4)."""
    lines = _decode(text[:MAX_READ]).split("\n")
    enhanced = _ENHANCED.match(lines[0].lstrip()) if code is not None else None
    words = " ".join(" ".join(lines).split())
    words = _REPEATED_CODE.sub("", words)
    if enhanced:
        words = re.sub(rf"(?<!\S){re.escape(enhanced.group())}\s*", "", words).strip()
    status = _IMAP_STATUS.match(words) if code is None else None
    response_code = _IMAP_CODE.search(words) if code is None else None
    return Reply(
        code=code,
        enhanced=enhanced.group() if enhanced else "",
        response_code=response_code[1].upper() if response_code else "",
        status=status.group().upper() if status else "",
        words=words,
    )


def shown(reply: Reply, login: Login) -> str:
    """Return the reply for display: short, without links, IP addresses or the password."""
    numbers = f"{reply.code or ''} {reply.enhanced}".strip()
    words = _cleaned(reply.words)
    if echoes_password(reply.words, login) or echoes_password(words, login):
        words = ""
    return f"{numbers} {words}".strip()


def _cleaned(words: str) -> str:
    # Control, invisible, private and unassigned characters are removed first: inside a link, one of
    # them would hide the link from the search below.
    words = "".join(each for each in words if unicodedata.category(each)[0] != "C" or each == " ")
    words = words.translate(str.maketrans("", "", "<>\ufffd"))
    words = _ADDRESS.sub("", " ".join(each for each in words.split() if not _URL.search(each)))
    words = " ".join(words.split())
    return words if len(words) <= MAX_SHOWN else words[: MAX_SHOWN - 1].rstrip() + "…"


def echoes_password(words: str, login: Login) -> bool:
    """Tell whether a reply repeats the password, as it is or encoded."""
    password = login.password.reveal()
    clear = password.encode()
    response = f"\0{login.username}\0{password}".encode()
    # Base64 at each of the three offsets, without the digits that depend on neighbouring bytes.
    encoded = [base64.b64encode(b"\0" * n + clear).decode()[n and 4 : -4] for n in range(3)]
    encoded += [clear.hex(), base64.b64encode(response).decode()]
    forms = {
        password,
        html.escape(password),
        password.replace("\\", "\\\\").replace('"', '\\"'),
        quote(password, safe=""),
        # A shorter text may stand in any reply by chance.
        *(each for each in encoded if len(each) >= _LEAST_ENCODED),
    }
    squeezed = _squeezed(words)
    return any(_squeezed(form) in squeezed for form in forms if form)


def _squeezed(text: str) -> str:
    """Return the letters, digits and signs of a text, folded for comparison."""
    text = unicodedata.normalize("NFKC", text.rstrip("=")).translate(_URLSAFE).casefold()
    kept = (each for each in text if unicodedata.category(each)[0] not in "CZ")
    return "".join(each for each in kept if each not in "<>\ufffd")


def _decode(text: bytes) -> str:
    """Decode a server's text: as UTF-8, else as GB 18030 (QQ, NetEase), else as Latin-1."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return text.decode(encoding)
        except UnicodeDecodeError:
            continue
    return text.decode("latin-1")


_STAGES = {
    "any": frozenset({Stage.GREETING, Stage.EHLO, Stage.TLS, Stage.AUTH, Stage.SELECT}),
    "before": frozenset({Stage.GREETING, Stage.EHLO, Stage.TLS}),
    "first": frozenset({Stage.GREETING, Stage.EHLO}),
    "ehlo": frozenset({Stage.EHLO}),
    "asked": frozenset({Stage.EHLO, Stage.AUTH, Stage.SELECT}),
    "login": frozenset({Stage.AUTH, Stage.SELECT}),
    "auth": frozenset({Stage.AUTH}),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """One rule: these words in a reply, at these stages, mean this code."""

    code: Code
    stages: frozenset[Stage]
    said_by: str
    words: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The words, as a compiled pattern."""
        return _compiled(self.words)


@functools.cache
def _compiled(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


def compile_wordings() -> None:
    """Compile all patterns. It takes 20 ms: call it neither at the app's start nor in the hub."""
    for rules in _TABLES.values():
        for each in rules:
            _compiled(each.words)


def _read_wordings() -> dict[str, tuple[Wording, ...]]:
    tables: dict[str, list[Wording]] = {}
    table: list[Wording] = []
    lines = Path(__file__).with_name("wordings.txt").read_text("utf-8").splitlines()
    for line in lines:
        if line.startswith("["):
            table = tables.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            code, stages, said_by, pattern = re.split(r" {2,}", line, maxsplit=3)
            table.append(Wording(Code(code), _STAGES[stages], said_by, pattern))
    return {name: tuple(rules) for name, rules in tables.items()}


_TABLES = _read_wordings()
DECISIVE = _TABLES["decisive"]
LATER = _TABLES["later"]
EXPLICIT = _TABLES["explicit"]
REFUSED = _TABLES["refused"]


def code_of_words(words: str, stage: Stage, rules: tuple[Wording, ...] = DECISIVE) -> Code | None:
    """Return the code of the first rule that matches; None where none does."""
    return next(
        (each.code for each in rules if stage in each.stages and each.pattern.search(words)), None
    )
