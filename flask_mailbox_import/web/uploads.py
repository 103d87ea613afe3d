"""Enforces the size limits of requests; no file's clear text goes to disk."""

from __future__ import annotations

import io
from typing import Any

from flask import Request, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import FileStorage

from ..core.errors import file_too_large
from ..engine.state import NAME, current_state
from .errors import RequestError, invalid_field

#: Room in a request beside the file: the other fields and the multipart boundaries.
_FORM_BYTES = 64 * 1024
_FORM_PARTS = 20
#: Room for one row in the form of a result page.
_ROW_BYTES = 2000


def limit_first(setup: BlueprintSetupState) -> None:
    """Set the limits before any hook of the blueprint or the host, which may read the form."""
    setup.app.url_value_preprocessors[None].insert(0, _limit)


def is_api(endpoint: str | None) -> bool:
    """Tell the endpoints of our JSON routes from those of our pages."""
    return (endpoint or "").startswith(f"{NAME}.api_")


def _limit(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Set the limits of our own requests before any hook reads the body.

    A host's CSRFProtect, made before or after us, leaves the API alone: it has no cookies.
    """
    if not (endpoint or "").startswith(f"{NAME}."):
        return
    config = current_state().config
    # The form of a result page comes back with what is kept of each row that failed.
    room = config.max_rows * _ROW_BYTES if endpoint == f"{NAME}.retry" else 0
    request.max_content_length = max(config.max_file_size, room) + _FORM_BYTES
    request.max_form_memory_size = request.max_content_length
    request.max_form_parts = _FORM_PARTS
    # The clear text of a file never goes to disk, as Werkzeug's own stream does above 500 kB.
    request._get_file_stream = _memory_stream  # type: ignore[method-assign]
    csrf = current_app.extensions.get("csrf")
    if csrf is not None and is_api(endpoint):
        view = current_app.view_functions[endpoint or ""]
        # It goes by names: one that a host's wrapper gave all views would exempt them all.
        if view.__module__.startswith(__package__):
            csrf.exempt(view)


def _memory_stream(*_args: object, **_kwargs: object) -> io.BytesIO:
    return io.BytesIO()


def check_envelope() -> None:
    """Judge media type and size, the body last."""
    if request.mimetype != "multipart/form-data" or request.content_encoding:
        raise RequestError(
            415,
            "not_multipart",
            "Send an uncompressed multipart/form-data body with the file in the field 'file'.",
        )
    limit = current_state().config.max_file_size
    if (request.content_length or 0) > limit + _FORM_BYTES:
        raise file_too_large(limit)
    for file in request.files.values():
        if file.seek(0, io.SEEK_END) > limit:
            raise file_too_large(limit)
        file.seek(0)


def uploaded_file(request: Request) -> FileStorage:
    """Return the one uploaded file.

    :raises RequestError: 400 ``no_file`` or ``invalid_field``.
    """
    for name in request.files:
        if name != "file":
            raise invalid_field(name, "is not known; send the file in the field 'file'")
    # A browser sends a part without a name where nothing was chosen.
    files = [each for each in request.files.getlist("file") if each.filename]
    if not files:
        wrong = "file" in request.form
        advice = "The field 'file' holds text, not a file: " if wrong else "There is no file: "
        raise RequestError(400, "no_file", advice + "with curl, send --form file=@mailboxes.csv.")
    if len(files) > 1 or "file" in request.form:
        raise invalid_field("file", "is given more than once")
    return files[0]
