"""Answers of name servers: what they say, and what is refused of hostile ones."""

from __future__ import annotations

import struct
import time

import pytest

from flask_mailbox_import.probe.dns_answers import BadAnswer, Kind, Question, read_answer

ASKED = Question(id=77, name="d.example", kind=Kind.MX)
NAME = b"\x01d\x07example\x00"
#: A pointer to the name in the question.
OWNER = b"\xc0\x0c"


def message(
    *records: bytes,
    found_id: int = 77,
    flags: int = 0x8180,
    count: int | None = None,
    name: bytes = NAME,
    kind: int = 15,
) -> bytes:
    header = struct.pack("!6H", found_id, flags, 1, len(records) if count is None else count, 0, 0)
    return header + name + struct.pack("!2H", kind, 1) + b"".join(records)


def record(data: bytes, kind: int = 15, owner: bytes = OWNER, group: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, group, 60, len(data)) + data


def mx(host: bytes, preference: int = 10) -> bytes:
    return record(struct.pack("!H", preference) + host)


def hosts(data: bytes) -> tuple[str, ...]:
    return read_answer(data, ASKED).mx


def test_hosts_come_by_preference_and_in_lower_case():
    assert hosts(message(mx(b"\x01B\xc0\x0c", 20), mx(b"\x01a\x01x\x00", 5))) == (
        "a.x",
        "b.d.example",
    )


def test_the_root_is_no_host():
    assert hosts(message(mx(b"\x00"))) == ()


def test_services_come_by_priority_and_weight():
    def srv(*numbers: int) -> bytes:
        return record(struct.pack("!3H", *numbers) + b"\x01s\x00", kind=33)

    question = Question(id=77, name="d.example", kind=Kind.SRV)
    data = message(srv(1, 5, 25), srv(0, 1, 465), srv(0, 9, 587), kind=33)
    found = read_answer(data, question).services
    assert [(each.priority, each.weight, each.port) for each in found] == [
        *((0, 9, 587), (0, 1, 465), (1, 5, 25))
    ]


def test_aliases_are_followed_and_other_names_ignored():
    alias = record(b"\x01m\x01x\x00", kind=5)
    of_alias = record(b"\x00\x01\x01h\x01x\x00", owner=b"\x01m\x01x\x00")
    of_other = record(b"\x00\x01\x04evil\x00", owner=b"\x05other\x00")
    assert hosts(message(of_other, of_alias, alias)) == ("h.x",)
    assert hosts(message(of_other)) == ()


def test_aliases_in_a_ring_end():
    ring = record(b"\xc0\x0c", kind=5)
    assert hosts(message(ring, mx(b"\x01h\x00"))) == ()


def chain(count: int) -> bytes:
    """Return an answer in which so many aliases lead to the host."""
    names = [OWNER, *(bytes([1, 97 + each, 0]) for each in range(count))]
    aliases = [record(names[each + 1], kind=5, owner=names[each]) for each in range(count)]
    return message(*aliases, record(b"\x00\x01\x01h\x00", owner=names[-1]))


def test_eight_aliases_are_followed_and_no_more():
    assert hosts(chain(8)) == ("h",)
    assert hosts(chain(9)) == ()


def test_what_the_root_owns_is_no_answer_to_aliases_in_a_ring():
    of_root = record(b"\x00\x01\x04evil\x00", owner=b"\x00")
    assert hosts(message(record(b"\xc0\x0c", kind=5), of_root)) == ()


def test_other_types_and_classes_are_passed_over():
    txt = record(b"\x03abc", kind=16)
    chaos = record(b"\x00\x01\x01h\x00", group=3)
    assert hosts(message(txt, chaos, mx(b"\x01h\x00"))) == ("h",)


def test_a_host_with_other_characters_is_left_out():
    assert hosts(message(mx(b"\x03a b\x00"), mx(b"\x03a.b\x00"), mx(b"\x01h\x00"))) == ("h",)


@pytest.mark.parametrize("flags", [0x8183, 0x8180])
def test_no_records_are_an_answer(flags):
    found = read_answer(message(flags=flags), ASKED)
    assert found.is_valid
    assert found.mx == ()


@pytest.mark.parametrize("flags", [0x8181, 0x8182, 0x8184, 0x8185])
def test_a_fault_of_the_server_is_no_valid_answer(flags):
    assert not read_answer(message(flags=flags), ASKED).is_valid


def test_a_part_of_an_answer_is_told():
    assert read_answer(message(flags=0x8380), ASKED).is_truncated


def of_size(size: int) -> bytes:
    """Return a name of so many bytes, its lengths and the root's byte counted."""
    last = size - 3 * 64 - 2
    return (b"\x3f" + b"x" * 63) * 3 + bytes([last]) + b"x" * last + b"\x00"


def pointed(count: int) -> bytes:
    """Return a message in which a chain of so many pointers leads to the name of 63 records."""
    first = len(message()) + 12
    places = [12, *(first + 2 * each for each in range(count))]
    pointers = [struct.pack("!H", 0xC000 + each) for each in places]
    # In a record of a type that is passed over.
    rest = [record(b"\x00\x01" + pointers[-1], owner=pointers[-1]) for _ in range(63)]
    return message(record(b"".join(pointers[:-1]), kind=16), *rest)


@pytest.mark.parametrize(
    "data",
    {
        "another id": message(found_id=78),
        "a question": message(flags=0x0100),
        "another opcode": message(flags=0xA980),
        "another name": message(name=b"\x01e\x07example\x00"),
        "another type": message(kind=33),
        "no question": struct.pack("!6H", 77, 0x8180, 0, 0, 0, 0),
        "cut header": message()[:11],
        "cut question": message()[:-1],
        "cut record": message(mx(b"\x01h\x00"))[:-1],
        "65 records": message(*[mx(b"\x00")] * 65),
        "10,000 records claimed": message(mx(b"\x00"), count=10_000),
        "more records than there are": message(mx(b"\x00"), count=2),
        "too long": message(*[mx(b"\x00")] * 60, record(b"\x00" * 4000, kind=16)),
        "a pointer to itself": message(mx(struct.pack("!H", 0xC000 + 12 + 15 + 12 + 2))),
        "a pointer forwards": message(mx(struct.pack("!H", 0xC000 + 200)), mx(b"\x00")),
        "two pointers in a ring": message(
            mx(struct.pack("!H", 0xC000 + 12 + 15 + 16)), mx(struct.pack("!H", 0xC000 + 41))
        ),
        "a reserved label": message(mx(b"\x41a\x00")),
        "21 labels": message(mx(b"\x01a" * 21 + b"\x00")),
        "10,000 labels": message(mx(b"\x01a" * 1500 + b"\x00")),
        "a name of 256 bytes": message(mx(of_size(256))),
        "21 pointers": pointed(20),
        "1,480 pointers": pointed(1480),
        "an SRV of no length": message(record(b"\x00\x01", kind=33)),
        "data behind the name": message(mx(b"\x01h\x00more")),
    }.items(),
    ids=lambda each: each[0],
)
def test_what_breaks_a_limit_is_refused(data):
    with pytest.raises(BadAnswer):
        read_answer(data[1], ASKED)


def test_as_much_as_is_allowed_is_read():
    assert hosts(message(*[mx(b"\x01h\x00")] * 64)) == ("h",) * 64
    assert len(hosts(message(mx(b"\x01a" * 20 + b"\x00")))) == 1
    assert len(hosts(message(mx(of_size(255))))[0]) == 253
    assert hosts(pointed(19)) == ("d.example",) * 63


def test_the_costliest_message_is_read_in_a_moment():
    # 64 names of 20 labels each, reached by pointers.
    names = record(b"\x00\x01" + b"\x01a" * 18 + b"\xc0\x0c")
    place = len(message()) + 14
    pointers = [mx(struct.pack("!H", 0xC000 + place)) for _ in range(63)]
    data = message(names, *pointers)
    assert len(hosts(data)) == 64
    seconds = min(_seconds(data) for _ in range(20))
    plain = min(_seconds(message(mx(b"\x01h\x00"))) for _ in range(20))
    assert seconds < 300 * plain


def _seconds(data: bytes) -> float:
    begin = time.perf_counter()
    read_answer(data, ASKED)
    return time.perf_counter() - begin
