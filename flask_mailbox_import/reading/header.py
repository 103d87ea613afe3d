"""Finds our columns, and those of the host's own, in the header of a file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..core.errors import FileError, UnclearFile
from ..core.host_columns import HostColumn
from ..core.imports import Question
from ..core.rows import COLUMNS, OF_FAILED_ROWS, REQUIRED, RowWarning
from ..core.validators import one_line
from ..core.words import Words, say, together
from .address_column import column_of_addresses
from .csv_rows import Row
from .header_names import MAX_NAME, NAMES, Found, folded, without_remark
from .host_columns import attribute_in_header, names_in_calls, names_in_files
from .spelling import odd_character

_BESIDE_A_HOST = frozenset({"port", "secure", "tls", "starttls"})
_SHOWN_NAMES = 20
#: The one required column that a file may lack, if the user says so: all its cells may be empty.
_MAY_BE_ABSENT = "imaphost"
#: The words of one name mean at most this many columns, each by itself.
_MAX_IN_A_NAME = 2
#: A header has at least this many known names, or "email". One other name alone may be a cell.
_LEAST_KNOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Our name for each column of a file, by position; None for a column that is not used.

    Some names are not among ``COLUMNS``; ``cells`` turns them into those: ``username`` is for both
    logins, ``firstname`` and ``lastname`` make the display name, and ``smtptls`` and
    ``smtpstarttls`` (and IMAP's) say how a connection is encrypted.
    """

    names: tuple[str | None, ...]
    warnings: tuple[RowWarning, ...] = ()
    #: Those of the names that are attributes of the host's own columns, with their titles.
    of_host: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Each mailbox names its SMTP server; else servers are given for all rows, or found.
    are_hosts_named: bool = True


class Matcher:
    """Finds our columns in headers. ``mapping`` (their header -> our column) takes precedence.

    A column that is mapped to None is not used. ``{"": "imaphost"}`` says that the file has no such
    column. A file must have the ``required`` columns.
    """

    #: Names that a mapping may name beside our columns and those of the host's own.
    _also: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        mapping: Mapping[str, str | None] = MappingProxyType({}),
        *,
        required: Sequence[str] = REQUIRED,
        host_columns: Sequence[HostColumn] = (),
    ) -> None:
        self._of_host = names_in_files(host_columns)
        self._titles = {each.attribute: each.title for each in host_columns}
        judged = _judged(mapping, {**names_in_calls(host_columns), **self._also}, self._titles)
        absent = judged.pop("", None)
        self._required = [name for name in required if name != absent]
        self._mapping = judged
        self._addresses = [theirs for theirs, ours in judged.items() if ours == "email"]
        self._folded = {theirs: folded(theirs) for theirs in self._mapping}

    def known(self, header: Iterable[str]) -> int:
        """Count how many of our columns a header names."""
        cells = tuple(header)
        return 0 if _is_mailbox(cells) else len({name for name in self.names(cells) if name})

    def is_name(self, cell: str) -> bool:
        """Tell whether a cell is the name of a column, or may be one."""
        return any(self._of(cell))

    def is_address(self, cell: str) -> bool:
        """Tell whether a cell surely names the column of addresses, unlike "Address"."""
        return NAMES.of(cell)[0] == "email" or folded(cell) in map(folded, self._addresses)

    def match(self, header: Sequence[str], row: int = 1, records: Sequence[Row] = ()) -> Columns:
        """Find our columns in a header, in any order.

        :param row: the number of the header's row.
        :param records: the rows below it, where a column of addresses is looked for.
        :raises UnclearFile, FileError: ``missing_column duplicate_column invalid_mapping``.
        """
        shown = [_shown(cell) for cell in header]
        self._refuse_separator(header)
        names = self.names(header)
        found = self._address_column(names, header, records)
        if found is not None:
            names = tuple(_with_email(names, found))
        known = {name for name in names if name}
        if (len(known) < _LEAST_KNOWN and "email" not in known) or _is_mailbox(header):
            # This may be a mailbox with its password, not a header: no message repeats any of it.
            words = say(
                "The first row must name the columns, each in a cell of its own: %(columns)s.",
                columns=", ".join(self._required),
            )
            raise FileError("missing_column", words, {"missing": list(self._required)})
        self._refuse_unmatched(header)
        double = doubled(header, names, self._titles)
        for fault, wanted in (double, _missing(shown, names, self._required)):
            if fault is not None:
                raise _to_be_asked(fault, wanted, header, names)
        unused = [cell for cell, name in zip(shown, names, strict=True) if cell and not name]
        warnings = []
        if set(OF_FAILED_ROWS) <= set(map(folded, unused)):
            unused = [cell for cell in unused if folded(cell) not in OF_FAILED_ROWS]
            warnings.append(RowWarning(row=0, column="", code="failed_rows_file"))
        warnings += [_of_column("unknown_column", cell, row) for cell in unused]
        if found is not None:
            warnings.append(_of_column("address_column", shown[found], row))
        of_host = {name: title for name, title in self._titles.items() if name in known}
        return Columns(
            names=names,
            warnings=tuple(warnings),
            of_host=of_host,
            are_hosts_named="smtphost" in self._required,
        )

    def _of(self, cell: str) -> Found:
        """Return the column of ours or of the host's that a cell names, as ``Names.of`` does."""
        found = NAMES.of(cell)
        if any(found) or not self._of_host:
            return found
        return attribute_in_header(cell, self._of_host), ()

    def _address_column(
        self, names: Sequence[str | None], header: Sequence[str], records: Sequence[Row]
    ) -> int | None:
        """Return the column of addresses where no name tells it; None where a name does."""
        places = self._places(header)
        mapped = {place for found in places.values() for place in found}
        named = [place for place, name in enumerate(names) if name == "email"]
        # A street "Address" is none; any other name of the column is right, unless it is empty.
        if any(place in mapped for place in named):
            return None
        is_sure = any(NAMES.of(header[place])[0] for place in named)
        free = [place for place in range(len(names)) if place not in mapped]
        return column_of_addresses(names, header, records, free, named, is_sure=is_sure)

    def names(self, header: Sequence[str]) -> tuple[str | None, ...]:
        """Return our name for each column of a header, as far as the names tell."""
        mapped = self._mapped(header)
        taken = set(mapped.values())
        names: list[str | None] = []
        weak: list[tuple[str, ...]] = []
        for place, cell in enumerate(header):
            name, candidates = (mapped[place], ()) if place in mapped else self._of(cell)
            # A mapped column takes precedence over another column of the same name.
            names.append(None if name in taken and place not in mapped else name)
            weak.append(candidates)
        for place, candidates in enumerate(weak):
            if names[place] is None and candidates:
                names[place] = _weak_name(place, names, weak)
        if "password" not in names:
            # A lone SMTP password is for both logins; an IMAP password takes precedence over it.
            names = ["password" if name == "smtppassword" else name for name in names]
        return tuple(names)

    def _mapped(self, header: Sequence[str]) -> dict[int, str | None]:
        """Return what each mapped column is mapped to, by its position."""
        places = self._places(header)
        return {place: ours for theirs, ours in self._mapping.items() for place in places[theirs]}

    def _places(self, header: Sequence[str]) -> dict[str, list[int]]:
        """Return the positions of the mapped columns: spelt the same or, else, folded alike."""
        spelt, nearly = defaultdict(list), defaultdict(list)
        for place, cell in enumerate(header) if self._mapping else ():
            spelt[cell.strip()].append(place)
            nearly[folded(cell)].append(place)
        return {
            theirs: spelt.get(theirs.strip()) or nearly.get(name, [])
            for theirs, name in self._folded.items()
        }

    def _refuse_separator(self, header: Sequence[str]) -> None:
        """Refuse a header whose names stand in one cell, and name what is between them."""
        filled = [each for each in header if each.strip()]
        if len(filled) != 1 or len(filled[0]) > MAX_NAME or "@" in filled[0]:
            return
        names, between = re.findall(r"\w+", filled[0]), re.findall(r"\W+", filled[0].strip())
        same = {each.strip() or each[0] for each in between}
        found = [NAMES.of(each) for each in names]
        known = {name or weak[0] for name, weak in found if name or weak}
        # Two words may be one name, such as "Mail server".
        if len(same) == 1 and (len(known) > _MAX_IN_A_NAME or known.issuperset(self._required)):
            (separator,) = same
            is_seen = separator.isprintable() and separator.strip()
            named = f"'{separator}'" if is_seen else odd_character(separator, "")
            words = say(
                "The columns of this file are separated by %(separator)s: save it with commas "
                "between them.",
                separator=named,
            )
            raise FileError("missing_column", words, {"missing": list(self._required)})

    def _refuse_unmatched(self, header: Sequence[str]) -> None:
        shown = [_shown(cell) for cell in header]
        mapped: set[int] = set()
        for theirs, places in self._places(header).items():
            name = _shown(theirs)
            if not places:
                words = say(
                    "The mapping: the file has no column '%(column)s', but %(columns)s.",
                    column=name,
                    columns=_listed(shown),
                )
                raise _invalid_mapping(words, theirs)
            if not mapped.isdisjoint(places):
                words = say("The mapping: the column '%(column)s' is there twice.", column=name)
                raise _invalid_mapping(words, theirs)
            mapped.update(places)


def _weak_name(
    place: int, names: Sequence[str | None], weak: Sequence[tuple[str, ...]]
) -> str | None:
    """Return which column a vague name such as "Port" means."""
    candidates = weak[place]
    left = [name[:4] for name in names[:place] if name and name[4:] == "host"]
    if candidates[0][4:] in _BESIDE_A_HOST and (len(set(left)) == 1 or weak.count(candidates) > 1):
        # It belongs to the server whose host stands before it.
        candidates = tuple(f"{side}{candidates[0][4:]}" for side in left[-1:])
    elif weak.count(candidates) > 1:
        return None  # which of two columns "Host" is SMTP's is not known
    return next((each for each in candidates if each not in names), None)


def _is_mailbox(header: Iterable[str]) -> bool:
    """Tell whether a row is a mailbox, not a header: it holds an address."""
    return any("@" in without_remark(cell) for cell in header)


def _judged(
    mapping: Mapping[str, str | None], of_host: Mapping[str, str], titles: Mapping[str, str]
) -> dict[str, str | None]:
    """Return a mapping with our names as we spell them.

    :param of_host: the attributes of the host's own columns, and other names, by their names.
    :param titles: what these columns are called in messages, by their attributes.
    :raises FileError: ``invalid_mapping``.
    """
    found: dict[str, str | None] = {}
    for theirs, ours in mapping.items():
        if not all(isinstance(each, str | None) for each in (theirs, ours)) or theirs is None:
            words = say("The mapping: it takes names of columns, theirs to ours.")
            raise _invalid_mapping(words, "")
        name = folded(ours) if ours else None
        name = of_host.get(name, name) if name else None
        if not theirs.strip() and name != _MAY_BE_ABSENT:
            words = say(
                "The mapping: a file may go without %(column)s only.", column=_MAY_BE_ABSENT
            )
            raise _invalid_mapping(words, "")
        known = tuple(dict.fromkeys((*COLUMNS, *of_host.values())))
        if name is not None and name not in known:
            words = say(
                "The mapping: '%(column)s' is none of our columns: %(columns)s.",
                column=_shown(ours or ""),
                columns=", ".join(known),
            )
            raise _invalid_mapping(words, theirs)
        if name is not None and name in found.values():
            title = titles.get(name, name)
            words = say("The mapping: the column %(column)s is named more than once.", column=title)
            raise _invalid_mapping(words, theirs)
        found[theirs.strip() and theirs] = name
    return found


def _invalid_mapping(words: Words, column: str) -> FileError:
    return FileError("invalid_mapping", words, {"column": _shown(column)})


def _to_be_asked(
    fault: FileError, wanted: Sequence[str], header: Sequence[str], names: Sequence[str | None]
) -> FileError:
    """Return an ``UnclearFile`` where the file may have the wanted columns; else the fault."""
    theirs = [cell.strip() for cell in header]
    found = [
        cell
        for cell, name in zip(theirs, names, strict=True)
        if (name is None or name in wanted) and 0 < len(cell) <= MAX_NAME and cell.isprintable()
    ]
    alike = {folded(each) for each in found}
    needed = sum(each != _MAY_BE_ABSENT for each in wanted)
    if len(alike) < max(len(found), needed):
        return fault
    question = Question(message=fault.message, wanted=tuple(wanted), found=tuple(found))
    return UnclearFile(fault.reason, question, fault.details)


def doubled(
    header: Sequence[str],
    names: Sequence[str | None],
    titles: Mapping[str, str] = MappingProxyType({}),
) -> tuple[FileError | None, Sequence[str]]:
    """Return the fault of a header in which a column of ours is there twice, and its name."""
    for name in names:
        same = [_shown(cell) for cell, known in zip(header, names, strict=True) if known == name]
        if name and len(same) > 1:
            words = say(
                "The column %(column)s is there more than once (%(columns)s): remove or rename "
                "one.",
                column=titles.get(name, name),
                columns=_listed(same),
            )
            details = {"column": name, "found": same}
            return FileError("duplicate_column", words, details), (name,)
    return None, ()


def _missing(
    shown: Sequence[str], names: Sequence[str | None], required: Sequence[str]
) -> tuple[FileError | None, Sequence[str]]:
    missing = [name for name in required if name not in names]
    if not missing:
        return None, ()
    advice = say("Add it, or rename the column that holds it.")
    if len(missing) > 1:
        advice = say("Add them, or rename the columns that hold them.")
    if missing == [_MAY_BE_ABSENT]:
        advice = say("Add it; its cells may be empty.")
    if "smtphost" in missing:
        advice = say(
            "Add the server names that your provider gives (for Google smtp.gmail.com and "
            "imap.gmail.com)."
        )
    none = say("no column %(column)s", column=missing[0])
    for name in missing[1:]:
        none = say("%(before)s and no column %(column)s", before=none, column=name)
    there = say("Its columns are: %(columns)s.", columns=_listed(shown))
    words = together(say("The file has %(missing)s.", missing=none), there, advice)
    details = {"missing": missing, "found": _found(shown)}
    return FileError("missing_column", words, details), missing


def _of_column(code: str, cell: str, row: int) -> RowWarning:
    return RowWarning(row=row, column=cell, code=code)


def _with_email(names: Sequence[str | None], email: int) -> Iterator[str | None]:
    for place, name in enumerate(names):
        yield "email" if place == email else None if name == "email" else name


def _shown(cell: str) -> str:
    text = one_line(cell)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."


def _found(shown: Sequence[str]) -> list[str]:
    return [cell for cell in shown if cell]


def _listed(shown: Sequence[str]) -> str:
    found = _found(shown)
    names, more = ", ".join(found[:_SHOWN_NAMES]), len(found) - _SHOWN_NAMES
    return say("%(columns)s and %(count)s more", columns=names, count=more) if more > 0 else names
