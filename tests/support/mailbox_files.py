"""The files of mailboxes that tests import, written line by line."""

from __future__ import annotations

import csv
import io

#: The columns of most files.
Header = "email,password,smtphost,imaphost,smtpport,smtpsecure\n"


def row(
    email: str,
    password: str,
    port: int,
    *,
    host: str = "localhost",
    secure: str = "false",
) -> str:
    """Return a line of a CSV with the columns of ``Header``."""
    quoted = password.replace('"', '""')
    return f'{email},"{quoted}",{host},imap.example.com,{port},{secure}\n'


def file_of(port: int, *names: str, password: str = "pw") -> str:
    """Return a file of these names at x.com, all with one password on one port."""
    return Header + "".join(row(f"{each}@x.com", password, port) for each in names)


def untested(count: int) -> str:
    """Return a file of so many mailboxes, for imports that do not test them."""
    lines = [row(f"u{each}@x.com", "pw", 587, host="smtp.x.com") for each in range(count)]
    return Header + "".join(lines)


#: A row whose test is skipped in most tests: nobody answers at its host.
READY = row("a@x.com", "pw", 587, host="smtp.x.com")

#: A file with letters beyond ASCII, as text and in an encoding that is not Unicode.
ACCENTED_TEXT = (
    "email,password,smtphost,imaphost,displayname\n"
    "zoe@x.test,Grö\u00dfe#CANARY,smtp.x.test,imap.x.test,Zoë Müller\n"
    "b@x.test,pw,smtp.x.test,,François\n"
)
ACCENTED_FILE = ACCENTED_TEXT.encode("cp1252")


def rows_on(server_or_port, count: int, host: str = "localhost", name: str = "u") -> str:
    """Return so many rows on one server, each with a password of its own."""
    port = getattr(server_or_port, "port", server_or_port)
    return "".join(
        row(f"{name}{each}@x.com", f"pw{each}", port, host=host) for each in range(count)
    )


def report_cells(data: bytes) -> list[list[str]]:
    """Return the cells of a CSV file that the app wrote for spreadsheets."""
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


THREE_MAILBOXES = Header + "".join(
    row(f"{each}@x.com", "pw", 587, host="smtp.x.com") for each in "abc"
)

#: A row of ``Header`` that is right.
ROW = "a@example.com,pw,smtp.example.com,,587,false\n"

#: The four columns that a file must have.
SHORT_HEADER = b"email,password,smtphost,imaphost\n"
