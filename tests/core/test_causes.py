"""Failed rows, grouped by cause and server."""

from __future__ import annotations

from flask_mailbox_import.core.causes import causes_of, server_of
from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.failures import failure_for
from flask_mailbox_import.core.rows import RowResult, RowStatus
from flask_mailbox_import.core.sentences import sentence


def failed(number: int, code: Code, host: str = "smtp.x.com", port: int | None = 587) -> RowResult:
    return RowResult(
        row=number,
        email="a@x.com",
        status=RowStatus.FAILED,
        smtp_host=host,
        smtp_port=port,
        failure=failure_for(code),
    )


def test_a_cause_has_the_rows_of_one_server():
    rows = [
        failed(2, Code.BAD_CREDENTIALS),
        failed(3, Code.BAD_CREDENTIALS, "SMTP.x.com"),
        failed(4, Code.BAD_CREDENTIALS, port=465),
        failed(5, Code.BAD_CREDENTIALS, "other.x.com"),
    ]
    found = [(each.server, each.rows) for each in causes_of(rows)]
    assert found == [
        ("smtp.x.com:587", (2, 3)),
        ("smtp.x.com:465", (4,)),
        ("other.x.com:587", (5,)),
    ]


def test_what_is_wrong_in_the_file_is_one_cause_whatever_the_server():
    rows = [failed(2, Code.INVALID_EMAIL), failed(3, Code.INVALID_EMAIL, "other.x.com")]
    (cause,) = causes_of(rows)
    assert (cause.server, cause.rows) == ("", (2, 3))
    assert server_of(failed(2, Code.UNKNOWN, host="", port=None)) == ""
    assert server_of(failed(2, Code.UNKNOWN, port=None)) == "smtp.x.com"


def test_a_cause_is_of_a_provider_only_by_the_hint_for_its_own_code():
    plain = failed(2, Code.BAD_CREDENTIALS)
    gmail = sentence("Gmail.bad_credentials")
    own = RowResult(
        row=3,
        email="a@x.com",
        status=RowStatus.FAILED,
        failure=failure_for(Code.BAD_CREDENTIALS).with_last(gmail),
    )
    others = RowResult(
        row=4,
        email="a@x.com",
        status=RowStatus.FAILED,
        failure=failure_for(Code.UNKNOWN).with_last(gmail),
    )
    assert [each.provider for each in causes_of([plain, own, others])] == ["", "Gmail", ""]
