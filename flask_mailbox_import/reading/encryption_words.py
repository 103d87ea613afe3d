"""Reads what a cell says on encryption, in one word or in several (header_names.ini)."""

from __future__ import annotations

import re

from .header_names import MAX_NAME, NAMES, folded, without_remark
from .spelling import tick_of


def said_of_security(text: str) -> str:
    """Return what a cell says on encryption: ``yes no tls starttls none either``; "" if unknown."""
    if not text:
        return "either"
    text = tick_of(text)
    known = NAMES.security
    return known.get(folded(without_remark(text)), "") or _of_several(text)


#: What may stand beside a word for the encryption, without changing it.
_BESIDE_SECURITY = frozenset({"port", "on", "if", "available", "normal", "when", "the", "required"})
_PORTS = {"465": "tls", "993": "tls", "587": "starttls", "143": "starttls"}


def _of_several(text: str) -> str:
    """Return what several words say on encryption; two kinds of it are ``either``."""
    if len(text) > MAX_NAME:
        return ""
    words = [each for each in re.split(r"[\s,;/()+]+|\bor\b", text.lower()) if each]
    said = {
        _PORTS.get(each) or NAMES.security.get(folded(each), "")
        for each in words
        if each not in _BESIDE_SECURITY
    }
    if said == {"either", "starttls"}:
        return "starttls"
    if said == {"tls", "yes"}:
        return "tls"
    if said <= {"tls", "starttls", "either"} and said:
        return said.pop() if len(said) == 1 else "either"
    return ""
