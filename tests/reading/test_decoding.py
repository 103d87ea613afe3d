"""Bytes become the text that was written: Unicode by itself, else in the encoding that is named."""

# ruff: noqa: RUF001, RUF003
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


#: Cells as people write them, each with but one character that is not ASCII.
NOTES = (
    *("costs £5", "20€", "20°C", "2019–2020", "Sales — Berlin", "© Ann", "Acme® Ltd", "ACME™"),
    *("½ day", "20 m²", "5 µm", "Ann´s", "¿Que?", "¡Hola!", "« Shop »", "»Ann«", "• Ann", "more…"),
    *("5 ‰", "50¢", "¥500", "§ 5", "Ann’s Shop", "O’Brien", "“Ann” Smith", "Ann\xa0Smith"),
)
SYMBOLS = "£€°–—©®™½²µ´¿¡«»•…‰¢¥§’“”\xa0"
#: Where such a character may stand in a password, in the first row or in several.
PASSWORDS = (
    *("p{}ss", "pass{}", "{}pass", "Passw{}rd", "Jes{}s", "SECRET{}", "{}", "{}{}", "{}100"),
    "p{}ss,smtp.x.test,,\nb@x.test,{}1000,smtp.x.test,,\nc@x.test,Ab{}c9",
)


def guesses(header: str, row: str, codec: str) -> list[str]:
    """Return which encodings a file may be in, the likeliest first."""
    return unclear_file(f"{header}\n{row}\n".encode(codec)).details["encodings"]


@pytest.mark.parametrize("note", NOTES)
def test_a_lone_symbol_in_a_note_a_name_or_a_header_is_windows_1252(note):
    plain = "email;password;smtphost;imaphost;"
    row = "a@x.test;pw;smtp.x.test;;"
    for column in ("displayname", "notes"):
        assert guesses(plain + column, row + note, "cp1252")[0] == "windows-1252"
    assert guesses(plain + note, row, "cp1252")[0] == "windows-1252"


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_lone_symbol_in_a_password_is_windows_1252(symbol, password):
    row = f"a@x.test,{password.format(symbol, symbol, symbol)},smtp.x.test,,"
    assert guesses("E-Mail,Kennwort,smtphost,imaphost,x", row, "cp1252")[0] == "windows-1252"


@pytest.mark.parametrize(
    ("name", "codec"),
    [("macintosh", "mac_roman"), ("ibm850", "cp850")],
)
def test_a_symbol_that_a_mac_or_dos_wrote_is_among_the_first_three(name, codec):
    there = [each for each in NOTES if each.encode(codec, "ignore").decode(codec) == each]
    assert len(there) > 15
    for note in there:
        row = f"a@x.test,pw,smtp.x.test,,{note}"
        found = guesses("email,password,smtphost,imaphost,notes", row, codec)[:3]
        # Where it is the same byte in both, it is asked about under the likelier name.
        same = note.encode(codec) == note.encode("cp1252", "ignore")
        assert name in found or (same and "windows-1252" in found), note


@pytest.mark.parametrize(
    ("cell", "codec", "name"),
    [
        ("Łukasz", "cp1250", "windows-1250"),  # £ukasz
        ("Michał", "cp1250", "windows-1250"),  # Micha³
        ("Grażyna", "cp1250", "windows-1250"),  # Gra¿yna
        ("Dvořák", "iso8859_2", "windows-1250"),
        ("Štěpán Žižka", "iso8859_2", "iso-8859-2"),  # ©tìpán ®i¾ka
        ("Işık Yılmaz", "cp1254", "windows-1254"),
        ("Šarūnas", "cp1257", "windows-1257"),
        ("Ольга", "cp1251", "windows-1251"),
        ("Ольга", "koi8_r", "koi8-r"),
        ("Μαρία", "cp1253", "windows-1253"),
        ("佐藤太郎", "cp932", "shift_jis"),
        ("王小明", "gb18030", "gb18030"),
        ("김민수", "cp949", "euc-kr"),
        ("García", "mac_roman", "macintosh"),  # Garc’a
        ("Núñez", "mac_roman", "macintosh"),  # Nœ–ez
        ("Jesús Gómez", "cp850", "ibm850"),  # Jes£s G¢mez
    ],
)
def test_letters_that_would_be_symbols_amid_a_name_are_letters(cell, codec, name):
    row = f"a@x.test,pw,smtp.x.test,,{cell}"
    assert guesses("email,password,smtphost,imaphost,displayname", row, codec)[0] == name


def test_a_symbol_beside_names_takes_nothing_from_their_language():
    row = "a@x.test,p€ss,smtp.x.test,,Małgorzata – Łódź\nb@x.test,x§1,smtp.x.test,,Paweł Świątek"
    found = guesses("email,password,smtphost,imaphost,displayname", row, "cp1250")
    assert found[0] == "windows-1250"


@pytest.mark.parametrize("symbol", "¿¡¥£§")
def test_one_symbol_in_many_passwords_is_no_more_reason_for_another_encoding(symbol):
    rows = [f"u{at}@x.test,p{chr(97 + at)}{symbol}s,smtp.x.test,," for at in range(20)]
    found = guesses("email,password,smtphost,imaphost,x", "\n".join(rows), "cp1252")
    assert found[0] == "windows-1252"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("top", ["", "sep=,\n", "Our mailboxes\n\n"])
def test_the_column_of_passwords_is_found_whatever_is_above_and_ends_the_lines(top, end):
    text = f"{top}displayname,email,password,smtphost,imaphost\nAnn,a@x.test,Jes£s,smtp.x.test,\n"
    found = unclear_file(text.replace("\n", end).encode("cp1252"))
    assert found.details["guess"] == "windows-1252"


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
