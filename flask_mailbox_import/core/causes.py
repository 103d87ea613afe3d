"""Failed rows, grouped by their cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .codes import OF_THE_FILE, Code
from .failures import Failure
from .rows import RowResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which failed rows are meant: those with all of what is given here; None: whatever it is."""

    code: Code | None = None
    #: The SMTP server that the row names; "": rows that name none.
    smtp_host: str | None = None
    smtp_port: int | None = None

    def fits(self, code: Code | None, smtp_host: str, smtp_port: int | None) -> bool:
        """Tell whether a failed row of this code, server and port is meant."""
        host = self.smtp_host
        return (
            self.code in (None, code)
            and (host is None or host.casefold() == smtp_host.casefold())
            and self.smtp_port in (None, smtp_port)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The cause that some failed rows have in common."""

    failure: Failure
    #: The provider whose own hint ``failure`` has; "" where it has the general hint.
    provider: str
    #: Where the login was tried: a server and its port; "" where that has nothing to do with it.
    server: str
    rows: tuple[int, ...]


def causes_of(results: Iterable[RowResult]) -> list[Cause]:
    """Return the causes of failed rows by server; the cause with the most rows comes first."""
    rows: dict[tuple[str, str, str], list[int]] = {}
    failures: dict[tuple[str, str, str], Failure] = {}
    for each in results:
        if each.failure is not None:
            key = (each.failure.error, each.failure.hint, server_of(each))
            rows.setdefault(key, []).append(each.row)
            failures.setdefault(key, each.failure)
    causes = [
        Cause(failure=failure, provider=_provider(failure), server=key[-1], rows=tuple(rows[key]))
        for key, failure in failures.items()
    ]
    return sorted(causes, key=lambda each: -len(each.rows))


def server_of(result: RowResult) -> str:
    """Return the server and the port at which a row failed, as ``host:port``.

    It is "" where the row was not tested because of what the file has, and where only reading
    (IMAP) failed.
    """
    of_imap = result.smtp is None and result.imap is not None
    if result.code in OF_THE_FILE or of_imap or not result.smtp_host:
        return ""
    port = "" if result.smtp_port is None else f":{result.smtp_port}"
    return f"{result.smtp_host.lower()}{port}"


def _provider(failure: Failure) -> str:
    """Return the name of the provider whose hint for its code a failure has."""
    return next((each.provider for each in failure.steps if each.is_hint_for(failure.code)), "")
