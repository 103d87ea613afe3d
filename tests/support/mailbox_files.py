"""The files of mailboxes that tests import, written line by line."""

from __future__ import annotations

import csv
import io

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
    return Header + "".join(row(f"{each}@x.com", password, port) for each in names)


def untested(count: int) -> str:
    """Return a file of so many mailboxes, for imports that do not test them."""
    lines = [row(f"u{each}@x.com", "pw", 587, host="smtp.x.com") for each in range(count)]
    return Header + "".join(lines)


READY = row("a@x.com", "pw", 587, host="smtp.x.com")

ACCENTED_TEXT = (
    "email,password,smtphost,imaphost,displayname\n"
    "zoe@x.test,Grö\u00dfe#CANARY,smtp.x.test,imap.x.test,Zoë Müller\n"
    "b@x.test,pw,smtp.x.test,,François\n"
)
ACCENTED_FILE = ACCENTED_TEXT.encode("cp1252")


def rows_on(server_or_port, count: int, host: str = "localhost", name: str = "u") -> str:
    port = getattr(server_or_port, "port", server_or_port)
    return "".join(
        row(f"{name}{each}@x.com", f"pw{each}", port, host=host) for each in range(count)
    )


def report_cells(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


THREE_MAILBOXES = Header + "".join(
    row(f"{each}@x.com", "pw", 587, host="smtp.x.com") for each in "abc"
)

ROW = "a@example.com,pw,smtp.example.com,,587,false\n"

SHORT_HEADER = b"email,password,smtphost,imaphost\n"
