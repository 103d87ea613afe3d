"""What is an email address, judged by its text alone; nothing is ever looked up here."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

#: RFC 5321 section 4.5.3.1.3.
MAX_ADDRESS_LENGTH = 254

_SPECIAL_USE = (".test", ".local", ".internal", ".localhost", ".invalid", ".onion", ".arpa")
_PUBLIC = ".example.com"
# The plain ones of what email-validator takes for a local part: nearly all, and at no cost.
_PLAIN_LOCAL_PART = re.compile(r"(?=.{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@", re.ASCII)


def judge_address(text: str) -> tuple[str, str] | None:
    """Return an address, and the key by which two of them are the same mailbox; None if it is none.

    The domain is in lower case; in the key it is in ASCII, and so is all else in lower case. A
    local part beyond ASCII (RFC 6531) is refused.
    """
    local, at, domain = text.rpartition("@")
    if len(text) > MAX_ADDRESS_LENGTH or not _is_local_part(local + at):
        return None
    names = _domain(domain)
    if names is None or len(local) + 1 + len(names[1]) > MAX_ADDRESS_LENGTH:
        return None
    return f"{local}@{names[0]}", f"{local}@{names[1]}".lower()


def _is_local_part(text: str) -> bool:
    if _PLAIN_LOCAL_PART.fullmatch(text):
        return True
    return _validated(f"{text}a.co", allow_smtputf8=False) is not None


@functools.lru_cache(maxsize=1024)
def _domain(text: str) -> tuple[str, str] | None:
    """Return a domain in lower case and in ASCII; files have few, and judging one takes long."""
    # email-validator refuses the domains of in-house mail (RFC 6761); under a public one it judges
    # the rest all the same.
    public = _PUBLIC if text.lower().endswith(_SPECIAL_USE) else ""
    found = _validated(f"a@{text}{public}")
    if found is None:
        return None
    return found.domain.removesuffix(public), found.ascii_domain.removesuffix(public)


def _validated(address: str, *, allow_smtputf8: bool = True) -> ValidatedEmail | None:
    # Not with the module: compiling its patterns takes some 20 ms of the app's start.
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(address, check_deliverability=False, allow_smtputf8=allow_smtputf8)
    except EmailNotValidError:
        return None
