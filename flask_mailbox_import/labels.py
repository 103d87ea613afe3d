"""Tags and workspace ids: what may be written beside a mailbox, cleaned or refused."""

from __future__ import annotations

import re
import unicodedata

MAX_TAG_LENGTH = 64
MAX_FILE_NAME_LENGTH = 128
MAX_WORKSPACE_ID_LENGTH = 255


def plain(text: str) -> str:
    """Return text on one line, without control and formatting characters, for show or storage."""
    spaced = "".join(" " if each.isspace() else each for each in text)
    visible = "".join(each for each in spaced if unicodedata.category(each)[0] != "C")
    return " ".join(visible.split())


def clean_file_name(name: str | None) -> str | None:
    """Return the name of a file as it is shown: without folders, cut to 128 characters."""
    base = re.split(r"[/\\]", name or "")[-1]
    return plain(base)[:MAX_FILE_NAME_LENGTH] or None


def clean_tag(text: str | None) -> str | None:
    """Return a tag as it is stored, None when nothing is left of it.

    :raises ValueError: longer than 64 characters.
    """
    tag = plain(text or "")
    if len(tag) > MAX_TAG_LENGTH:
        raise ValueError(f"the tag is longer than {MAX_TAG_LENGTH} characters")
    return tag or None


def check_workspace_id(value: object) -> str:
    """Return a workspace id if it is one.

    :raises ValueError: not a text of 1 to 255 visible characters.
    """
    if not isinstance(value, str) or not value or value != plain(value):
        raise ValueError("a workspace id is a str without control characters or extra spaces")
    if len(value) > MAX_WORKSPACE_ID_LENGTH:
        raise ValueError(f"a workspace id has at most {MAX_WORKSPACE_ID_LENGTH} characters")
    return value
