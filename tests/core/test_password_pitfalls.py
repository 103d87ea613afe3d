"""What spreadsheets and copying do to passwords: said, never changed."""

from __future__ import annotations

import pytest
from file_reading import checked_row, warnings_of

from flask_mailbox_import.core.password_pitfalls import password_remarks
from flask_mailbox_import.core.secret import Secret


@pytest.mark.parametrize(
    ("password", "code"),
    [
        *((" pw", "password_spaces"), ("pw ", "password_spaces"), ("pw\u00a0", "password_spaces")),
        *(("p\u00a0w", "password_invisible"), ("p\u200bw", "password_invisible")),
        *(("pw”", "password_quotes"), ("it\u2019s", "password_quotes")),
        *(("1.23457E+11", "password_number"), ("1,23457E+11", "password_number")),
        *(("123456789012345000", "password_number"), ("2024-01-05", "password_date")),
        *(
            ("05.01.2024", "password_date"),
            ("Jan-24", "password_date"),
            ("#NAME?", "password_lost"),
            *(("#WERT!", "password_lost"), ("#NOM?", "password_lost"), ("#NV", "password_lost")),
        ),
        *(
            ("########", "password_lost"),
            ("ZoÃ«", "password_garbled"),
            ("Zo\ufffd", "password_garbled"),
        ),
    ],
)
def test_a_password_is_kept_and_what_may_have_happened_to_it_is_said(password, code):
    found = checked_row(password=password)
    assert found.mailbox.smtp.password.reveal() == password
    assert ("password", code) in warnings_of(found)
    assert password_remarks(Secret(password))


@pytest.mark.parametrize("password", ["hunter2", "Grun#1", "a b", "abc-12", "12May!", "1E5x", "#1"])
def test_an_ordinary_password_is_not_remarked_on(password):
    assert warnings_of(checked_row(password=password)) == []
    assert password_remarks(Secret(password)) == ()


@pytest.mark.parametrize("password", ["abcd efgh ijkl mnop", "12345678", "Grün#1"])
def test_what_is_only_said_when_the_login_is_refused(password):
    assert warnings_of(checked_row(password=password)) == []
    assert password_remarks(Secret(password))
