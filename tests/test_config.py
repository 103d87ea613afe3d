"""Settings: one error lists every mistake and what to do, and shows no key."""

from __future__ import annotations

import base64
import dataclasses

import pytest

from flask_mailbox_import import ConfigError
from flask_mailbox_import.config import PREFIX, Config
from flask_mailbox_import.core.secret import generate_encryption_key

KEYS = {f"{PREFIX}ENCRYPTION_KEYS": [generate_encryption_key()]}


def problems(**settings: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping({**KEYS, **{PREFIX + name: each for name, each in settings.items()}})
    return caught.value.problems


def test_defaults():
    config = Config.from_mapping(KEYS)
    assert (config.max_rows, config.max_file_size) == (500, 500_000)
    assert (config.concurrency, config.per_host, config.max_running) == (20, 20, 4)
    assert (config.timeout, config.connect_timeout, config.dns_timeout) == (20, 8, 5)
    assert config.allowed_ports == (25, 465, 587, 2525, 143, 993)
    assert config.allow_plaintext is config.test_imap is False


def test_every_mistake_is_listed_at_once():
    found = problems(CONCURENCY=20, MAX_ROWS="500", ALLOWED_PORTS="[25]", RUNNER="threads")
    assert len(found) == 4
    text = "\n".join(found)
    assert "CONCURENCY is not a setting; did you mean MAILBOX_IMPORT_CONCURRENCY?" in text
    assert "MAX_ROWS must be a whole number from 1 to" in text
    assert "ALLOWED_PORTS must be a list (in the environment, JSON: [465, 587, 993])" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_ROWS", 0),
        ("MAX_ROWS", True),
        ("TIMEOUT", "20"),
        ("TIMEOUT", 0),
        ("TIMEOUT", False),
        ("TEST_IMAP", "yes"),
        ("ALLOW_PLAINTEXT", 1),
        ("ALLOWED_PORTS", []),
        ("ALLOWED_PORTS", [0]),
        ("ALLOWED_PORTS", ["587"]),
        ("ALLOWED_NETWORKS", ["10.0.0.1/8"]),
        ("DENIED_NETWORKS", "10.0.0.0/8"),
        ("URL_PREFIX", "mail"),
        ("URL_PREFIX", "/mail/"),
        ("CA_FILE", "/nowhere.pem"),
        ("EHLO_NAME", "two words"),
        ("EHLO_NAME", "a.b\r\nMAIL FROM"),
        ("RUNNER", "process"),
        ("BASE_TEMPLATE", ""),
        ("KEEP_FAILED_SECRETS", -1),
        ("ENCRYPTION_KEYS", []),
        ("ENCRYPTION_KEYS", "k1:abc"),
    ],
)
def test_a_wrong_value_is_named(name, value):
    assert problems(**{name: value})[0].startswith(PREFIX + name)


def test_a_missing_key_says_how_to_make_one():
    with pytest.raises(ConfigError, match="generate-encryption-key"):
        Config.from_mapping({})


@pytest.mark.parametrize(
    "entry",
    ["hunter2", "k1:hunter2!", "k1:" + base64.b64encode(b"hunter2").decode(), ":aGk=", 5],
)
def test_a_bad_key_is_not_printed(entry):
    (problem,) = problems(ENCRYPTION_KEYS=[entry])
    assert "entry 1" in problem
    assert "hunter2" not in problem
    assert base64.b64encode(b"hunter2").decode() not in problem


def test_two_keys_with_one_id_are_refused():
    key = generate_encryption_key()
    assert "twice" in problems(ENCRYPTION_KEYS=[key, key])[0]


def test_the_repr_shows_no_key():
    config = Config.from_mapping(KEYS)
    key = config.encryption_keys[0][1]
    assert repr(key) not in repr(config)
    assert "encryption_keys" not in repr(config)


def test_every_setting_has_a_meaning():
    assert all(each.metadata["meaning"] for each in dataclasses.fields(Config))


def test_a_key_from_an_environment_that_has_none_is_a_missing_key():
    assert "generate-encryption-key" in problems(ENCRYPTION_KEYS=None)[0]


def test_a_ca_file_is_read_at_once(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    assert "CA_FILE" in problems(CA_FILE=str(path))[0]
