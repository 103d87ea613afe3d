"""What a server's reply says of waiting, and what of it may be shown."""

from __future__ import annotations

import pytest
from mail_logins import login

from flask_mailbox_import.probe.replies import parse_reply, shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("throttled. Suggested Backoff Time: 178755 milliseconds", 178.755),
        ("try again in 20 seconds", 20),
        ("Please come back in 300 seconds.", 300),
        ("greylisted, retry after 5 minutes", 300),
        ("try again in 1 hour", 3600),
        ("try again later", None),
        ("4.7.0 [10.0.0.1] try later", None),
        ("try again in 5 \u017f", None),
    ],
)
def test_a_stated_wait_is_read(text, seconds):
    assert parse_reply(451, text.encode()).wait == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.7.8 <script>alert(1)</script>", "535 5.7.8 scriptalert(1)/script"),
        ("no \x1b[31mred\x07\u202e", "535 no [31mred"),
        ("see https://evil.example/x or www.evil.example now", "535 see or now"),
        ("refused from 10.1.2.3 and [fe80::1:2:3]", "535 refused from and []"),
        ("x" * 400, "535 " + "x" * 299 + "…"),
        ("your password s3cret pässword is wrong", "535"),
        ("got S3CRETPÄSSWORD", "535"),
        ("got czNjcmV0IHDDpHNzd29yZA==", "535"),
        ("got AHVzZXJAZXhhbXBsZS5jb20AczNjcmV0IHDDpHNzd29yZA==", "535"),
        ("got 733363726574", "535 got 733363726574"),
        ("got 7333637265742070c3a4737377 6f7264 73336372657420 70c3a47373776f7264", "535"),
        ("got s3cret%20p%C3%A4ssword", "535"),
    ],
)
def test_what_is_shown_of_a_reply_is_plain_and_holds_no_password(text, expected):
    assert shown(parse_reply(535, text.encode()), login()) == expected
