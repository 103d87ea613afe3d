"""Reads answers of name servers (RFC 1035): MX, SRV and CNAME records, within tight limits.

dnspython reads them too, but was measured to need 11 seconds for one hostile message.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ..core.mail_records import ServiceTarget

#: Limits on one message: its bytes, its answer records, the labels of a name (RFC 1035: 127).
MAX_BYTES, MAX_RECORDS, MAX_LABELS = 4096, 64, 20
#: RFC 1035 section 2.3.4.
_LONGEST_NAME = 255
#: Pointers of one name, as many as its labels. Without a limit, 4,096 bytes can hold a chain of
#: 1,500, and 64 records that use it were measured to hold the hub for 140 ms.
_MAX_POINTERS = MAX_LABELS
#: More names than any real chain of aliases has.
_MAX_ALIASES = 8
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_SRV = struct.Struct("!3H")
_IS_ANSWER, _OPCODE, _IS_TRUNCATED, _RCODE = 0x8000, 0x7800, 0x0200, 0x000F
_IN = 1
_NO_ERROR, _NO_SUCH_NAME = 0, 3
_POINTER, _RESERVED = 0xC0, 0x40
_LABEL = re.compile(rb"[A-Za-z0-9_-]+")


class Kind(IntEnum):
    """The types of records that are read; all others are passed over."""

    CNAME = 5
    MX = 15
    SRV = 33


class BadAnswer(ValueError):
    """The message is no answer to the question, or breaks a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, and by which id."""

    id: int
    #: In lower case and ASCII, without the trailing dot.
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a name server answered."""

    #: The rest of the answer did not fit: ask again over TCP.
    is_truncated: bool = False
    #: The server has answered the question, if only by "no such name".
    is_valid: bool = True
    #: The services, best first (RFC 2782).
    services: tuple[ServiceTarget, ...] = ()
    #: The mail hosts by preference (RFC 5321 section 5.1).
    mx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    owner: str
    kind: int
    target: str
    numbers: tuple[int, ...]


def read_answer(data: bytes, question: Question) -> Answer:
    """Return what a message answers to a question.

    :raises BadAnswer: it is not an answer to this question, or it breaks a limit.
    """
    if not _HEADER.size <= len(data) <= MAX_BYTES:
        raise BadAnswer("size")
    found_id, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    if found_id != question.id or not flags & _IS_ANSWER or flags & _OPCODE or questions != 1:
        raise BadAnswer("another message")
    name, place = _name(data, _HEADER.size)
    kind, kind_end = _number(data, place)
    group, place = _number(data, kind_end)
    if (name, kind, group) != (question.name, question.kind, _IN):
        raise BadAnswer("another question")
    if flags & _IS_TRUNCATED:
        return Answer(is_truncated=True)
    if flags & _RCODE not in (_NO_ERROR, _NO_SUCH_NAME):
        return Answer(is_valid=False)
    if answers > MAX_RECORDS:
        raise BadAnswer("too many records")
    return _answer(list(_records(data, place, answers)), question)


def _answer(records: list[_Record], question: Question) -> Answer:
    owner = _owner(records, question.name)
    if owner is None:
        return Answer()
    own = [each for each in records if each.owner == owner and each.kind == question.kind]
    if question.kind is Kind.MX:
        hosts = sorted((each.numbers, each.target) for each in own if each.target)
        return Answer(mx=tuple(host for _, host in hosts))
    services = [
        ServiceTarget(host=each.target, priority=priority, weight=weight, port=port)
        for each in own
        for priority, weight, port in (each.numbers,)
    ]
    return Answer(
        services=tuple(sorted(services, key=lambda each: (each.priority, -each.weight, each.host)))
    )


def _owner(records: list[_Record], name: str) -> str | None:
    """Return the name at the end of the aliases (CNAME) of a name; None where they do not end."""
    aliases = {each.owner: each.target for each in records if each.kind == Kind.CNAME}
    for _ in range(_MAX_ALIASES):
        if name not in aliases:
            break
        name = aliases[name]
    return None if name in aliases else name


def _records(data: bytes, place: int, count: int) -> Iterator[_Record]:
    for _ in range(count):
        owner, place = _name(data, place)
        if place + _RECORD.size > len(data):
            raise BadAnswer("cut off")
        kind, group, _, length = _RECORD.unpack_from(data, place)
        place += _RECORD.size
        end = place + length
        if end > len(data):
            raise BadAnswer("cut off")
        if group == _IN and kind in iter(Kind):
            found = _record(data, owner, Kind(kind), place, end)
            if found is not None:
                yield found
        place = end


def _record(data: bytes, owner: str, kind: Kind, place: int, end: int) -> _Record | None:
    """Return a record; None where its target is no name of a host."""
    numbers: tuple[int, ...] = ()
    if kind is Kind.SRV and end - place > _SRV.size:
        numbers = _SRV.unpack_from(data, place)
        place += _SRV.size
    elif kind is Kind.MX:
        number, place = _number(data, place)
        numbers = (number,)
    elif kind is not Kind.CNAME:
        raise BadAnswer("cut off")
    target, after = _name(data, place)
    if after != end:
        raise BadAnswer("length")
    return (
        None if "?" in target else _Record(owner=owner, kind=kind, target=target, numbers=numbers)
    )


def _number(data: bytes, place: int) -> tuple[int, int]:
    if place + 2 > len(data):
        raise BadAnswer("cut off")
    return int.from_bytes(data[place : place + 2], "big"), place + 2


def _name(data: bytes, place: int) -> tuple[str, int]:
    """Return a name in lower case, and where the data goes on.

    A label with other characters than letters, digits, hyphens and underscores is "?". A pointer
    leads only to what stands before the place at which the last jump landed, so that no loop is
    possible (RFC 1035 section 4.1.4).
    """
    labels: list[str] = []
    # The root's byte counts too.
    begin, after, size, pointers = place, 0, 1, 0
    while True:
        length = data[place] if place < len(data) else _RESERVED
        if length >= _POINTER:
            target = _number(data, place)[0] & 0x3FFF
            pointers += 1
            if target >= begin or pointers > _MAX_POINTERS:
                raise BadAnswer("pointer")
            after = after or place + 2
            begin = place = target
            continue
        if length >= _RESERVED:
            raise BadAnswer("label")
        place += 1
        if not length:
            break
        label = data[place : place + length]
        place, size = place + length, size + length + 1
        labels.append(label.decode("ascii").lower() if _LABEL.fullmatch(label) else "?")
        if len(labels) > MAX_LABELS or size > _LONGEST_NAME or place > len(data):
            raise BadAnswer("name")
    return ".".join(labels), after or place
