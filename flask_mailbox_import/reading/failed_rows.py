"""Reads a file of failed rows that comes back: what was changed in which row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..config import Config
from ..core.errors import FileError, NotRetryable
from ..core.failures import Failure
from ..core.host_columns import HostColumn
from ..core.imports import ImportOptions
from ..core.rows import COLUMNS, ROW_NUMBER, SECRET_COLUMNS, FailedRow, Record
from ..core.secret import Secret
from ..core.words import Words, say, together
from .cells import to_records
from .csv_rows import Row
from .header import Columns, Matcher, doubled
from .header_names import folded
from .reader import read_table
from .returned_cells import Returned
from .swallowed import refuse_swallowed
from .table import Table

#: The number of a row as spreadsheets write it: 14, 14.0 or, with a mark at the thousands, 1,400.
_NUMBER = re.compile(r"'?([0-9]{1,9})(?:[.,]0{1,2})?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[.,'\u2019 \u00a0\u202f][0-9]{3}){1,2}")

_TAKE_THE_FILE = say(
    "Download the failed rows of this import, correct them in that file, and send it back."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedRow:
    """A row of a file of failed rows that came back."""

    #: The number of the failed row.
    row: int
    #: The number that a spreadsheet shows beside it in the file that came back.
    line: int
    #: The new values, by the names that records have; empty where nothing was changed.
    values: Mapping[str, str | Secret]


class FailedRowsMatcher(Matcher):
    """Finds the columns of a file of failed rows.

    A column is known by the name that the file was given out with. Another name of it counts only
    where that one is not there: it was renamed then. All else is a column of the user's own.
    """

    _also: Mapping[str, str] = MappingProxyType({ROW_NUMBER: ROW_NUMBER})

    def __init__(
        self, mapping: Mapping[str, str | None], host_columns: Sequence[HostColumn]
    ) -> None:
        super().__init__(mapping, required=(), host_columns=host_columns)
        ours = {each: each for each in (ROW_NUMBER, *COLUMNS)}
        self._exact = ours | {folded(each.title): each.attribute for each in host_columns}

    def is_address(self, _cell: str) -> bool:
        """Tell that no row is a remark: each has a number of its own."""
        return False

    def names(self, header: Sequence[str]) -> tuple[str | None, ...]:
        """See ``Matcher``."""
        mapped = self._mapped(header)
        exact = [self._exact.get(folded(cell)) for cell in header]
        taken = {*exact, *mapped.values()}
        names: list[str | None] = []
        for place, cell in enumerate(header):
            name = exact[place]
            if place in mapped:
                name = mapped[place]
            elif name is None:
                other = self._of(cell)[0]
                name = other if other in self._exact.values() and other not in taken else None
            elif name in mapped.values():
                name = None
            names.append(name)
        return tuple(names)

    def match(self, header: Sequence[str], row: int = 1, records: Sequence[Row] = ()) -> Columns:
        """Find the columns; the rows below the header are not needed.

        :raises FileError: ``missing_column duplicate_column invalid_mapping``.
        """
        del row, records
        names = self.names(header)
        if ROW_NUMBER not in names:
            # The header may be a mailbox with its password: no message repeats any of it.
            words = say(
                "This is not the file of failed rows: it has no column %(column)s.",
                column=ROW_NUMBER,
            )
            details = {"missing": [ROW_NUMBER]}
            raise FileError("missing_column", together(words, _TAKE_THE_FILE), details)
        self._refuse_unmatched(header)
        fault, _ = doubled(header, names, self._titles)
        if fault is not None:
            raise fault
        if not any(name for name in names if name != ROW_NUMBER):
            words = say("This file of failed rows has none of our columns: nothing is corrected.")
            details = {"missing": list(COLUMNS)}
            raise FileError("missing_column", together(words, _TAKE_THE_FILE), details)
        of_host = {name: title for name, title in self._titles.items() if name in names}
        return Columns(names=names, of_host=of_host)


def read_failed_rows(
    data: bytes,
    config: Config,
    options: ImportOptions,
    given: Sequence[FailedRow],
    host_columns: Sequence[HostColumn] = (),
) -> tuple[ReturnedRow, ...]:
    """Return the rows of a file of failed rows that comes back, with what was changed in each.

    :param options: its encoding and its column mapping count.
    :param given: the failed rows as they were given out.
    :param host_columns: the columns of the host's own that files may fill.
    :raises UnclearFile, FileError: the file cannot be read, or is no file of failed rows.
    :raises NotRetryable: a line names no row that failed, or one twice, or its cells have moved.
    """
    matcher = FailedRowsMatcher(options.column_mapping, host_columns)
    table = read_table(data, config, options, matcher)
    columns = matcher.match(table.header, table.header_row, table.records)
    for each in table.records:
        refuse_swallowed(each.number, each.cells, columns, table.delimiter)
    lines = list(_lines(table, columns, {each.row: each for each in given}))
    returned = Returned(options, host_columns)
    rows = [_changed(line, columns, each, returned) for each, line in lines]
    records = to_records(replace(table, records=tuple(rows)), columns)
    return tuple(
        ReturnedRow(
            row=each.row,
            line=record.row,
            values=_values(record, each, _filled(row, columns), returned),
        )
        for (each, _), row, record in zip(lines, rows, records, strict=True)
    )


def _lines(
    table: Table, columns: Columns, given: Mapping[int, FailedRow]
) -> Iterator[tuple[FailedRow, Row]]:
    """Yield each line of the file, with its row as it was given out before it.

    Lines in which only columns of the user's own are filled are passed over.

    :raises NotRetryable: a line has no number of a failed row, or one that another line has.
    """
    place = columns.names.index(ROW_NUMBER)
    seen: dict[int, int] = {}
    for line in table.records:
        used = [cell for cell, name in zip(line.cells, columns.names, strict=False) if name]
        if not any(map(str.strip, used)):
            continue
        number = _number(line.cells[place] if place < len(line.cells) else "")
        if line.is_packed or number is None:
            words = say("The column %(column)s holds no number of a row.", column=ROW_NUMBER)
            advice = say("Copy it from the file of failed rows, or take the line out.")
            raise _of_line(line, together(words, advice))
        if number not in given:
            words = say("Row %(row)s is not a row of this import that failed.", row=number)
            raise _of_line(line, together(words, say("Take the line out, or correct its number.")))
        if number in seen:
            words = say("Row %(row)s is in line %(first)s, too.", row=number, first=seen[number])
            raise _of_line(line, together(words, say("Take one of the two lines out.")))
        seen[number] = line.number
        yield given[number], line


def _number(text: str) -> int | None:
    text = text.strip()
    if found := _NUMBER.fullmatch(text):
        return int(found[1])
    return int(re.sub(r"\D", "", text)) if _THOUSANDS.fullmatch(text) else None


def _changed(line: Row, columns: Columns, given: FailedRow, returned: Returned) -> Row:
    """Return a line with those of its cells alone that were changed.

    Of a row that is not kept nothing else is there: all its cells are needed, once one is changed
    or a password is filled in.
    """
    names = columns.names
    cells = {name: cell for name, cell in zip(names, line.cells, strict=False) if name}
    del cells[ROW_NUMBER]
    changed = set()
    for name in cells:
        before = given.cells.get(name, "")
        if name not in SECRET_COLUMNS:
            cells[name] = returned.text(cells[name], before)
        if cells[name].strip() and not returned.is_same(name, cells[name], before):
            changed.add(name)
    used = cells.keys() if changed and not given.is_kept else changed
    kept = [cells[name] if name and name in used else "" for name in names[: len(line.cells)]]
    # What is beyond the columns shows that cells have moved.
    return line._replace(cells=(*kept, *line.cells[len(names) :]))


def _filled(line: Row, columns: Columns) -> set[str]:
    pairs = zip(columns.names, line.cells, strict=False)
    return {name for name, cell in pairs if name and cell.strip()}


def _values(
    record: Record, given: FailedRow, filled: set[str], returned: Returned
) -> dict[str, str | Secret]:
    """Return the new values of a row.

    A cell may tell of another column, as a server "mail.example.com:465" does of the port.

    :param filled: the columns in which the line itself has a new value.
    :raises NotRetryable: the cells of its line have moved.
    """
    if record.problem is not None:
        raise NotRetryable(_of_problem(record.row, record.problem))
    found: dict[str, str | Secret] = {}
    for name, cell in record.cells.items():
        before = given.cells.get(name, "")
        is_new = name in filled or not before or name.endswith(("port", "secure"))
        if cell and is_new and not (given.is_kept and returned.is_same(name, cell, before)):
            found[name] = cell
    return found | {name: each for name, each in record.secrets.items() if each}


def _of_problem(line: int, problem: Failure) -> Words:
    return say("Line %(line)s: %(text)s", line=line, text=problem.text)


def _of_line(line: Row, words: Words) -> NotRetryable:
    return NotRetryable(say("Line %(line)s: %(text)s", line=line.number, text=words))
