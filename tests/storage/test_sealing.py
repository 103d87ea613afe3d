"""Sealed passwords open where they were sealed, and nowhere else."""

from __future__ import annotations

import os

import pytest

from flask_mailbox_import import SealError
from flask_mailbox_import.core.secret import Secret
from flask_mailbox_import.storage.sealing import KeyRing

PLACE = {"workspace_id": "w1", "seal_id": "s1", "field": "smtp_password"}


def ring(*kids: str) -> KeyRing:
    return KeyRing([(kid, kid.encode().ljust(32, b".")) for kid in kids])


def test_round_trip_hides_the_password():
    password = 'pässwört, "quoted" 密码' * 10
    sealed = ring("a").seal(Secret(password), **PLACE)
    assert password.encode() not in sealed
    assert ring("a").open(sealed, **PLACE).reveal() == password
    assert ring("a").seal(Secret(password), **PLACE) != sealed


@pytest.mark.parametrize("moved", [{"workspace_id": "w2"}, {"seal_id": "s2"}, {"field": "imap"}])
def test_a_moved_value_does_not_open(moved):
    sealed = ring("a").seal(Secret("hunter2"), **PLACE)
    with pytest.raises(SealError, match="moved") as caught:
        ring("a").open(sealed, **{**PLACE, **moved})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_parts_of_the_place_cannot_be_shifted():
    sealed = ring("a").seal(Secret("x"), workspace_id="ab", seal_id="c", field="f")
    with pytest.raises(SealError):
        ring("a").open(sealed, workspace_id="a", seal_id="bc", field="f")


def test_a_damaged_value_does_not_open():
    sealed = ring("a").seal(Secret("x"), **PLACE)
    for damaged in (b"", b"\x01", sealed[:-1], sealed[:3], sealed[:-1] + b"\0", b"\2" + sealed[1:]):
        with pytest.raises(SealError):
            ring("a").open(damaged, **PLACE)


def test_the_first_key_seals_and_all_open():
    old = ring("old").seal(Secret("x"), **PLACE)
    both = ring("new", "old")
    assert both.open(old, **PLACE).reveal() == "x"
    with pytest.raises(SealError, match="'new'"):
        ring("old").open(both.seal(Secret("x"), **PLACE), **PLACE)


def test_the_ring_shows_no_key():
    key = os.urandom(32)
    assert repr(key) not in repr(KeyRing([("a", key)]))
