"""Reads and checks the fields and arguments of a request, for pages and API calls alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Request, request
from flask_wtf import FlaskForm
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import BooleanField, StringField

from ..core.imports import ImportOptions, InvalidOption, OnDuplicate
from ..core.rows import (
    MAX_COLUMNS,
    SERVER_COLUMNS,
    RowStatus,
)
from ..core.words import say
from .errors import RequestError, invalid_field

_FALSE = (False, "", "false", "0")


class _Form(FlaskForm):
    """A form whose words are all ours.

    Flask-WTF would look for its own in Flask-Babel, even where another extension has that name.
    """

    class Meta(FlaskForm.Meta):
        """See WTForms' ``Meta``."""

        def get_translations(self, _form: object) -> None:
            """Return no translations."""


class UploadForm(_Form):
    """The fields that the upload page shows again after a fault."""

    tag = StringField()
    pasted = StringField()
    skipConnectionTest = BooleanField(false_values=_FALSE)  # noqa: N815 (as the API's)
    testImap = BooleanField(false_values=_FALSE)  # noqa: N815 (as the API's)


class ConfirmForm(_Form):
    """The form of a button: only the CSRF token."""


def sent(form: type[FlaskForm]) -> FlaskForm:
    """Return a form filled from form data, not from a JSON body."""
    return form(formdata=CombinedMultiDict[str, Any]([request.files, request.form]))


_MAPPING = say(
    "columnMapping is a JSON object of the file's columns, each once, and ours, such as "
    '{"Mail server": "smtphost"}.'
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def read_options(
    request: Request,
    workspace_id: str,
    *,
    api_key_id: int | None = None,
    beside: Container[str] = (),
    fields: Sequence[str] | None = None,
) -> ImportOptions:
    """Return the options of an import that a form asks for; its file's name is yet to be added.

    :param beside: other fields that the form may have.
    :param fields: those that the form may have beside its file; None: all fields of an import.
    :raises RequestError: 400 ``invalid_field``: unknown, twice, or malformed; ``invalid_mapping``.
    """
    fields = FIELDS if fields is None else fields
    for name in request.args:
        if name in fields:
            raise invalid_field(name, say("belongs in the form, not in the address"))
    for name in request.form:
        if name not in (*fields, "file") and name not in beside:
            known = ", ".join(("file", *fields))
            raise invalid_field(name, say("is not known; known are %(fields)s", fields=known))
    options = ImportOptions(workspace_id=workspace_id, api_key_id=api_key_id)
    for name, (option, read) in _OPTIONS.items():
        text = _text(request.form, name) if name in fields else ""
        value = read(name, text) if text else None
        if value is None or option is None:
            continue
        try:
            options = replace(options, **{option: value})
        except InvalidOption as fault:
            why = fault.words
            if not why.startswith("is "):
                why = say("is wrong: %(why)s", why=why)
            raise invalid_field(name, why) from None
    return replace(options, servers=_servers(request) if SERVER_COLUMNS[0] in fields else {})


def _servers(request: Request) -> dict[str, str]:
    """Return the server fields that a form has; what they say is judged with the file."""
    given = {name: _text(request.form, name) for name in SERVER_COLUMNS}
    for name in ("smtpsecure", "imapsecure"):
        if given[name]:
            given[name] = str(_boolean(name, given[name])).lower()
    return given


def is_dry_run(request: Request) -> bool:
    """Tell whether a form asks only for a check of the file.

    :raises RequestError: 400 ``invalid_field``.
    """
    text = _text(request.form, "dryRun")
    return bool(text) and _boolean("dryRun", text)


def read_flag(request: Request, name: str) -> bool:
    """Return a boolean query argument.

    :raises RequestError: 400 ``invalid_field``: given twice or malformed.
    """
    text = _text(request.args, name)
    return bool(text) and _boolean(name, text)


def refuse_arguments(request: Request, *known: str) -> None:
    """Refuse query arguments that are not known: they are mistyped or belong elsewhere.

    :raises RequestError: 400 ``invalid_field``.
    """
    for name in request.args:
        if name not in known:
            raise invalid_field(name, say("is not taken in the address"))


def prefers_async(request: Request) -> bool:
    """Tell whether the caller sent ``Prefer: respond-async`` (RFC 7240 section 4.1)."""
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    return any(each.partition(";")[0].strip().lower() == "respond-async" for each in preferences)


def read_status(request: Request) -> RowStatus | None:
    """Return the status of the rows to list; None: all.

    :raises RequestError: 400 ``invalid_field``.
    """
    text = _text(request.args, "status")
    known = [each.value for each in RowStatus]
    return RowStatus(_choice("status", text, known)) if text else None


def read_cursor(request: Request) -> str | None:
    """Return the cursor of a list; None where there is none.

    :raises RequestError: 400 ``invalid_field``: given twice.
    """
    return _text(request.args, "cursor") or None


def _choice(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise invalid_field(name, say("must be one of %(known)s", known=", ".join(known)))
    return text


def _text(form: MultiDict[str, str], name: str) -> str:
    values = form.getlist(name)
    if len(values) > 1:
        raise invalid_field(name, say("is given more than once"))
    return values[0].strip() if values else ""


def _as_it_is(_name: str, text: str) -> str:
    return text


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise invalid_field(name, say("must be true or false"))
    return _BOOLEANS[text.lower()]


def _on_duplicate(name: str, text: str) -> OnDuplicate:
    return OnDuplicate(_choice(name, text, [OnDuplicate.SKIP.value, OnDuplicate.UPDATE.value]))


def _column_mapping(_name: str, text: str) -> Mapping[str, str | None]:
    """Return a mapping of the file's header to our columns; "" or null: not used."""
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
        # Half a surrogate pair cannot be encoded.
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
    """The pairs of a JSON object, with repeated keys."""


#: For each field the option that it sets, and the function that reads its text. They are read in
#: this order.
_OPTIONS: dict[str, tuple[str | None, Callable[[str, str], Any]]] = {
    "tag": ("tag", _as_it_is),
    "skipConnectionTest": ("skip_connection_test", _boolean),
    "dryRun": (None, _boolean),  # no option: see is_dry_run
    "testImap": ("test_imap", _boolean),
    "encoding": ("encoding", _as_it_is),
    "columnMapping": ("column_mapping", _column_mapping),
    "onDuplicate": ("on_duplicate", _on_duplicate),
    "findServers": ("find_servers", _boolean),
}
#: All fields of an import beside its file.
FIELDS = (
    *("tag", "skipConnectionTest", "dryRun", "testImap", "encoding"),
    *("onDuplicate", "columnMapping", "findServers"),
    *SERVER_COLUMNS,
)
#: The fields of a file of failed rows that comes back, beside the file.
RETURN_FIELDS = ("encoding", "columnMapping")


_CHOSEN_TWICE = say("A column is chosen twice: choose another one, or that there is none.")
#: The name of a select is this, and then our column.
_SELECT = "column-"


def has_mapping(request: Request) -> bool:
    """Tell whether a form says which columns of a file are ours."""
    return any(name.startswith(_SELECT) for name in request.form)


def read_mapping(request: Request) -> Mapping[str, str | None]:
    """Return a mapping of the file's header to our columns from selects, ``column-OURS=THEIRS``.

    THEIRS is a space for "the file has no such column"; the mapping has ``""`` for it.

    :raises RequestError: 422 ``invalid_field``: one column is chosen twice.
    """
    chosen = [
        (theirs.strip(), name.removeprefix(_SELECT))
        for name, theirs in request.form.items()
        if name.startswith(_SELECT) and theirs
    ]
    if len(dict(chosen)) < len(chosen):
        raise RequestError(422, "invalid_field", _CHOSEN_TWICE)
    return dict(chosen)
