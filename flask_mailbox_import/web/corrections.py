"""Reads the corrections of failed rows: from the JSON of a call, or from the form of a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Request

from ..core.causes import Where
from ..core.codes import Code
from ..core.host_columns import HostColumn
from ..core.remedies import FailedCause
from ..core.rows import COLUMNS, SECRET_COLUMNS, KeptCells, RowStatus
from ..core.secret import Secret
from ..core.words import say
from ..engine.corrections import Change, Corrections, Values
from ..engine.state import current_state
from .boxes import columns_of
from .errors import RequestError

_RETRY = say(
    'The body is a JSON object such as {"rows": [14], "corrections": {"14": {"smtphost": '
    '"mail.example.com"}}}, or none.'
)
_CHANGES = say(
    'changes is a list of objects such as {"where": {"code": "dns_failure", "smtphost": '
    '"smtp.exmaple.com"}, "set": {"smtphost": "smtp.example.com"}}; where has at least one of '
    "code, smtphost and smtpport."
)
_WHERE = ("code", "smtphost", "smtpport")
#: As many as an import of the contract has rows.
_MAX_CHANGES = 500
_LONGEST_ROW = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Which failed rows a call wants tested again, and with which corrections."""

    corrections: Corrections
    rows: Sequence[int] = ()
    changes: Sequence[Change] = ()


def read_retry(request: Request) -> Retry:
    """Return what a JSON body asks for. No body asks for all rows that are retryable.

    :raises RequestError: 400 ``invalid_field``.
    """
    data = request.get_data()
    try:
        body = json.loads(data, object_pairs_hook=_once) if data else {}
        # Half a surrogate pair cannot be encoded.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not body.keys() <= {"rows", "corrections", "changes"}:
        raise RequestError(400, "invalid_field", _RETRY)
    given = {name: value for name, value in body.items() if value is not None}
    rows = given.get("rows", [])
    if not isinstance(rows, list) or any(type(each) is not int for each in rows):
        raise RequestError(400, "invalid_field", _RETRY)
    corrections = _corrections(given.get("corrections", {}))
    return Retry(rows=rows, corrections=corrections, changes=_changes(given.get("changes", [])))


def _corrections(body: object) -> Corrections:
    found: dict[int, Values] = {}
    for row, columns in body.items() if isinstance(body, dict) else [("", None)]:
        if not is_row(row) or int(row) in found:
            raise RequestError(400, "invalid_field", _RETRY)
        values = _values(columns)
        if values is None:
            raise RequestError(400, "invalid_field", _RETRY)
        found[int(row)] = values
    return found


def _changes(body: object) -> list[Change]:
    if not isinstance(body, list) or len(body) > _MAX_CHANGES:
        raise RequestError(400, "invalid_field", _CHANGES)
    return [_change(each) for each in body]


def _change(body: object) -> Change:
    if not isinstance(body, dict) or body.keys() != {"where", "set"}:
        raise RequestError(400, "invalid_field", _CHANGES)
    where, values = _where(body["where"]), _values(body["set"])
    if where is None or values is None:
        raise RequestError(400, "invalid_field", _CHANGES)
    return Change(where=where, values=values)


def _where(body: object) -> Where | None:
    if not isinstance(body, dict) or not body or not body.keys() <= set(_WHERE):
        return None
    code, host, port = map(body.get, _WHERE)
    if None in body.values() or code not in (None, *(each.value for each in Code)):
        return None
    is_port = type(port) is int or (isinstance(port, str) and is_row(port))
    if not isinstance(host, str | None) or not (port is None or is_port):
        return None
    return Where(
        code=Code(code) if code is not None else None,
        smtp_host=host,
        smtp_port=int(port) if port is not None else None,
    )


def _values(columns: object) -> Values | None:
    """Return the values of a JSON object by their columns; None where it is none of these."""
    if not isinstance(columns, dict):
        return None
    if not all(isinstance(each, str | int) for each in columns.values()):
        return None
    return {
        name: typed(name, value if isinstance(value, str) else str(value).lower())
        for name, value in columns.items()
    }


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def read_typed(
    form: Mapping[str, str],
    causes: Sequence[FailedCause],
    kept: Sequence[KeptCells],
    host_columns: Sequence[HostColumn] = (),
) -> dict[str, str | Secret | None]:
    """Return what was typed into the fields of a form; None: what was there before.

    A password field that was left empty is not changed.

    :param causes: those that have fields in the form.
    :param kept: the cells of the rows that have fields in it.
    """
    before: dict[str, str] = {}
    for cause in causes:
        before |= {f"{cause.key.id}.{name}": text for name, text in columns_of(cause).items()}
    names = (*COLUMNS, *(column.attribute for column in host_columns))
    for each in kept:
        before |= {f"{each.row}.{name}": each.cells.get(name, "") for name in names}
    found: dict[str, str | Secret | None] = {}
    for name in form.keys() & before.keys():
        column, text = name.partition(".")[2], form[name]
        if column not in SECRET_COLUMNS:
            found[name] = text if text != before[name] else None
        elif text:
            found[name] = Secret(text)
    return found


def rows_in(form: Mapping[str, str]) -> list[int]:
    """Return the numbers of the rows that have fields in a form."""
    beginnings = {name.partition(".")[0] for name in form if "." in name}
    return sorted(int(each) for each in beginnings if is_row(each))


def typed(name: str, text: str) -> str | Secret:
    """Return what was typed into a column; a password is a Secret at once."""
    return Secret(text) if name in SECRET_COLUMNS else text


def is_row(text: str) -> bool:
    """Tell whether a text is the number of a row."""
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_ROW


def kept_rows(workspace_id: str, import_id: str, rows: Sequence[int]) -> list[KeptCells]:
    """Return the cells that are kept of some failed rows, without passwords."""
    if not rows:
        return []
    return current_state().importer.kept_cells(
        import_id,
        workspace_id=workspace_id,
        status=RowStatus.FAILED,
        limit=len(rows),
        rows=rows,
    )


def field_id(name: str) -> str:
    """Return the id of a field by its name in the form."""
    return f"field-{name.replace('.', '-')}" if name else ""
