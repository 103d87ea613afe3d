"""A quotation mark that is not closed, in files whose rows name no server."""

from __future__ import annotations

import pytest
from file_reading import CONFIG, HEADER, read

from flask_mailbox_import import FileError

FOUND = {"find_servers": True}
GIVEN = {"servers": {"smtphost": "smtp.x.com"}}
FOR_READING = {"servers": {"imaphost": "imap.x.com"}, "find_servers": True}
WAYS = pytest.mark.parametrize("options", [FOUND, GIVEN, FOR_READING])


@WAYS
@pytest.mark.parametrize(
    "text",
    [
        'email,password\na@gmail.com,"pw\nb@gmail.com,pw2\nc@gmail.com,pw3"\n',
        'email,password\na@gmail.com,"pw\nb@gmail.com,pw2\n',
        'email,password\na@gmail.com,"pw\nb@gmail.com,"pw2"\n',
        'password,email\n"pw,a@gmail.com\npw2,b@gmail.com\n',
        'email,password\n"a@gmail.com,pw\n"b@gmail.com",pw2\n',
        'email,password,name\na@gmail.com,pw,"Ann\nb@gmail.com,pw2,Bob\nc@gmail.com,pw3,"Cy"\n',
        'email,password,smtphost\na@gmail.com,"pw,\nb@gmail.com,pw2,\nc@gmail.com,pw3",\n',
        'email;password;smtphost\na@gmail.com;"pw;\nb@gmail.com;pw2;\nc@gmail.com;pw3";\n',
        'email,password,smtphost\na@x.com,"pw,s.x.com\nb@x.com,,s.x.com\nc@x.com,pw3",s.x.com\n',
    ],
)
def test_rows_that_a_quotation_mark_has_swallowed_are_told(options, text):
    with pytest.raises(FileError) as caught:
        read(text.encode(), CONFIG, **options)
    assert caught.value.reason == "malformed_csv"
    assert caught.value.details == {"row": 2}


@WAYS
@pytest.mark.parametrize(
    "text",
    [
        'email,password,displayname\na@gmail.com,pw,"Ann Lee\nann@home.example"\n',
        'email,password,displayname\na@gmail.com,pw,"Ann Lee\nann@home.example\nLondon"\n',
        'email,password,notes\na@gmail.com,pw,"Ask Bob:\nbob@home.example\nor Cy"\n',
        'email,password,notes\na@gmail.com,pw,"Ann\nann@home.example, 49 30\nLondon"\n',
    ],
)
def test_an_address_in_a_text_of_several_lines_is_no_row(options, text):
    (row,) = read(text.encode(), CONFIG, **options).rows
    assert row.failure is None


def test_where_every_row_names_its_server_it_still_decides():
    text = f'{HEADER[:-1]},notes\na@x.com,pw,s.x.com,,"One\nb@y.com,Bob\ntwo"\n'
    (row,) = read(text.encode(), CONFIG).rows
    assert row.failure is None


def test_the_api_says_so(host):
    text = 'email,password\na@gmail.com,"pw\nb@gmail.com,pw2\nc@gmail.com,pw3"\n'
    for fields in ({"findServers": "true"}, {"smtphost": "smtp.x.com"}):
        answer = host.post(text, dryRun="true", **fields)
        assert (answer.status_code, answer.json["reason"]) == (400, "malformed_csv")
