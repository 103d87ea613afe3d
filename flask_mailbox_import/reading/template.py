"""The template that users fill in: our columns, and an example row that an import leaves out."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ..core.host_columns import HostColumn
from ..core.rows import COLUMNS, Record
from ..core.secret import Secret

#: An import recognises the example by its password.
EXAMPLE = {
    "email": "ann@example.com",
    "password": "(example: replace this row)",
    "smtphost": "smtp.example.com",
    "imaphost": "imap.example.com",
    "smtpport": "587",
    "imapport": "993",
    "smtpsecure": "false",
    "imapsecure": "true",
    "displayname": "Ann Example",
}
_PASSWORD = Secret(EXAMPLE["password"])


def is_example(record: Record) -> bool:
    """Tell whether a record is the template's example row."""
    return record.secrets["password"].same_as(_PASSWORD)


def template(host_columns: Sequence[HostColumn] = ()) -> bytes:
    """Return the template: CSV (RFC 4180) in UTF-8 with a byte-order mark.

    Without the mark, Excel would save it in another encoding.

    :param host_columns: the columns of the host's own; the example leaves them empty.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    header = (*COLUMNS, *(each.title for each in host_columns))
    writer.writerow(header)
    writer.writerow(EXAMPLE.get(each, "") for each in header)
    return text.getvalue().encode("utf-8-sig")
