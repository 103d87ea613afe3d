"""A secret shows itself to nobody who does not ask; keys are random."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import pickle

import pytest
from leak_search import CANARY

from flask_mailbox_import.core.mailboxes import Login, Protocol, Security
from flask_mailbox_import.core.secret import Secret, generate_encryption_key


def test_a_secret_shows_itself_to_reveal_only():
    secret = Secret(CANARY)
    login = Login(
        protocol=Protocol.SMTP,
        host="h.x.com",
        port=587,
        security=Security.TLS,
        username="a",
        password=secret,
    )
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>10}", str([secret]), repr(login)]
    assert CANARY not in " ".join(shown)
    assert secret.reveal() == CANARY
    assert secret != Secret(CANARY)
    assert secret.same_as(Secret(CANARY))
    assert not secret.same_as(Secret("other"))
    for attempt in (
        *(pickle.dumps, copy.deepcopy, json.dumps, hash, vars),
        lambda each: each.__getstate__(),
        lambda _: dataclasses.asdict(login),
        lambda _: pickle.dumps(login),
        lambda _: copy.deepcopy(login),
    ):
        with pytest.raises(TypeError):
            attempt(secret)


def test_generated_keys_are_random_and_of_256_bits():
    first, second = generate_encryption_key(), generate_encryption_key()
    assert first != second
    assert len(base64.b64decode(first.partition(":")[2])) == 32
