"""The fields of an import request: each known, given once and well formed, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict

from .decoding import encoding_named
from .errors import RequestError, file_too_large
from .labels import MAX_TAG_LENGTH, clean_tag
from .records import RowStatus
from .table import MAX_COLUMNS

_FIELDS = (
    *("tag", "skipConnectionTest", "dryRun", "testImap", "encoding"),
    *("onDuplicate", "columnMapping"),
)
_MAPPING = (
    "columnMapping is a JSON object of the file's columns, each once, and ours, such as "
    '{"Mail server": "smtphost"}.'
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What an import is asked to do, beside the file."""

    tag: str | None
    skip_connection_test: bool
    dry_run: bool
    #: None where the form does not say.
    test_imap: bool | None
    encoding: str | None
    column_mapping: Mapping[str, str | None]
    #: A mailbox that is there already is updated, not skipped.
    updates: bool


def read_fields(request: Request, *, beside: Container[str] = ()) -> Fields:
    """Return the fields of the form; ``beside`` are others that it may have.

    :raises RequestError: 400 ``invalid_field``: unknown, twice, or malformed; ``invalid_mapping``.
    """
    for name in request.args:
        if name in _FIELDS:
            raise _invalid(name, "belongs in the form, not in the address")
    for name in request.form:
        if name not in (*_FIELDS, "file") and name not in beside:
            raise _invalid(name, f"is not known; known are file, {', '.join(_FIELDS)}")
    return Fields(
        tag=_tag(request),
        skip_connection_test=_boolean(request.form, "skipConnectionTest"),
        dry_run=_boolean(request.form, "dryRun"),
        test_imap=_boolean(request.form, "testImap") if _text(request.form, "testImap") else None,
        encoding=_encoding(request),
        column_mapping=_column_mapping(request),
        updates=_choice(request.form, "onDuplicate", ("skip", "update")) == "update",
    )


def read_flag(request: Request, name: str) -> bool:
    """Return the one boolean that the address of a call may have.

    :raises RequestError: 400 ``invalid_field``: unknown, twice or malformed.
    """
    refuse_arguments(request, name)
    return _boolean(request.args, name)


def refuse_arguments(request: Request, *known: str) -> None:
    """Refuse what is in the address and means nothing there: it is mistyped, or misplaced.

    :raises RequestError: 400 ``invalid_field``.
    """
    for name in request.args:
        if name not in known:
            raise _invalid(name, "is not taken in the address")


def too_large(request: Request, limit: int) -> RequestError:
    """Return the fault of a body that Werkzeug refused to read."""
    if (request.content_length or limit * 2) <= limit:
        return RequestError(400, "invalid_field", "The form has more parts than an import has.")
    fault = file_too_large(limit)
    return RequestError(413, fault.reason, fault.message, details=fault.details)


def prefers_async(request: Request) -> bool:
    """Tell whether the caller would rather not wait (RFC 7240 section 4.1)."""
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    return any(each.partition(";")[0].strip().lower() == "respond-async" for each in preferences)


def read_status(request: Request) -> RowStatus | None:
    """Return the status that a list of rows is asked for; None stands for all.

    :raises RequestError: 400 ``invalid_field``.
    """
    value = _choice(request.args, "status", [each.value for each in RowStatus])
    return RowStatus(value) if value else None


def read_cursor(request: Request) -> str | None:
    """Return where a list goes on.

    :raises RequestError: 400 ``invalid_field``: given twice.
    """
    return _text(request.args, "cursor") or None


def _choice(form: MultiDict[str, str], name: str, known: Sequence[str]) -> str:
    text = _text(form, name)
    if text and text not in known:
        raise _invalid(name, f"must be one of {', '.join(known)}")
    return text


def _text(form: MultiDict[str, str], name: str) -> str:
    values = form.getlist(name)
    if len(values) > 1:
        raise _invalid(name, "is given more than once")
    return values[0].strip() if values else ""


def _boolean(form: MultiDict[str, str], name: str) -> bool:
    text = _text(form, name).lower()
    if text and text not in _BOOLEANS:
        raise _invalid(name, "must be true or false")
    return _BOOLEANS.get(text, False)


def _tag(request: Request) -> str | None:
    try:
        return clean_tag(_text(request.form, "tag"))
    except ValueError:
        raise _invalid("tag", f"is longer than {MAX_TAG_LENGTH} characters") from None


def _encoding(request: Request) -> str | None:
    text = _text(request.form, "encoding")
    try:
        return encoding_named(text) if text else None
    except ValueError as fault:
        raise _invalid("encoding", f"is wrong: {fault}") from None


def _column_mapping(request: Request) -> Mapping[str, str | None]:
    """Return their header -> our column; an empty or null one is a column that is not used."""
    text = _text(request.form, "columnMapping")
    if not text:
        return {}
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
        # Half of a surrogate pair is no text.
        json.dumps(pairs, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, _Pairs) or len(pairs) > MAX_COLUMNS:
        raise RequestError(400, "invalid_mapping", _MAPPING)
    found: dict[str, str | None] = {}
    for theirs, ours in pairs:
        if not isinstance(ours, str | None) or theirs in found:
            raise RequestError(400, "invalid_mapping", _MAPPING)
        found[theirs] = ours
    return found


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it was written, keys that are there twice and all."""


def read_file(request: Request) -> FileStorage:
    """Return the one uploaded file.

    :raises RequestError: 400 ``no_file`` or ``invalid_field``.
    """
    for name in request.files:
        if name != "file":
            raise _invalid(name, "is not known; send the file in the field 'file'")
    # A browser sends a part without a name where nothing was chosen.
    files = [each for each in request.files.getlist("file") if each.filename]
    if not files:
        wrong = "file" in request.form
        advice = "The field 'file' holds text, not a file: " if wrong else "There is no file: "
        raise RequestError(400, "no_file", advice + "with curl, send --form file=@mailboxes.csv.")
    if len(files) > 1 or "file" in request.form:
        raise _invalid("file", "is given more than once")
    return files[0]


def _invalid(name: str | None, why: str) -> RequestError:
    name = (name or "")[:64]
    return RequestError(400, "invalid_field", f"The field '{name}' {why}.", details={"field": name})
