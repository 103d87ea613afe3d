"""Turns each error into a refusal with status, reason and sentence, for JSON and pages alike."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping

from flask import Request

from ..core.errors import (
    FileError,
    ImportInterrupted,
    ImportNotFound,
    ImportNotRunnable,
    InvalidCursor,
    MailboxesInUse,
    MailboxImportError,
    NotRetryable,
    TryLater,
    described,
    file_too_large,
)
from ..core.words import Words, say, together

logger = logging.getLogger("flask_mailbox_import")


class RequestError(MailboxImportError):
    """A request is refused; the API answers with the error as JSON, a page shows it."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: Words,
        details: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        #: The HTTP status (RFC 9110).
        self.status = status
        #: A slug; the README lists those of JSON answers.
        self.reason = reason
        #: A sentence that says what to do.
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})


#: For these errors a page shows its form again, with the reason.
REFUSED_ON_PAGE = (
    RequestError,
    FileError,
    MailboxesInUse,
    NotRetryable,
    TryLater,
)


def too_large(request: Request, limit: int) -> RequestError:
    """Return the refusal of a body that Werkzeug refused to read."""
    if (request.content_length or limit * 2) <= limit:
        return RequestError(
            400, "invalid_field", say("The form has more parts than an import has.")
        )
    fault = file_too_large(limit)
    return RequestError(413, fault.reason, fault.message, details=fault.details)


def refusal_of(fault: Exception, *, on_page: bool = False) -> RequestError:
    """Return the refusal for an error; an unforeseen one is logged with a reference.

    :param on_page: the answer is a page, not JSON.
    """
    match fault:
        case RequestError():
            refusal = fault
        case FileError():
            status = 413 if fault.reason == "file_too_large" else 400
            details = {"field": "file"} if on_page else fault.details
            refusal = RequestError(status, fault.reason, fault.message, details)
        case ImportNotFound():
            refusal = RequestError(404, "not_found", say("There is no such import."))
        case ImportNotRunnable():
            words = say(
                "The import is under way, or not begun yet: wait for its end, or cancel it."
            )
            refusal = RequestError(409, "import_running", words)
        case NotRetryable():
            refusal = RequestError(400, "invalid_field", fault.message)
        case InvalidCursor():
            words = say("The cursor is not one that a list of ours gave.")
            refusal = RequestError(400, "invalid_field", words, {"field": "cursor"})
        case MailboxesInUse():
            words = say(
                "Nothing was removed: this app still uses some of the mailboxes that the import "
                "added."
            )
            if not on_page:
                words = together(words, say("Leave mailboxes=true out to keep them."))
            refusal = RequestError(400, "invalid_field", words, {"field": "mailboxes"})
        case TryLater():
            headers = {"Retry-After": str(fault.retry_after)}
            refusal = RequestError(429, fault.reason, fault.message, headers=headers)
        case _:
            refusal = _internal(fault)
    return _on_page(refusal) if on_page else refusal


#: The sentences of a page that differ from JSON's.
_PAGE_WORDS = {
    "no_file": say("Select the file with your mailboxes."),
    "not_found": say("This import is not here. It may have been removed."),
}


def _on_page(refusal: RequestError) -> RequestError:
    """Return the refusal of a page: 422 in place of 400."""
    status = 422 if refusal.status == 400 and refusal.reason != "csrf" else refusal.status
    details = {"field": "file"} if refusal.reason == "no_file" else refusal.details
    words = _PAGE_WORDS.get(refusal.reason, refusal.message)
    return RequestError(status, refusal.reason, words, details, headers=refusal.headers)


def _internal(fault: Exception) -> RequestError:
    reference = secrets.token_hex(6)
    # The text of a foreign exception may hold values of a row, so only type and place are logged.
    words = str(fault) if isinstance(fault, MailboxImportError) else described(fault)
    logger.error("a call failed, reference %s: %s", reference, words)
    details: dict[str, object] = {"reference": reference}
    message = say("Something went wrong on our side.")
    if isinstance(fault, ImportInterrupted):
        details["importId"] = fault.import_id
        message = say("The import stopped before its end: send the file again to do what is left.")
        if fault.summary is not None:
            details |= fault.summary.counts
    give = say("Give whoever runs this app the reference %(reference)s.", reference=reference)
    return RequestError(500, "internal", together(message, give), details=details)


def invalid_field(name: str | None, why: Words) -> RequestError:
    """Return the refusal of a field: 400 ``invalid_field``.

    :param why: the rest of the sentence, behind the name of the field.
    """
    name = (name or "")[:64]
    words = say("The field '%(name)s' %(why)s.", name=name, why=why)
    return RequestError(400, "invalid_field", words, details={"field": name})
