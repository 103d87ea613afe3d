"""What is asked about a file that is not in Unicode, and which samples of it are shown."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, fault_or_count, unclear_file
from mailbox_files import ACCENTED_FILE, ACCENTED_TEXT

from flask_mailbox_import import FileError
from flask_mailbox_import.reading.header import Matcher
from flask_mailbox_import.reading.question import encoding_choices


def test_a_file_that_is_not_in_unicode_is_not_read_but_asked_about():
    found = unclear_file(ACCENTED_FILE)
    assert found.details["guess"] == "windows-1252"
    assert found.details["line"] == 2
    assert found.details["samples"] == [
        {"row": 2, "column": "displayname", "text": "Zoë Müller"},
        {"row": 3, "column": "displayname", "text": "François"},
        {"row": 2, "column": "password", "text": "ßö"},
    ]
    assert "give windows-1252 as its encoding. If not, save the file" in found.message
    assert {"windows-1252", "macintosh"} <= set(found.details["encodings"])
    assert "CANARY" not in f"{found} {found.details}"


def test_letters_that_stand_in_a_header_or_in_a_password_alone_are_shown_so():
    header = ACCENTED_TEXT.replace("displayname", "Größe").encode("cp1252")
    assert "Größe" in [each["text"] for each in unclear_file(header).details["samples"]]
    alone = ACCENTED_TEXT.replace("Zoë Müller", "Zo").replace("François", "F").encode("cp1252")
    assert [each["text"] for each in unclear_file(alone).details["samples"]] == ["ßö"]


def test_a_host_before_the_password_does_not_show_that_nothing_has_moved():
    header = "smtphost,smtpport,email,password,displayname,imaphost\n"
    line = "smtp.x.test,587,a@x.test,pa,Größe#CANARY,Bob,imap.x.test\n"
    found = unclear_file((header + line).encode("cp1252"))
    assert "CANARY" not in f"{found} {found.details}"


def test_of_a_row_whose_cells_have_moved_only_letters_are_shown():
    data = ACCENTED_TEXT.replace("b@x.test,pw,", "b@x.test,Pä,CANARÝ,").encode("cp1252")
    shown = [each["text"] for each in unclear_file(data).details["samples"]]
    assert "CANAR" not in "".join(shown)
    assert "Zoë Müller" in shown


def choices_of(data: bytes) -> list[tuple[str, tuple[str, ...]]]:
    found = encoding_choices(data, CONFIG, Matcher())
    return [(each.name, tuple(sample.text for sample in each.samples)) for each in found]


def test_the_samples_tell_the_encodings_apart_by_a_letter_of_any_row():
    names = ("Müller", "Jäger", "Köhler", "Größe", "Weiß")
    rows = [f"{each[0].lower()}@x.test,pw,h.x.test,,{each}\n" for each in names]
    text = (
        ACCENTED_TEXT.splitlines(keepends=True)[0] + "".join(rows) + "z@x.test,pa€ss,h.x.test,,Z\n"
    )
    choices = dict(choices_of(text.encode("iso8859_15")))
    assert any("€" in sample for sample in choices["iso-8859-15"])
    assert len(set(choices.values())) == len(choices)
    assert not any("pa" in sample for samples in choices.values() for sample in samples)


@pytest.mark.parametrize(
    "name", ["Müller\u00a0GmbH", "« Société »", "Müller\nGmbH", "Mül\u00adler"]
)
def test_letters_that_cannot_be_seen_take_no_encoding_away(name):
    name = name.replace("« ", "«\u00a0")
    data = ACCENTED_TEXT.replace("Zoë Müller", f'"{name}"').encode("cp1252")
    assert "windows-1252" in dict(choices_of(data))


def fault_of_letters(name: str, codec: str = "cp1252", more: str = "") -> FileError:
    """Return the fault of a file that is not in Unicode."""
    text = f"email,password,smtphost,imaphost,displayname\nb@x.com,pw,smtp.x.com,,{name}\n{more}"
    found = fault_or_count(text.encode(codec))
    assert isinstance(found, FileError)
    assert found.reason == "unreadable_encoding"
    return found


@pytest.mark.parametrize("name", ['"Jörg\nMüller"', "Jörg\tMüller", "Jörg\x07", "Jö\0rg"])
def test_a_sample_with_a_control_character_is_asked_about(name):
    assert "windows-1252" in fault_of_letters(name).details["encodings"]


def test_a_sample_of_a_no_break_space_alone_is_asked_about():
    more = "c@x.com,pw,smtp.x.com\xa0,,\nd@x.com,pw\xa0,smtp.x.com,,\n"
    assert fault_of_letters("Jörg Müller", more=more).details["guess"] == "windows-1252"


@pytest.mark.parametrize(
    ("name", "codec", "encoding"),
    [
        ("Jörg\xa0Müller", "cp1252", "windows-1252"),
        ("Jörg Mül\xadler", "cp1252", "windows-1252"),
        ("«\xa0Zoë\xa0»", "mac_roman", "macintosh"),
        ("\u0645\u064a\u200c\u062e\u0648\u0627\u0647\u0645", "cp1256", "windows-1256"),
        ("שלום\u200f", "cp1255", "windows-1255"),
    ],
)
def test_the_encoding_of_a_sample_with_an_invisible_character_is_offered(name, codec, encoding):
    assert encoding in fault_of_letters(name, codec).details["encodings"]


@pytest.mark.parametrize("end", ["eim\xe9", "eim\xe9 x", ".eim\xe9"])
def test_no_half_of_a_password_is_shown_as_a_sample(end):
    row = f"a@x.com,geh,{end},smtp.x.com,imap.x.com"
    found = fault_of_letters("Zo\xeb", more=row)
    assert [each["text"] for each in found.details["samples"]] == ["Zo\xeb"]
    assert "eim" not in found.message


@pytest.mark.parametrize(
    ("name", "codec", "shown"),
    [
        ("Ann\xa0Smith", "cp1252", "Ann[no-break space]Smith"),
        ("Jörg Mül\xadler", "cp1252", "Jörg Mül[soft hyphen]ler"),
        ('"Jörg\nMüller"', "cp1252", "Jörg[line break]Müller"),
        ("Jörg\tMüller", "cp1252", "Jörg[tab]Müller"),
        ("Jörg\x07", "cp1252", "Jörg[control character 07]"),
        ("«\xa0Zoë\xa0»", "mac_roman", "«[no-break space]Zoë[no-break space]»"),
        ("שלום\u200f", "cp1255", "שלום[right-to-left mark]"),
        ("\u0645\u064a\u200c\u062e", "cp1256", "\u0645\u064a[zero width non-joiner]\u062e"),
        ("佐藤\u3000太郎", "cp932", "佐藤[ideographic space]太郎"),
    ],
)
def test_a_character_that_cannot_be_seen_is_named(name, codec, shown):
    found = fault_of_letters(name, codec)
    assert [each["text"] for each in found.details["samples"]] == [shown]
    assert f"“{shown}”" in found.message


def test_of_a_password_the_name_of_its_no_break_space_is_shown_and_nothing_else():
    data = b"email,password,smtphost,imaphost\na@x.com,CANARY\xa0,smtp.x.com,imap.x.com\n"
    found = unclear_file(data)
    assert found.details["guess"] == "windows-1252"
    assert {"row": 2, "column": "password", "text": "[no-break space]"} in found.details["samples"]
    assert "If “[no-break space]” looks right" in found.message
    texts = [each.text for choice in found.question.encodings for each in choice.samples]
    assert all(text and text.isprintable() and "CANARY" not in text for text in texts)


def test_a_file_without_a_column_for_imap_is_asked_about():
    data = "email,password,smtphost,displayname\na@x.com,CANARY,smtp.x.com,Zoë\n".encode("cp1252")
    (first, *_) = encoding_choices(data, CONFIG, Matcher({"": "imaphost"}))
    assert (first.name, first.samples[0].text) == ("windows-1252", "Zoë")
