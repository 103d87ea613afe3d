"""The JSON face: reads the request, calls the importer, writes the answer; knows no SQL."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, request, url_for
from flask.blueprints import BlueprintSetupState

from .answers import answer, json_view
from .auth import ApiKey, authenticate, workspace_of
from .bodies import call_body, dry_run_body, import_body
from .errors import RequestError, file_too_large
from .fields import prefers_async, read_fields, read_file, refuse_arguments
from .state import NAME, current_state

#: Room in a request beside the file: the other fields and the multipart boundaries.
_FORM_BYTES = 64 * 1024
_FORM_PARTS = 20
#: Room for one row in the form of a result page.
_ROW_BYTES = 2000
#: All that a route answers itself, so that a wrong one is refused in JSON.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def register(blueprint: Blueprint) -> None:
    """Add the JSON routes to the blueprint."""
    blueprint.record_once(_prepare_first)
    blueprint.add_url_rule(
        "/v1/mailboxes/import/smtp",
        endpoint="api_import",
        view_func=import_smtp,
        methods=METHODS,
        provide_automatic_options=False,
    )


def _prepare_first(setup: BlueprintSetupState) -> None:
    # Ahead of the blueprint's own, and of the host's, that may read the form.
    setup.app.url_value_preprocessors[None].insert(0, _prepare)


def is_api(endpoint: str | None) -> bool:
    """Tell the endpoints of our JSON routes from those of our pages."""
    return (endpoint or "").startswith(f"{NAME}.api_")


def _prepare(endpoint: str | None, _values: dict[str, Any] | None) -> None:
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


def caller(*methods: str) -> ApiKey | str:
    """Return who calls: a valid API key, or the workspace that the host's loader names.

    :raises RequestError: 401, and after that 405 for another method.
    """
    state = current_state()
    identity = authenticate(request, state.api_keys, state.api_workspace_loader())
    check_method(*methods)
    return identity


def check_method(*methods: str) -> None:
    """Refuse other methods than a route has.

    :raises RequestError: 405.
    """
    asked = "GET" if request.method == "HEAD" else request.method
    if asked not in methods:
        allowed = {"Allow": ", ".join(methods)}
        words = f"Call this with {' or '.join(methods)}."
        raise RequestError(405, "method_not_allowed", words, headers=allowed)


@json_view("POST")
def import_smtp() -> Response:
    """``POST /v1/mailboxes/import/smtp``: import a CSV file of mailboxes."""
    state = current_state()
    identity = caller("POST")
    _check_envelope()
    workspace_id = workspace_of(identity, request)
    refuse_arguments(request)
    fields = read_fields(request)
    file = read_file(request)
    options: dict[str, Any] = {
        "workspace_id": workspace_id,
        "skip_connection_test": fields.skip_connection_test,
        "test_imap": fields.test_imap,
        "encoding": fields.encoding,
        "column_mapping": fields.column_mapping,
        "updates": fields.updates,
    }
    if fields.dry_run:
        check = state.importer.check_file(file.stream, **options)
        return answer({"success": True, "data": dry_run_body(check.summary())})
    options |= {
        "tag": fields.tag,
        "file_name": file.filename,
        "api_key_id": identity.id if isinstance(identity, ApiKey) else None,
    }
    if prefers_async(request) and not state.jobs.is_inline():
        import_id = state.importer.stage_file(file.stream, **options)
        state.jobs.start(import_id, workspace_id=workspace_id)
        return accepted(import_id, workspace_id, {"Preference-Applied": "respond-async"})
    summary = state.importer.run_file(file.stream, **options)
    return answer({"success": True, "data": call_body(summary)})


def accepted(
    import_id: str, workspace_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer 202 with an import that goes on, and where it can be watched."""
    summary = current_state().importer.summary(import_id, workspace_id=workspace_id)
    address = url_for(f"{NAME}.api_resource", import_id=import_id)
    body = {"success": True, "data": import_body(summary)}
    return answer(body, 202, {"Location": address, **(headers or {})})


def _check_envelope() -> None:
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
