"""Bytes become the text that was written: Unicode by itself, else in the encoding that is named."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, fault_or_count, read, unclear_file
from mailbox_files import ACCENTED_FILE, ACCENTED_TEXT

from flask_mailbox_import.core.encodings import ENCODINGS
from flask_mailbox_import.core.errors import FileError


@pytest.mark.parametrize(
    ("codec", "name"), [("cp1252", "Müller"), ("mac_roman", "Müller"), ("cp1251", "Анна Иванова")]
)
def test_the_guess_reads_the_file_as_it_was_written(codec, name):
    data = (
        ACCENTED_TEXT.replace("Zoë Müller", name)
        .replace("Größe", "x")
        .replace("ç", "c")
        .encode(codec)
    )
    rows = read(data, CONFIG, encoding=unclear_file(data).details["guess"]).rows
    assert rows[0].mailbox.display_name == name


@pytest.mark.parametrize("name", [name for name, *_ in ENCODINGS])
def test_every_encoding_that_is_offered_can_be_asked_for(name):
    codec = next(codec for each, codec, _ in ENCODINGS if each == name)
    letters = "".join(map(chr, range(0xA1, 0xE50))).encode(codec, "ignore").decode(codec)
    word = next(each for each in letters if each.isalpha() and not each.isascii())
    text = ACCENTED_TEXT.replace("Größe", word).replace("Zoë Müller", "Z").replace("ç", "c")
    rows = read(text.encode(codec), CONFIG, encoding=name).rows
    assert rows[0].mailbox.smtp.password.reveal() == f"{word}#CANARY"


def test_an_encoding_that_does_not_fit_is_refused():
    with pytest.raises(FileError) as caught:
        read(b"\x81" + ACCENTED_FILE, CONFIG, encoding="windows-1252")
    assert caught.value.reason == "unreadable_encoding"
    assert "guess" not in caught.value.details


def test_a_byte_order_mark_decides_whatever_is_asked_for():
    rows = read(ACCENTED_TEXT.encode("utf-8-sig"), CONFIG, encoding="windows-1252").rows
    assert rows[0].mailbox.display_name == "Zoë Müller"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "почта,пароль,сервер исходящей почты,сервер входящей почты,имя\na@x.com,pw,h.x.com,,Ян\n",
        "email,password,smtphost,imaphost,заметка\na@x.com,pw,h.x.com,," + "Привет" * 40 + "\n",
    ],
)
def test_utf_16_without_a_mark_is_known_in_any_script(codec, text):
    assert fault_or_count(text.encode("utf-8")) == 1
    assert fault_or_count(text.encode(codec)) == 1
