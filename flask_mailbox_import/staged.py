"""What is staged and run, as frozen values with the ids of the database; touches none itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .records import Mailbox, Notice, OnDuplicate, Options, Reason, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The right to work on an import, until somebody else takes it over."""

    import_id: str
    workspace_id: str
    token: str
    tag: str | None
    skip_connection_test: bool
    test_imap: bool
    api_key_id: int | None
    on_duplicate: OnDuplicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An import with rows to do."""

    import_id: str
    workspace_id: str
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """A ready row out of the database; ``record`` is None where it is gone."""

    id: int
    record: Record | None
    #: It is there, but does not open: somebody has changed it.
    is_broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A failed row out of the database."""

    row: int
    email: str
    code: str | None
    staged: StagedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a staged row: a mailbox to save or, with ``reason``, why there is none."""

    row_id: int
    mailbox: Mailbox | None = None
    reason: Reason | None = None
    smtp: Reason | None = None
    imap: Reason | None = None
    #: What the check said about the row, and what the tests showed.
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file that waits for somebody to say how it is to be read."""

    options: Options
    data: bytes
    encoding: str | None
    column_mapping: Mapping[str, str | None]
