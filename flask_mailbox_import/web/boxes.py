"""What the result page shows of each cause: a box with its fields, what was typed, its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..core.codes import Code
from ..core.mailboxes import Protocol
from ..core.remedies import FailedCause, Remedy, column_of
from ..core.rows import SECRET_COLUMNS, KeptCells, RowResult
from ..core.secret import Secret

#: So many boxes are on a page, and so many of these are open.
BOXES_SHOWN, _OPEN = 20, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxField:
    """A field whose value is for all rows of a box."""

    #: Of its form: the id of the cause, and our name of the column.
    name: str
    column: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRow:
    """A row of a box."""

    result: RowResult
    #: The column of the password that was refused.
    password_column: str
    #: A new password was typed, and is kept until it is tested.
    has_new_password: bool
    #: Something was typed.
    is_changed: bool
    #: The hint, where it is not that of the box.
    own_hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A cause on the page."""

    cause: FailedCause
    fields: tuple[BoxField, ...]
    rows: tuple[BoxRow, ...]
    is_open: bool
    #: Its list of rows is shown, not folded.
    shows_rows: bool
    #: The row that is corrected by itself: its cells, and the column that is wrong.
    opened: KeptCells | None
    wrong: str

    @property
    def has_grid(self) -> bool:
        """Whether new passwords are typed beside the addresses."""
        return self.cause.key.remedy is Remedy.PASSWORD and self.cause.kept > 0

    @property
    def is_stopped(self) -> bool:
        """Whether its rows were left out after some refused logins at their server."""
        is_counted = "count" in self.cause.failure.what.values
        return self.cause.key.code is Code.NOT_TESTED and is_counted

    @property
    def may_pass(self) -> bool:
        """Whether its rows may pass as they are, in another test."""
        return self.cause.key.remedy is Remedy.AGAIN and self.cause.kept > 0


def columns_of(cause: FailedCause) -> dict[str, str]:
    """Return the columns that are corrected for all rows of a cause, with their values now."""
    key = cause.key
    if not cause.kept:
        return {}
    is_imap = key.is_imap or column_of(cause.failure).startswith("imap")
    side = Protocol.IMAP if is_imap else Protocol.SMTP
    port = "" if is_imap else str(key.smtp_port or cause.port or "")
    host = "" if is_imap else key.smtp_host
    if key.remedy is Remedy.SERVER:
        return {f"{side.value}host": host, f"{side.value}port": port}
    if key.remedy is Remedy.PORT:
        return {f"{side.value}port": port, f"{side.value}secure": ""}
    return {}


def boxes_of(
    causes: Iterable[FailedCause],
    typed: Mapping[str, str | Secret],
    kept: Mapping[int, KeptCells],
    *,
    chosen: str = "",
    opened: KeptCells | None = None,
    wrong: str = "",
) -> list[Box]:
    """Return the boxes of causes.

    :param typed: what was typed, by the names of fields.
    :param kept: the cells of listed rows, by their numbers.
    :param chosen: the id of the cause whose rows are listed.
    :param opened: the row that is corrected by itself.
    :param wrong: the name of the field that is wrong.
    """
    return [
        _box(cause, place, typed, kept, chosen, opened, wrong) for place, cause in enumerate(causes)
    ]


def _box(
    cause: FailedCause,
    place: int,
    typed: Mapping[str, str | Secret],
    kept: Mapping[int, KeptCells],
    chosen: str,
    opened: KeptCells | None,
    wrong: str,
) -> Box:
    fields = tuple(
        _field(f"{cause.key.id}.{column}", column, value, typed)
        for column, value in columns_of(cause).items()
    )
    rows = tuple(_row(each, cause, typed, kept.get(each.row)) for each in cause.rows)
    mine = opened if opened and opened.row in {each.result.row for each in rows} else None
    is_touched = any(each.is_changed for each in rows) or any(
        each.name in typed or each.name == wrong for each in fields
    )
    is_chosen = cause.key.id == chosen
    return Box(
        cause=cause,
        fields=fields,
        rows=rows,
        is_open=place < _OPEN or is_chosen or mine is not None or is_touched,
        shows_rows=is_chosen or mine is not None,
        opened=mine,
        wrong=column_of(cause.failure, is_imap=cause.key.is_imap) if mine is not None else "",
    )


def _field(name: str, column: str, value: str, typed: Mapping[str, str | Secret]) -> BoxField:
    return BoxField(name=name, column=column, value=str(typed.get(name, value)))


def _row(
    result: RowResult, cause: FailedCause, typed: Mapping[str, str | Secret], kept: KeptCells | None
) -> BoxRow:
    has = kept.has if kept is not None else frozenset[str]()
    column = "imappassword" if cause.key.is_imap else "password"
    if not cause.key.is_imap and "smtppassword" in has:
        column = "smtppassword"
    own = {name.partition(".")[2] for name in typed if name.startswith(f"{result.row}.")}
    return BoxRow(
        result=result,
        password_column=column,
        has_new_password=bool(own & SECRET_COLUMNS),
        is_changed=bool(own),
        own_hint=result.hint if result.hint != cause.failure.hint else "",
    )


def rows_of(causes: Sequence[FailedCause]) -> list[int]:
    """Return the numbers of the listed rows whose passwords are typed beside their addresses."""
    return [row.row for each in causes if each.key.remedy is Remedy.PASSWORD for row in each.rows]
