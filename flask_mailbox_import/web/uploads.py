"""Limits the size of requests, keeps files in memory, and finds the uploaded file."""

from __future__ import annotations

import io
from typing import Any

from flask import Request, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from ..core.errors import file_too_large
from ..core.words import say
from ..engine.state import NAME, current_state
from .errors import RequestError, invalid_field

#: Bytes of a request beside the file: the other fields and the multipart boundaries.
_FORM_BYTES = 64 * 1024
_FORM_PARTS = 20
#: Bytes of one row in the form of a result page.
_ROW_BYTES = 2000


def limit_first(setup: BlueprintSetupState) -> None:
    """Set the limits before any hook of the host's, because a hook may read the form."""
    setup.app.url_value_preprocessors[None].insert(0, _limit)


def is_api(endpoint: str | None) -> bool:
    """Tell whether an endpoint is one of our JSON routes."""
    return (endpoint or "").startswith(f"{NAME}.api_")


def _limit(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Set the limits of a request of ours, and exempt the API from a host's CSRFProtect.

    The API needs no CSRF token: auth.py calls no loader for a request of another site.
    """
    if not (endpoint or "").startswith(f"{NAME}."):
        return
    config = current_state().config
    # The form of a result page has the cells of each failed row.
    room = config.max_rows * _ROW_BYTES if endpoint == f"{NAME}.retry" else 0
    request.max_content_length = max(config.max_file_size, room) + _FORM_BYTES
    request.max_form_memory_size = request.max_content_length
    request.max_form_parts = _FORM_PARTS
    # Werkzeug's own stream would write a file above 500 kB to disk, in clear.
    request._get_file_stream = _memory_stream  # type: ignore[method-assign]
    request.form_data_parser_class = _NamedParts
    csrf = current_app.extensions.get("csrf")
    if csrf is not None and is_api(endpoint):
        view = current_app.view_functions[endpoint or ""]
        # CSRFProtect exempts by name. If a wrapper of the host gave all views the same name,
        # all of them would be exempt, so only names in our package are used.
        if view.__module__.startswith(__package__):
            csrf.exempt(view)


class _NamedParts(FormDataParser):
    """Parses forms; a part without a name is called "". A host's CSRFProtect fails on None."""

    def parse(self, *args: Any, **options: Any) -> tuple[Any, Any, Any]:
        """See Werkzeug's ``FormDataParser``."""
        stream, form, files = super().parse(*args, **options)
        return stream, self._named(form), self._named(files)

    def _named(self, parts: MultiDict[str, Any]) -> MultiDict[str, Any]:
        return self.cls([(name or "", each) for name, each in parts.items(multi=True)])


def _memory_stream(*_args: object, **_kwargs: object) -> io.BytesIO:
    return io.BytesIO()


def has_form() -> bool:
    """Tell whether the body of the request is a form that may have a file."""
    return request.mimetype == "multipart/form-data"


def check_envelope() -> None:
    """Check the media type, then the size; the body is read last."""
    if not has_form() or request.content_encoding:
        raise RequestError(
            415,
            "not_multipart",
            say("Send an uncompressed multipart/form-data body with the file in the field 'file'."),
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
            raise invalid_field(name, say("is not known; send the file in the field 'file'"))
    # A browser sends a part without a file name where no file was chosen.
    files = [each for each in request.files.getlist("file") if each.filename]
    if not files:
        words = say("There is no file: with curl, send --form file=@mailboxes.csv.")
        if "file" in request.form:
            words = say(
                "The field 'file' holds text, not a file: with curl, send --form "
                "file=@mailboxes.csv."
            )
        raise RequestError(400, "no_file", words)
    if len(files) > 1 or "file" in request.form:
        raise invalid_field("file", say("is given more than once"))
    return files[0]
