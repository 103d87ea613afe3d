"""Names that are one typing error away from a known one."""

from __future__ import annotations

import pytest

from flask_mailbox_import.core.typing_errors import Likeness

KNOWN = Likeness(["smtp.gmail.com", "smtp1.example.com"])


@pytest.mark.parametrize(
    "name",
    [
        *("smtp.gmail.co", "smtp.gmail.comm", "smtp.gmial.com", "smtp.gnail.com"),
        *("mstp.gmail.com", "smtp,gmail.com", "mtp.gmail.com", "smtp.gmailcom"),
    ],
)
def test_one_error_is_found(name):
    assert KNOWN.of(name) == "smtp.gmail.com"


@pytest.mark.parametrize(
    "name",
    [
        *("smtp.gmail.com", "smtp.gmal.co", "smtp.liamg.com", "imap.gmail.com", ""),
        *("smtp2.example.com", "smtp.example.com", "smtp11.example.com", "x" * 300),
    ],
)
def test_the_same_name_more_errors_and_other_numbers_are_not(name):
    assert KNOWN.of(name) == ""
