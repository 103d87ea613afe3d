"""Providers: by which server or address each is known, and the hints for its users."""

from __future__ import annotations

import pytest

from flask_mailbox_import.core.providers import PROVIDERS, provider_of


@pytest.mark.parametrize(
    ("host", "email", "name"),
    [
        ("smtp.gmail.com", "a@example.com", "Gmail"),
        ("smtp.office365.com", "a@gmail.com", "Microsoft 365"),
        ("mail.example.com", "a@hotmail.co.uk", "Outlook.com"),
        ("mail.example.com", "a@aol.com", "AOL"),
        ("smtp.gmail.com.evil.example", "a@example.com", None),
        ("notgmail.com", "a@outlook.com.evil.example", None),
    ],
)
def test_a_provider_is_known_by_its_server_or_else_by_the_address(host, email, name):
    provider = provider_of(host, email)
    assert (provider.name if provider else None) == name


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)
def test_the_hints_of_a_provider_are_sentences(provider):
    for code, hint in provider.hints.items():
        # A link ends without a full stop, or it would be part of the link.
        assert hint.endswith(".") or " https://" in hint.rpartition(".")[0], code
