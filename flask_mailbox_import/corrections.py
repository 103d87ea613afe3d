"""What somebody corrects: rows in a JSON body or a form, columns in a form; judges no value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from flask import Request

from .errors import RequestError
from .names import COLUMNS, SECRET_COLUMNS
from .results import KeptCells
from .secret import Secret

_RETRY = (
    'The body is a JSON object such as {"rows": [14], "corrections": {"14": {"smtphost": '
    '"mail.example.com"}}}, or none.'
)
_TWICE = "A column is chosen twice: choose another one, or that there is none."
_LONGEST_ROW = 9
#: How the select of one of our columns is called.
_SELECT = "column-"


def has_mapping(request: Request) -> bool:
    """Tell whether a form asks which columns of a file are ours."""
    return any(name.startswith(_SELECT) for name in request.form)


def read_mapping(request: Request) -> Mapping[str, str | None]:
    """Return their header -> our column from a page's selects, ``column-OURS=THEIRS``.

    A space, which no header is, stands for a column that is not there: ``""`` in the mapping.

    :raises RequestError: 422 ``invalid_field``: one column is chosen twice.
    """
    chosen = [
        (theirs.strip(), name.removeprefix(_SELECT))
        for name, theirs in request.form.items()
        if name.startswith(_SELECT) and theirs
    ]
    if len(dict(chosen)) < len(chosen):
        raise RequestError(422, "invalid_field", _TWICE)
    return dict(chosen)


def read_retry(request: Request) -> tuple[list[int], dict[int, dict[str, str | Secret]]]:
    """Return the rows, and the corrections by row, of a JSON body; no body is an empty one.

    :raises RequestError: 400 ``invalid_field``.
    """
    data = request.get_data()
    try:
        body = json.loads(data, object_pairs_hook=_once) if data else {}
        # Half of a surrogate pair is no text.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not body.keys() <= {"rows", "corrections"}:
        raise RequestError(400, "invalid_field", _RETRY)
    rows = [] if body.get("rows") is None else body["rows"]
    corrections = {} if body.get("corrections") is None else body["corrections"]
    if not isinstance(rows, list) or any(type(each) is not int for each in rows):
        raise RequestError(400, "invalid_field", _RETRY)
    return rows, _corrections(corrections)


def _corrections(body: object) -> dict[int, dict[str, str | Secret]]:
    found: dict[int, dict[str, str | Secret]] = {}
    for row, columns in body.items() if isinstance(body, dict) else [("", None)]:
        if not _is_row(row):
            raise RequestError(400, "invalid_field", _RETRY)
        if not isinstance(columns, dict) or int(row) in found:
            raise RequestError(400, "invalid_field", _RETRY)
        if not all(isinstance(each, str | int) for each in columns.values()):
            raise RequestError(400, "invalid_field", _RETRY)
        found[int(row)] = {
            name: _value(name, value if isinstance(value, str) else str(value).lower())
            for name, value in columns.items()
        }
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def read_corrections(
    request: Request, kept: Sequence[KeptCells]
) -> tuple[list[int], dict[int, dict[str, str | Secret]]]:
    """Return the ticked rows of a form, and what was changed in which, ``ROW.COLUMN=VALUE``.

    An empty password is one that was left as it is.
    """
    numbers = {each.row for each in kept}
    ticked = {int(each) for each in request.form.getlist("rows") if _is_row(each)}
    found: dict[int, dict[str, str | Secret]] = {}
    for each in kept:
        for name in COLUMNS:
            value = request.form.get(f"{each.row}.{name}")
            before = "" if name in SECRET_COLUMNS else each.cells.get(name, "")
            if value is not None and value != before:
                found.setdefault(each.row, {})[name] = _value(name, value)
    return sorted(ticked & numbers), found


def _value(name: str, text: str) -> str | Secret:
    return Secret(text) if name in SECRET_COLUMNS else text


def _is_row(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_ROW
